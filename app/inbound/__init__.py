"""The inbox (事件收件箱): every event from outside, kept once, with what became of it."""

"""What happened to members beside purchases: raw facts, each kept once. What follows from them is decided above."""

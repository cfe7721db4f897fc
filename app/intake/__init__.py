"""Intake: reads what POS files and APIs report and applies it, each event exactly once."""

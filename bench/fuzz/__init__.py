"""Fuzzing: what strangers write, mutated, into the parsers that read it (`make fuzz`)."""

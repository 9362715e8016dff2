"""Watching: what changed in an account, as it changes."""

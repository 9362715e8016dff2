"""Plumbing that every service needs and that knows nothing about mail. README.md is the cheat sheet."""

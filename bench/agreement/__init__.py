"""Drafts of every shape, composed by sender and read back by three parsers that are not ours."""

"""Searching: what a person typed → what the server is asked → rows as they are found."""

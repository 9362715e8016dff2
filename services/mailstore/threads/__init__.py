"""Conversations: which messages belong together."""

"""Import and export: single messages, mbox files, zips of messages; streamed, never whole in memory."""

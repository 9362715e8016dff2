"""Files that are too large for a message, fetched by a link that expires."""

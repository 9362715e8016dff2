"""Reading: lists of messages, one message, its parts and its source."""

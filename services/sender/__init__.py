"""sender: every message between "Send" and "delivered and filed"."""

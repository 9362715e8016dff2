"""The durable state machine and the workers that drive it."""

"""What is known of conversations."""


class ThreadCache:
    """Nothing yet."""

"""MessageService, conversations."""


class ThreadMethods:
    """Not served yet: the generated base answers UNSUPPORTED."""

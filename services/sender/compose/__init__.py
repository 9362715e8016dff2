"""Turns a structured message into MIME: pure functions, no input or output.

Everything that a person or a program typed passes `checks` first (no CR, LF or NUL anywhere) and is then
written by `headers`, which emits no control character whatever it is given. So no field can end a header
line.
"""

"""The index: one encrypted SQLite file per account, which may vanish at any time.

The IMAP server is the truth. Whatever is here was read from it and can be read again; nothing else may be
kept here.
"""

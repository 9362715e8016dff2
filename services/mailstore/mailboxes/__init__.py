"""Mailboxes as a whole: the tree with its counts, what each is for, and what may be done to them."""

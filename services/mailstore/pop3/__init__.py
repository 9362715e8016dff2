"""Mail behind a POP3 server, and the mailboxes that such a server has not.

`client` speaks POP3; `store` keeps one account's mail in a file that is not disposable, under a key that
`keys` guards; `account` brings the two into line; `session` answers the rest of the service as an IMAP
connection would, by `commands`. See docs/adr/0030-pop3.md.
"""

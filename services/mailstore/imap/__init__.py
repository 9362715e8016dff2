"""IMAP on asyncio: octets to responses, commands to octets, warm connections per account.

Why not imapclient here: it waits for each command before the next (a page costs two to four round trips
instead of one), reads a line of at most 1 MB (a SEARCH over 200,000 messages is longer), holds a literal
whole while an APPEND is sent, and needs a thread for each connection that idles. See
docs/adr/0003-own-imap-client.md.

Layers, each ignorant of the next: `syntax` (what may stand in a command), `utf7` (mailbox names), `parser`
(responses to values), `transport` (a socket to responses), `session` (commands and the selected mailbox),
`connect` (TLS, greeting, login), `pool` (which connection serves whom). No protobuf and no mail logic.
"""

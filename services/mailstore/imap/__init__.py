"""IMAP on asyncio: octets to responses, commands to octets, warm connections per account.

Why not imapclient: docs/adr/0021-own-imap-client.md.

Layers, each ignorant of the next: `syntax` (what may stand in a command), `utf7` (mailbox names), `parser`
(responses to values), `transport` (a socket to responses), `session` (commands and the selected mailbox),
`connect` (TLS, greeting, login), `pool` (which connection serves whom). No protobuf and no mail logic.
"""

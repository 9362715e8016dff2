"""Fault runs: servers killed and mailboxes changed behind Postern's back while it works (`make chaos`)."""

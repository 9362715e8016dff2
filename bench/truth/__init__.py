"""The truth test of mailstore: another client changes mailboxes while Postern acts, and both are compared.

`ledger` knows what was meant, `outside` is the other client, `inside` acts through the RPCs, `judge` looks at
the server, the index and the answers once all is quiet, `rig` starts and kills what it takes.
"""

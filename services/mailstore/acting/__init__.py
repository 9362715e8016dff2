"""Acting on messages: flags, moves, copies, deletions, appending, drafts.

Invariants of every action: UIDVALIDITY is compared before a UID is named; nothing is expunged but by UID
EXPUNGE (RFC 4315) and for an explicit command or a message that is safe elsewhere; an action that stops
half way leaves each message either where it was or where it was to go, never in neither.
"""

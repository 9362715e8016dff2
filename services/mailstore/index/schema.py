"""The tables of an index file.

Invariants: `message.id` grows with the time of arrival, over all mailboxes, so that newest first is
descending id and a search can stop at the first page. `newest` marks, in each mailbox, the one message of
each conversation with the highest UID there: the row that stands for it in a list of conversations.
`mailbox.total` and `unread` count the rows held. `mailbox.id` is never given twice: what was read of a
mailbox that was begun anew meanwhile finds no place. A file of another VERSION is thrown away, never
migrated.
"""

from __future__ import annotations

VERSION = 5

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT, FORWARDED = 1, 2, 4, 8, 16, 32

# The last two: a batch of texts is written out at once and merged seldom, which makes building twice as fast
# and searching no slower.
TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE mailbox(
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, object_id TEXT NOT NULL,
  uid_validity INTEGER NOT NULL, uid_next INTEGER NOT NULL, modseq INTEGER NOT NULL,
  total INTEGER NOT NULL, unread INTEGER NOT NULL,
  built INTEGER NOT NULL, texted INTEGER NOT NULL,
  hidden INTEGER NOT NULL, changes INTEGER NOT NULL, synced REAL NOT NULL,
  shape INTEGER NOT NULL);
CREATE TABLE message(
  id INTEGER PRIMARY KEY, mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, flags INTEGER NOT NULL,
  keywords TEXT, attachment INTEGER NOT NULL, newest INTEGER NOT NULL, thread INTEGER NOT NULL,
  size INTEGER NOT NULL, date INTEGER NOT NULL, received INTEGER NOT NULL, mid INTEGER NOT NULL,
  from_key TEXT NOT NULL, to_key TEXT NOT NULL, subject_key TEXT NOT NULL);
CREATE TABLE detail(
  id INTEGER PRIMARY KEY, summary BLOB NOT NULL, snippet TEXT, text_part TEXT, files TEXT NOT NULL);
CREATE TABLE msgid(hash INTEGER PRIMARY KEY, thread INTEGER NOT NULL);
CREATE TABLE merged(thread INTEGER PRIMARY KEY, into_thread INTEGER NOT NULL);
CREATE TABLE subject(
  hash INTEGER NOT NULL, thread INTEGER NOT NULL, received INTEGER NOT NULL, orphan INTEGER NOT NULL,
  PRIMARY KEY(hash, thread)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(
  subject, sender, recipients, copied, body, files,
  content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 2");
CREATE UNIQUE INDEX message_place ON message(mailbox, uid);
CREATE INDEX message_thread ON message(thread, mailbox, uid);
CREATE INDEX merged_into ON merged(into_thread);
INSERT INTO words(words, rank) VALUES('hashsize', 16777216);
INSERT INTO words(words, rank) VALUES('automerge', 16);
"""

# Every order of a list, for messages and (partial) for conversations; made once the first mailbox is
# complete, which is a good deal cheaper than keeping them while 100,000 rows go in.
ORDERS = """
CREATE INDEX IF NOT EXISTS by_date ON message(mailbox, date, uid);
CREATE INDEX IF NOT EXISTS by_from ON message(mailbox, from_key, uid);
CREATE INDEX IF NOT EXISTS by_to ON message(mailbox, to_key, uid);
CREATE INDEX IF NOT EXISTS by_subject ON message(mailbox, subject_key, uid);
CREATE INDEX IF NOT EXISTS by_size ON message(mailbox, size, uid);
CREATE INDEX IF NOT EXISTS newest_place ON message(mailbox, uid) WHERE newest;
CREATE INDEX IF NOT EXISTS newest_date ON message(mailbox, date, uid) WHERE newest;
CREATE INDEX IF NOT EXISTS newest_from ON message(mailbox, from_key, uid) WHERE newest;
CREATE INDEX IF NOT EXISTS newest_to ON message(mailbox, to_key, uid) WHERE newest;
CREATE INDEX IF NOT EXISTS newest_subject ON message(mailbox, subject_key, uid) WHERE newest;
CREATE INDEX IF NOT EXISTS newest_size ON message(mailbox, size, uid) WHERE newest;
CREATE INDEX IF NOT EXISTS list_unread ON message(mailbox, uid) WHERE flags & 1 = 0;
CREATE INDEX IF NOT EXISTS list_flagged ON message(mailbox, uid) WHERE flags & 4 != 0;
CREATE INDEX IF NOT EXISTS list_attachment ON message(mailbox, uid) WHERE attachment;
CREATE INDEX IF NOT EXISTS search_unread ON message(id, mailbox) WHERE flags & 1 = 0;
CREATE INDEX IF NOT EXISTS search_flagged ON message(id, mailbox) WHERE flags & 4 != 0;
CREATE INDEX IF NOT EXISTS search_attachment ON message(id, mailbox, size, received, flags) WHERE attachment;
CREATE INDEX IF NOT EXISTS search_keywords ON message(id, mailbox, keywords) WHERE keywords IS NOT NULL;
CREATE INDEX IF NOT EXISTS search_large ON message(id, mailbox, size) WHERE size >= 262144;
"""

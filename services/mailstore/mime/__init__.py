"""Reading mail: bytes in, plain data out. No I/O, no protobuf, no exception on any input.

The usual way through, for a message on an IMAP server:

    part_tree = structure.from_bodystructure(fetched[b"BODYSTRUCTURE"])
    fields = headers.parse_headers(fetched[b"BODY[HEADER...]"])         # or BODY[HEADER.FIELDS (...)]
    envelope = headers.read_envelope(fields)
    chosen = select.select(part_tree)
    for part in chosen.shown(prefer_html=True):                         # fetch BODY.PEEK[part.number] only
        body = body.read_text(part, data, truncated=...)
    line = snippet.snippet(body)

and for an attachment, chunk by chunk: `decoder = transfer.TransferDecoder(part.encoding)`,
`decoder.feed(chunk)`, `decoder.finish()`. From raw bytes: `parse.parse_message(raw)`.
"""

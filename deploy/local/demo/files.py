"""Small attachments made by code: a picture, a PDF, a spreadsheet's text, an archive."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib


def png(width: int = 240, height: int = 120) -> bytes:
    """A castle's silhouette under an evening sky, RGB, 8 bits."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # filter type: none
        for x in range(width):
            towers = 38 < x < 70 or 170 < x < 202
            top = height // 3 if towers else height // 2
            merlon = (x // 8) % 2 == 0
            wall = 30 < x < 210 and y > top + (0 if merlon else 6)
            gate = 108 < x < 132 and y > height - 34
            if gate:
                rows += bytes((24, 20, 30))
            elif wall:
                rows += bytes((82, 78, 92))
            else:
                rows += bytes((250 - y, 190 - y, 120 + y // 2))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(rows), 9))
        + chunk(b"IEND", b"")
    )


def pdf(*lines: str) -> bytes:
    """One page of text in Helvetica; ASCII only."""
    shown = "".join(f"({line.translate({40: 91, 41: 93, 92: 47})}) Tj T*\n" for line in lines)
    content = f"BT /F1 14 Tf 60 780 Td 22 TL\n{shown}ET".encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def archive(files: dict[str, bytes]) -> bytes:
    """A ZIP of FILES."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in files.items():
            zipped.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), data)
    return out.getvalue()

"""The fuzz run in short (`make fuzz` in long), and what it once found."""

from __future__ import annotations

import io
import zipfile

import pytest

from bench.fuzz.mailstore import fuzz
from services.mailstore.mime import charset
from services.mailstore.transfer import zips
from services.mailstore.transfer.importing import BAD_ARCHIVE


def test_nothing_uncaught() -> None:
    found, tried = fuzz(4, seed=1)
    assert found == []
    assert tried > 100


def test_utf_8_that_is_none_with_nuls_in_it_ends() -> None:
    text, _, damaged = charset.decode(b"plain text \xff\0 and \xfe more of it", "utf-8")
    assert damaged and "plain text" in text


def test_a_damaged_entry_of_a_zip_is_told_as_such() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.eml", b"Subject: a\r\n\r\n" + b"text " * 500)
    data = bytearray(packed.getvalue())
    data[35:45] = b"\xff" * 10
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        (entry,) = zips.entries(archive, 1 << 20)
        with pytest.raises(BAD_ARCHIVE):
            list(zips.read(archive, entry))

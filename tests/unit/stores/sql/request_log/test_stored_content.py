"""Content as one value."""

import zlib

from penstock.stores.sql.request_log.stored_content import StoredContent, packed, unpacked


def test_content_comes_back_as_it_was() -> None:
    for kept in (StoredContent(), StoredContent({"a": "b"}, "text", {}, b"\xff", is_truncated=True)):
        assert unpacked(packed(kept)) == kept


def test_what_cant_be_read_is_none() -> None:
    for data in (b"", b"x", zlib.compress(b"\xc1"), packed(StoredContent())[:-5]):
        assert unpacked(data) is None

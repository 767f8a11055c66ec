"""Labels of callers: what is none, and what records keep."""

from __future__ import annotations

import pytest

from penstock.pipeline.metadata import label_text, read_metadata, text_labels


@pytest.mark.parametrize("raw", [None, b"", b"[1]", b"{", b'"a"'])
def test_what_is_no_metadata(raw: bytes | None) -> None:
    assert read_metadata(raw) == {}


def test_records_keep_texts_of_bounded_length() -> None:
    raw = b'{"_user":"u","long":"' + b"x" * 500 + b'","number":7,"inner":{}}'
    assert text_labels(raw) == {"_user": "u", "long": "x" * 128}


def test_a_header_is_text_of_bounded_length() -> None:
    assert [label_text(value) for value in (None, b"", b"a" * 200, b"\xff")] == [None, None, "a" * 128, "\ufffd"]

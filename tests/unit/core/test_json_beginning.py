"""Whether a body is a JSON object, by its beginning."""

from __future__ import annotations

import pytest

from penstock.core.json_beginning import is_object, may_be_object


@pytest.mark.parametrize(
    ("beginning", "told"),
    [
        (b"", None),
        (b" \r\n\t", None),
        (b"\xef", None),
        (b"\xef\xbb", None),
        (b"\xef\xbb\xbf ", None),
        (b"\xef\xbb\xbf {", True),
        (b" {x", True),
        (b"\xef{", False),
        (b"[", False),
        (b"--bb", False),
        (b"\x0b{", False),
        (b"\xff", None),
        (b"\xff\xfe", None),
        (b"\x00", None),
        (b"\x00a", False),
        ("\ufeff{}".encode("utf-16-le"), True),
        ("\ufeff {}".encode("utf-16-be"), True),
        ("{}".encode("utf-16-be"), True),
        ("\ufeff{}".encode("utf-32-le"), True),
        ("\ufeff{}".encode("utf-32-be"), True),
        ("\ufeff[]".encode("utf-16-le"), False),
        (" \n {}".encode("utf-32-be"), True),
        (" \n {}".encode("utf-32-le"), True),
        ("\ufeff \n".encode("utf-32-be"), None),
        (bytes(16), False),
        (bytes(16) + b"{", False),
    ],
)
def test_what_a_beginning_tells(beginning: bytes, told: bool | None) -> None:
    assert may_be_object(beginning) is told
    assert is_object(beginning) is bool(told)

"""Data without a media type, or with a generic one, is told by its first bytes."""

import base64

import pytest

from penstock.dialects.media_type import media_type


def _data(head: bytes) -> str:
    return base64.b64encode(head + bytes(20)).decode()


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
        (b"RIFF\0\0\0\0WAVE", "audio/wav"),
        (b"%PDF-1.7", "application/pdf"),
    ],
)
@pytest.mark.parametrize("generic", ["", "application/octet-stream", "binary/octet-stream", "image/*"])
def test_the_first_bytes_say_the_type(head: bytes, expected: str, generic: str) -> None:
    assert media_type(generic, _data(head)) == expected


def test_a_type_that_says_something_stays() -> None:
    assert media_type("image/jpeg", _data(b"\x89PNG\r\n\x1a\n")) == "image/jpeg"
    assert media_type("text/csv", "") == "text/csv"


@pytest.mark.parametrize("data", ["", "?", "!!!!", "AAAA"])
def test_bytes_that_say_nothing(data: str) -> None:
    assert media_type("", data) == ""
    assert media_type("image/*", data) == ""
    assert media_type("application/octet-stream", data) == "application/octet-stream"

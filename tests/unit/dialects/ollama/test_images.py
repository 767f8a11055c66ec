"""Media types that only the first bytes tell."""

import base64

import pytest

from penstock.dialects.ollama.images import media_type_of


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"GIF89a", "image/gif"),
        (b"?", "image/png"),
    ],
)
def test_the_type_of_base64(data: bytes, expected: str) -> None:
    assert media_type_of(base64.b64encode(data).decode()) == expected


def test_what_is_no_base64() -> None:
    assert media_type_of("UklGR!") == "image/webp"

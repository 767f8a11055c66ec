"""What Converse calls kinds of files."""

from __future__ import annotations

import pytest

from penstock.dialects.bedrock.provider.formats import MEDIA, find, mime_of


@pytest.mark.parametrize(
    ("mime", "name", "found"),
    [
        ("image/jpg", "", ("image", "jpeg")),
        ("", "photo.JPG", ("image", "jpeg")),
        ("application/octet-stream", "a.b.docx", ("document", "docx")),
        ("text/plain; charset=utf-8", "table.csv", ("document", "txt")),
        ("text/x-python", "", ("document", "txt")),
        ("application/json", "", ("document", "txt")),
        ("", "data.json", ("document", "txt")),
        ("video/3gpp", "", ("video", "three_gp")),
        ("", "clip.webm", ("video", "webm")),
        ("audio/x-wav", "", ("audio", "wav")),
        ("", "", ("document", "pdf")),
        ("", "README", ("document", "pdf")),
        ("application/zip", "a.pdf", None),
        ("image/tiff", "", None),
    ],
)
def test_what_a_file_is(mime: str, name: str, found: tuple[str, str] | None) -> None:
    assert find(mime, name) == found


def test_formats_and_mime_types_are_each_others() -> None:
    for block, forms in MEDIA.items():
        for mime, form in forms.items():
            assert find(mime) == (block, form)
            assert mime_of(block, form) == mime

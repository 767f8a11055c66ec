from typing import Any

import pytest

from penstock.core.encoded_text import to_base64
from penstock.core.segments import Segment, SegmentKind
from penstock.dialects.encoded_texts import encoded_segments

DATA = to_base64("so bad")
URL = f"data:text/plain;base64,{DATA}"


def segments(part: Any) -> list[Segment]:
    return [*encoded_segments(part, ("parts", 0), "user", SegmentKind.TEXT, 3)]


@pytest.mark.parametrize(
    ("part", "place", "before"),
    [
        ({"type": "file", "file": {"file_data": URL}}, ("file", "file_data"), URL[: -len(DATA)]),
        ({"type": "file", "file": {"filename": "a.csv", "file_data": DATA}}, ("file", "file_data"), ""),
        ({"type": "input_file", "filename": "a.txt", "file_data": DATA}, ("file_data",), ""),
        ({"type": "input_file", "filename": "main.go", "file_data": DATA}, ("file_data",), ""),
        ({"type": "input_file", "file_data": DATA}, ("file_data",), ""),
        ({"type": "input_file", "file_data": URL}, ("file_data",), URL[: -len(DATA)]),
        ({"type": "image_url", "image_url": {"url": URL}}, ("image_url", "url"), URL[: -len(DATA)]),
        ({"type": "input_image", "image_url": URL}, ("image_url",), URL[: -len(DATA)]),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": DATA}},
            ("source", "data"),
            "",
        ),
        ({"inlineData": {"mimeType": "text/markdown", "data": DATA}}, ("inlineData", "data"), ""),
        ({"inline_data": {"mime_type": "text/plain", "data": DATA}}, ("inline_data", "data"), ""),
        ({"document": {"format": "md", "source": {"bytes": DATA}}}, ("document", "source", "bytes"), ""),
    ],
)
def test_each_place(part: Any, place: tuple[str, ...], before: str) -> None:
    [segment] = segments(part)
    assert (segment.pointer, segment.text, segment.base64_behind) == (("parts", 0, *place), "so bad", before)
    assert (segment.role, segment.message, segment.is_plain) == ("user", 3, True)


@pytest.mark.parametrize(
    "part",
    [
        "text",
        None,
        {"type": "text", "text": URL},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}},
        {"type": "image_url", "image_url": {"url": 7}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": DATA}},
        {"type": "document", "source": {"type": "base64", "media_type": None, "data": DATA}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "so bad it is"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": DATA}},
        {"document": {"format": "pdf", "source": {"bytes": DATA}}},
        {"document": [], "source": [], "file": [], "inlineData": []},
    ],
)
def test_other_parts(part: Any) -> None:
    assert segments(part) == []


@pytest.mark.parametrize("form", [[], {}, ["txt"], 1, None])
def test_a_format_that_is_no_text_holds_none(form: Any) -> None:
    assert segments({"document": {"format": form, "source": {"bytes": DATA}}}) == []

"""The parts of a message's content, read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import json_values, parts
from matrix import PDF, PIXEL, image, text, user
from penstock.core.chat import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Inline,
    Link,
    NativePart,
    Owner,
    Stored,
    TextPart,
    UnknownPart,
)
from penstock.core.failure import Failure
from penstock.dialects.openai.caller.request import read


# fmt: off
@pytest.mark.parametrize(("part", "expected"), [
    (text("a", cache_control={"type": "ephemeral"}), TextPart("a", {"type": "ephemeral"})),
    ("a", TextPart("a")),
    (image(f"data:image/png;base64,{PIXEL}", detail="low"), ImagePart(Inline("image/png", PIXEL), "low")),
    ({"type": "image_url", "image_url": "https://x/y.png"}, ImagePart(Link("https://x/y.png"))),
    (image("gs://b/c.mp4", mime_type="video/mp4"), FilePart(Link("gs://b/c.mp4", "video/mp4"))),
    (image(f"data:application/pdf;base64,{PDF}"), FilePart(Inline("application/pdf", PDF))),
    (image("data:text/plain,caf%C3%A9"), FilePart(Inline("text/plain", "Y2Fmw6k="))),
    ({"type": "video_url", "video_url": {"url": "https://x/y.mp4"}}, FilePart(Link("https://x/y.mp4"))),
    ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}, AudioPart(Inline("", "AAAA"), "mp3")),
    ({"type": "input_audio", "input_audio": {"data": "gs://b/c.mp3"}}, AudioPart(Link("gs://b/c.mp3"))),
    ({"type": "file", "file": {"file_id": "f-1"}}, FilePart(Stored("f-1"))),
    ({"type": "file", "file": {"file_data": "AAAA", "mime_type": "text/csv"}}, FilePart(Inline("text/csv", "AAAA"))),
    ({"type": "document", "source": {}}, NativePart({"type": "document", "source": {}}, Owner.ANTHROPIC)),
    ({"type": "odd"}, UnknownPart("odd", {"type": "odd"})),
])  # fmt: skip
def test_parts(part: Any, expected: Any) -> None:
    assert parts(user(part, text("."))) == (expected, TextPart("."))


@given(st.lists(json_values, max_size=3), st.sampled_from(["user", "assistant", "tool", "system"]))
def test_any_content_is_read_wholed(content: list[Any], role: str) -> None:
    message = {"role": role, "content": content, "tool_call_id": "c", "content_blocks": content, "tool_calls": content}
    assert isinstance(read(json.dumps({"messages": [message]}).encode()), ChatRequest | Failure)

"""How large a request may be."""

from __future__ import annotations

from typing import Any

import pytest

from judging import judged, refused

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
BODY: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "abcd"},
        {"role": "user", "content": [{"type": "text", "text": "efgh"}, PICTURE, PICTURE]},
    ]
}


@pytest.mark.parametrize(
    ("name", "size"), [("maxCharacters", 8), ("maxTokens", 2), ("maxMessages", 2), ("maxImages", 2)]
)
def test_bounds(name: str, size: int) -> None:
    assert judged("penstock.size", {name: size}, BODY).verdict
    judgement = judged("penstock.size", {name: size - 1}, BODY)
    assert not judgement.verdict
    assert list(judgement.data["sizes"].values()) == [size]


def test_images_of_other_wires() -> None:
    parts = [{"inlineData": {"mimeType": "image/png", "data": "AA"}}, {"inline_data": {"mime_type": "audio/wav"}}]
    assert judged("penstock.size", {"maxImages": 1}, {"contents": [{"parts": parts}]}).verdict
    assert not judged("penstock.size", {"maxImages": 0}, {"contents": [{"parts": parts}]}).verdict


def test_a_bound_is_needed() -> None:
    assert refused("penstock.size", {}) == "p.maxCharacters"
    assert refused("penstock.size", {"maxTokens": -1}) == "p.maxTokens"

"""The images of a request's last message, in each wire's form."""

from typing import Any

import pytest

from judging import context
from penstock.guards.base import Phase
from penstock.guards.partners.images import images

PNG, JPEG = "iVBORw0KGgo=", "/9j/4AAQ"
ADDRESS = "https://a.test/x.png"
CHAT = {"type": "image_url", "image_url": {"url": ADDRESS}}


def of_message(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [CHAT]}, {"role": "user", "content": [*parts]}]}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (of_message({"type": "text", "text": "look"}), []),
        (of_message(CHAT, CHAT), [ADDRESS]),
        (of_message({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}), [f"data:image/png;base64,{PNG}"]),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": ADDRESS}]}]}, [ADDRESS]),
        ({"input": "a text"}, []),
        (of_message({"type": "image", "source": {"type": "url", "url": ADDRESS}}), [ADDRESS]),
        (
            of_message({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}),
            [f"data:image/png;base64,{PNG}"],
        ),
        (
            of_message({"type": "tool_result", "content": [{"type": "image", "source": {"type": "url", "url": ADDRESS}}]}),
            [ADDRESS],
        ),
        (
            of_message({"image": {"format": "jpeg", "source": {"bytes": JPEG}}}),
            [f"data:image/jpeg;base64,{JPEG}"],
        ),
        (
            {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]}]},
            [f"data:image/png;base64,{PNG}"],
        ),
        (
            {"contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": PNG}}]}]},
            [f"data:image/png;base64,{PNG}"],
        ),
        ({"contents": [{"parts": [{"fileData": {"mimeType": "image/png", "fileUri": ADDRESS}}]}]}, [ADDRESS]),
        ({"contents": [{"parts": [{"fileData": {"mimeType": "image/png", "fileUri": "gs://b/x"}}]}]}, []),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "audio/wav", "data": PNG}}]}]}, []),
        (
            {"messages": [{"role": "user", "content": "look", "images": [JPEG, PNG]}]},
            [f"data:image/jpeg;base64,{JPEG}", f"data:image/png;base64,{PNG}"],
        ),
    ],
)  # fmt: skip
def test_where_images_stand(body: Any, found: list[str]) -> None:
    assert images(context(body)) == found


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": 5}},
        {"type": "image_url", "image_url": None},
        {"type": "image", "source": {"data": ["x"]}},
        {"image": {"source": {"bytes": 5}}},
        {"inlineData": {"mimeType": 5, "data": PNG}},
        {"images": [5, None]},
    ],
)
def test_what_is_no_image(part: Any) -> None:
    assert images(context(of_message(part))) == []


def test_an_answer_has_none() -> None:
    assert images(context({"choices": [{"message": {"content": [CHAT]}}]}, Phase.AFTER)) == []

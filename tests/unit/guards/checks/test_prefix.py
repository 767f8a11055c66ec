import json
from typing import Any

import pytest

from judging import judged, refused

TEXT = [{"type": "text", "text": "b"}]
IMAGE = [{"type": "image_url", "image_url": {"url": "x"}}]


@pytest.mark.parametrize(
    ("parameters", "messages", "result"),
    [
        ({}, [{"role": "user", "content": "b"}], [{"role": "user", "content": "ab"}]),
        ({}, [{"role": "user", "content": TEXT}], [{"role": "user", "content": [{"type": "text", "text": "ab"}]}]),
        (
            {},
            [{"role": "user", "content": IMAGE}],
            [{"role": "user", "content": [{"type": "text", "text": "a"}, *IMAGE]}],
        ),
        (
            {"addToExisting": False},
            [{"role": "user", "content": "b"}],
            [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
        ),
        ({"applyToRole": "system"}, [{"role": "user", "content": "b"}], [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]),
        ({"applyToRole": "assistant"}, [{"role": "user", "content": "b"}], [{"role": "user", "content": "b"}, {"role": "assistant", "content": "a"}]),
        ({"onlyIfEmpty": True}, [{"role": "user", "content": "b"}], None),
        ({"onlyIfEmpty": True}, [{"role": "user", "content": " "}], [{"role": "user", "content": "a "}]),
    ],
)  # fmt: skip
def test_a_message(parameters: dict[str, Any], messages: list[Any], result: list[Any] | None) -> None:
    judgement = judged("addPrefix", {"prefix": "a", **parameters}, {"messages": messages})
    assert judgement.verdict
    changed = None if judgement.body is None else json.loads(judgement.body)["messages"]
    assert changed == result


def test_other_operations() -> None:
    judgement = judged("addPrefix", {"prefix": "a"}, {"prompt": ["b", "c"]}, kind="complete")
    assert json.loads(judgement.body or b"")["prompt"] == ["ab", "c"]
    system = {"prefix": "a", "applyToRole": "system"}
    judgement = judged("addPrefix", system, {"system": "b", "messages": []}, kind="messages")
    assert json.loads(judgement.body or b"") == {"system": "ab", "messages": []}
    untouched = judged("addPrefix", {"prefix": "a"}, {"input": "b"}, kind="embed")
    assert (untouched.verdict, untouched.data, untouched.body) == (True, None, None)
    for kind in ("generateContent", "createModelResponse"):  # chats: no prefix, and not without a word
        untouched = judged("addPrefix", {"prefix": "a"}, {"input": "b"}, kind=kind)
        assert untouched.error is not None
        assert (untouched.verdict, untouched.data, untouched.body) == (True, None, None)
    empty = judged("addPrefix", {"prefix": "a"}, {})
    assert (empty.verdict, empty.error is None) == (True, False)


def test_a_prefix_is_required() -> None:
    assert refused("addPrefix", {}) == "p.prefix"
    assert refused("addPrefix", {"prefix": "a", "applyToRole": "tool"}) == "p.applyToRole"

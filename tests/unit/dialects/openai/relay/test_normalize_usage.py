"""Usage, wherever it stands and whatever its counts are called."""

from __future__ import annotations

from typing import Any

import pytest

from normalizing import USAGE
from penstock.dialects.openai.relay.normalize_usage import usage


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"choices": [{"usage": USAGE}]}, USAGE),
        ({"choices": [{"delta": {"usage": USAGE}}], "usage": None}, USAGE),
        ({"choices": [], "x_groq": {"usage": USAGE}}, USAGE),
        ({"choices": [{"usage": {}}, "odd"], "x_groq": "odd"}, None),
        ({"usage": {"input_tokens": 5, "output_tokens": 2}}, {**USAGE, "input_tokens": 5, "output_tokens": 2}),
        ({"usage": {}}, None),
    ],
)
def test_places_and_names(reply: dict[str, Any], expected: dict[str, Any] | None) -> None:
    changed = usage(reply)
    assert reply.get("usage") == expected
    assert changed is (expected is not None or reply.get("usage", ...) is None)
    assert not usage(reply)


def test_counts_at_the_top_stay() -> None:
    reply = {"choices": [{"usage": {"prompt_tokens": 1}}], "usage": dict(USAGE)}
    assert not usage(reply)
    assert reply["usage"] == USAGE

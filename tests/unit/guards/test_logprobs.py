"""Which requests ask for log probabilities."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.guards.logprobs import asks_logprobs


@pytest.mark.parametrize(
    ("members", "asks"),
    [
        ({}, False),
        ({"logprobs": False, "top_logprobs": 0, "include": ["reasoning.encrypted_content"]}, False),
        ({"logprobs": True}, True),
        ({"logprobs": 5}, True),
        ({"top_logprobs": 2}, True),
        ({"include": ["message.output_text.logprobs"]}, True),
        ({"include": "message.output_text.logprobs"}, False),
        ({"generationConfig": {"responseLogprobs": True}}, True),
        ({"generation_config": {"response_logprobs": True}}, True),
        ({"generationConfig": {"temperature": 1}}, False),
    ],
)
def test_asked(members: dict[str, Any], asks: bool) -> None:
    assert asks_logprobs(Body({name: json.dumps(value).encode() for name, value in members.items()})) is asks


def test_a_member_that_cant_be_read_asks() -> None:
    assert asks_logprobs(Body({"include": b"[1,"}))

"""A service tier that isn't the usual one is told among the provider's own counts, in both of OpenAI's wires."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.usage import Usage
from penstock.dialects.responses.relay.judge import judge
from penstock.dialects.responses.relay.stream import ending
from penstock.dialects.service_tier import with_tier


@pytest.mark.parametrize("tier", [None, "", "auto", "default", "standard", 1, ["flex"]])
def test_the_usual_service_tier_is_left_out(tier: Any) -> None:
    usage = Usage(1)
    assert with_tier(usage, tier) is usage


def test_another_service_tier_is_told_beside_the_counts() -> None:
    told = with_tier(Usage(1, native={"x": 1}), "flex")
    assert told == Usage(1, native={"x": 1, "service_tier": "flex"})
    assert with_tier(None, "flex") is None


COUNTS = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


@pytest.mark.parametrize("output", [[{"type": "message", "content": [{"type": "output_text", "text": "a"}]}], []])
def test_a_response_tells_it(output: list[Any]) -> None:
    response = {"object": "response", "status": "completed", "output": output, "usage": COUNTS}
    for tier, expected in (("priority", "priority"), ("default", None), (None, None), (7, None)):
        value = {**response, "service_tier": tier}
        usage = judge(json.dumps(value).encode(), "openai", True).usage
        assert usage is not None
        assert usage.native.get("service_tier") == expected
        event = b"data: " + json.dumps({"type": "response.completed", "response": value}).encode() + b"\n\n"
        for tail in (event, event[20:]):
            finished, counted = ending(tail)
            assert finished
            assert counted is not None
            assert (counted.total, counted.native.get("service_tier")) == (3, expected)

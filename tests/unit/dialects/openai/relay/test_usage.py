"""OpenAI's token counts: read or unknown."""

from typing import Any

import pytest

from penstock.core.usage import Usage
from penstock.dialects.openai.relay.usage import read_usage, with_tier


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (b'{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}', Usage(3, 4, 7)),
        (
            b'{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":2},"x":[]}',
            Usage(prompt=9, cached=8, reasoning=2),
        ),
        (b'{"prompt_tokens":3.0,"prompt_tokens_details":null}', Usage(3)),
        (b"null", None),
        (b"[]", None),
        (b'{"prompt_tokens":"many"}', None),
    ],
)
def test_usage_is_read_or_unknown(raw: bytes, usage: Usage | None) -> None:
    assert read_usage(raw) == usage


@pytest.mark.parametrize("tier", [None, "", "auto", "default", "standard", 1, ["flex"]])
def test_the_usual_service_tier_is_left_out(tier: Any) -> None:
    usage = Usage(1)
    assert with_tier(usage, tier) is usage


def test_another_service_tier_is_told_beside_the_counts() -> None:
    told = with_tier(Usage(1, native={"x": 1}), "flex")
    assert told == Usage(1, native={"x": 1, "service_tier": "flex"})
    assert with_tier(None, "flex") is None

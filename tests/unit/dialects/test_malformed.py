"""Small readings that every caller's side shares."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.dialects.malformed import BREAKPOINT, Malformed, cache_in, marker_name, text_in


def test_a_malformed_member_says_where_it_is_and_how_it_must_be() -> None:
    wrong = Malformed("messages[2].content", "a string")
    assert (wrong.path, wrong.expected, str(wrong)) == ("messages[2].content", "a string", "messages[2].content")


@pytest.mark.parametrize(
    ("part", "marker"),
    [
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, {"type": "ephemeral", "ttl": "1h"}),
        ({"cache_control": {}}, {}),
        ({"cache_control": None}, None),
        ({"cache_control": "ephemeral"}, None),
        ({"prompt_cache_breakpoint": {"mode": "explicit"}}, BREAKPOINT),
        ({"prompt_cache_breakpoint": None}, None),
        ({}, None),
    ],
)
def test_the_cache_marker_of_a_part(part: dict[str, Any], marker: Any) -> None:
    found = cache_in(part)
    assert found == marker
    assert (marker is BREAKPOINT) == (found is BREAKPOINT)
    if found is not None:
        assert marker_name(found) in part


@pytest.mark.parametrize(("value", "text"), [("x", "x"), ("", ""), (None, ""), (1, ""), (["x"], "")])
def test_only_text_is_text(value: Any, text: str) -> None:
    assert text_in(value) == text

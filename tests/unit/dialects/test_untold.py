"""What an answer holds and a wire has no place for is named, each once, and not without end."""

from __future__ import annotations

import pytest

from penstock.core.events import Citation, Event, Foreign, Logprobs, Media, Text, Thinking, ToolStart
from penstock.dialects.untold import Places, has_address, with_untold

NONE = Places(media=False)
ALL = Places(lambda _: True, lambda _: True, logprobs=True)
EVENTS: list[Event] = [
    Text("a"),
    Foreign({"type": "server_tool_use"}),
    Foreign({"executableCode": {"code": "1"}}),
    Foreign({"type": "server_tool_use"}, block=2),
    Citation({}, url="https://a.example"),
    Media("image/png", "aa"),
    Logprobs(({"token": "a"},)),
    Thinking("b"),
    ToolStart(0, "f"),
]


def test_each_kind_is_named_once() -> None:
    expected = (
        "answer.server_tool_use", "answer.executableCode", "answer.citations", "answer.media", "answer.logprobs",
    )  # fmt: skip
    assert with_untold((), EVENTS, NONE) == expected
    assert with_untold(expected[:1], EVENTS, NONE) == expected


def test_what_has_a_place_is_not_named() -> None:
    assert with_untold((), EVENTS, ALL) == ()
    assert with_untold((), EVENTS, Places(sources=has_address)) == (
        "answer.server_tool_use", "answer.executableCode", "answer.logprobs",
    )  # fmt: skip


@pytest.mark.parametrize("value", [{}, {"type": ""}, {"type": 7}, {"type": None}])
def test_a_block_without_a_kind_is_named_all_the_same(value: dict[str, object]) -> None:
    assert with_untold((), [Foreign(value)], NONE) in {("answer.block",), ("answer.type",)}


def test_names_are_bounded() -> None:
    events = [Foreign({"type": f"{number}{'x' * 1000}"}) for number in range(1000)]
    names = with_untold((), events, NONE)
    assert len(names) == 32
    assert max(map(len, names)) < 80

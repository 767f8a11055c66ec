"""What a conversation can hold that is lost on the way to another wire is named by the caller's own paths."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.dialects.lost_members import LostMembers

LOST = LostMembers(
    "messages",
    ("<text>.sources", "<assistant>.plan", "result.note", ".phase"),
    once=("phase",),
    usual=({"type": "direct"},),
    opaque=("input",),
)

USUAL: list[Any] = [None, "", [], {}, False, {"type": "direct"}]


def of(*messages: Any) -> tuple[str, ...]:
    return LOST.of(Body.parse(json.dumps({"model": "m", "messages": messages}).encode()))


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ([{"role": "user", "content": "sources"}], ()),
        ([{"role": "user", "content": [{"type": "text", "sources": [1]}]}], ("messages[0].content[0].sources",)),
        ([{"role": "user", "content": [{"type": "image", "sources": [1]}]}], ()),
        ([{"role": "user"}, {"role": "assistant", "plan": "p"}], ("messages[1].plan",)),
        ([{"role": "user", "plan": "p"}], ()),
        ([{"result": {"note": "n"}}, {"result": [{"note": "n"}]}], ("messages[0].result.note", "messages[1].result[0].note")),
        ([{"phase": "a"}, {"content": [{"phase": "b"}]}], ("phase",)),
        ([{"result": {"note": usual}} for usual in USUAL], ()),
        ([{"content": [{"type": "tool", "input": {"type": "text", "sources": [1]}}]}], ()),
        (["text", 7, None, {"result": {"note": "n"}}], ("messages[3].result.note",)),
    ],
)  # fmt: skip
def test_what_is_lost(messages: list[Any], found: tuple[str, ...]) -> None:
    assert of(*messages) == found


@pytest.mark.parametrize("text", [b"{}", b'{"messages":"phase"}', b'{"messages":{"phase":1}}'])
def test_other_bodies_hold_nothing(text: bytes) -> None:
    assert LOST.of(Body.parse(text)) == ()


def test_so_many_paths_are_told() -> None:
    assert len(of(*[{"result": {"note": "n"}}] * 1000)) == 32


def test_deep_values_are_looked_through() -> None:
    value: dict[str, Any] = {"result": {"note": "n"}}
    for _ in range(200):
        value = {"content": [value]}
    assert of(value)[0].endswith(".result.note")


@pytest.mark.parametrize(
    "message",
    [
        {"x" * 50_000: [[]] * 10_000, "phase": "p"},
        {"type": "x" * 50_000, **{f"a{number}": [] for number in range(5_000)}, "phase": "p"},
        {"x" * 50_000: [{"result": {"note": "n"}}] * 100, "phase": "p"},
    ],
)
def test_long_names_and_kinds_take_no_more_than_their_length(message: Any) -> None:
    body = Body.parse(json.dumps({"messages": [message]}).encode())
    tracemalloc.start()
    found = LOST.of(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "phase" in found or len(found) == 32
    assert peak < 4 << 20, "no copy of the name for each value"
    assert all(len(path) < 300 for path in found)

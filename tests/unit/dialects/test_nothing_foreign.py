"""Requests that pass as they are, known by one look."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.dialects.envelope import MARK
from penstock.dialects.nothing_foreign import NothingForeign, addressed_wire

RULE = NothingForeign("input", frozenset({"stop"}))


def body(**members: Any) -> Body:
    return Body.parse(json.dumps(members).encode())


@pytest.mark.parametrize(
    ("members", "holds"),
    [
        ({"input": "Hi", "model": "m"}, True),
        ({"model": "m"}, True),
        ({"input": [{"encrypted_content": f"{MARK}AA=="}]}, False),
        ({"input": f"about {MARK}"}, True),
        ({"other": MARK, "input": "Hi"}, True),
        ({"input": "Hi", "stop": None}, False),
    ],
)
def test_what_has_nothing_foreign(members: dict[str, Any], holds: bool) -> None:
    assert RULE.holds(body(**members)) is holds


def test_a_body_is_sent_as_it_is() -> None:
    given = body(input="Hi", model="m")
    assert RULE.sent(given) is given


def test_what_the_address_says_is_not_in_the_body() -> None:
    rule = addressed_wire("contents", ["stop"])
    assert rule.sent(body(model="m", contents=[], stream=True)).encode() == b'{"contents":[]}'
    assert not rule.holds(body(stop="x"))

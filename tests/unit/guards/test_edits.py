import json
from typing import Any

import pytest

from judging import context
from penstock.core.segments import Segment, SegmentKind
from penstock.guards.base import Edit
from penstock.guards.edits import Unchangeable, edited, replaced
from penstock.guards.guarded_body import GuardedBody

AT = ("messages", 0, "content")


def edits(*places: tuple[int, int, str]) -> list[Edit]:
    return [Edit(AT, *place) for place in places]


@pytest.mark.parametrize(
    ("places", "result"),
    [
        (((0, 1, "x"), (4, 5, "y")), "xbcdyf"),
        (((4, 5, "y"), (0, 1, "x")), "xbcdyf"),
        (((0, 3, "x"), (2, 5, "y")), "xf"),
        (((2, 5, "y"), (0, 3, "x")), "yf"),
        (((0, 6, ""),), ""),
        (((3, 99, "x"),), "abcx"),
    ],
)
def test_edits_of_several_checks(places: Any, result: str) -> None:
    assert replaced("abcdef", edits(*places)) == result
    changed = edited(context("abcdef").request, edits(*places))
    assert json.loads(changed)["messages"][0]["content"] == result


def test_everything_else_keeps_its_bytes() -> None:
    raw = b'{"n": 12345678901234567890123, "messages": [{"x": 1e400, "content": "secret"}], "z":1.10}'
    body = GuardedBody(raw, lambda _: [Segment(AT, "secret")])
    assert edited(body, edits((0, 6, "é"))) == (
        b'{"n":12345678901234567890123,"messages":[{"x":1e400,"content":"\xc3\xa9"}],"z":1.10}'
    )
    assert edited(body, []) is raw


def test_arguments_of_a_tool_call_stay_json() -> None:
    raw = json.dumps({"a": '{"x": "se\\"cret"}'}).encode()
    segment = Segment(("a",), '{"x": "se\\"cret"}', kind=SegmentKind.TOOL_CALL)
    body = GuardedBody(raw, lambda _: [segment])
    changed = edited(body, [Edit(("a",), 7, 15, 'q"')])
    assert json.loads(json.loads(changed)["a"]) == {"x": 'q"'}
    with pytest.raises(Unchangeable):
        edited(body, [Edit(("a",), 0, 3, "")])


def test_a_text_that_is_not_there() -> None:
    with pytest.raises(Unchangeable):
        edited(context("a").request, [Edit(("nowhere",), 0, 1, "")])


def test_that_a_request_asks_for_tokens_stays() -> None:
    raw = b'{"messages":[{"content":"secret"}],"logprobs":true,"top_logprobs":2}'
    body = GuardedBody(raw, lambda _: [Segment(AT, "secret")])
    assert edited(body, edits((0, 6, "x"))) == raw.replace(b"secret", b"x")


def test_the_tokens_of_an_answer_stay_where_nothing_is_hidden() -> None:
    raw = b'{"messages":[{"content":"secret","logprobs":{"content":[{"token":"secret"}]}}]}'
    body = GuardedBody(raw, lambda _: [Segment(AT, "secret")])
    assert b"token" not in edited(body, edits((0, 6, "x")))
    assert b"token" in edited(body, edits((0, 6, "x")), keeps_tokens=True)

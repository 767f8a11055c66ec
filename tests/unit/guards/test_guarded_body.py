import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.body import Body
from penstock.core.segments import Segment
from penstock.dialects.openai.caller.texts import TEXTS
from penstock.guards.guarded_body import GuardedBody


def chat(raw: bytes, *, is_plain: bool = True) -> GuardedBody:
    """A chat's body, as a request brings it; read as every other body is where not ``is_plain``."""
    plain = TEXTS.read_plain_chat if is_plain else None
    names = TEXTS.text_members["chatComplete"]
    return GuardedBody(Body.parse(raw), lambda value: TEXTS.request("chatComplete", value), names, plain)


def test_a_body_is_read_once() -> None:
    reads: list[object] = []

    def read(value: object) -> tuple[()]:
        reads.append(value)
        return ()

    body = GuardedBody(b'{"a": 1}', read)
    assert (body.json, body.segments, body.segments) == ({"a": 1}, (), ())
    assert reads == [{"a": 1}]
    assert GuardedBody(b"<html>", lambda _: ()).json == {}


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ('[{"role":"user","content":"a"}]', ""),
        ('[{"role":"user","content":"{\\"a\\": 1}"}]', ""),
        ('[{"role":"user","content":"a","content":"b"}]', "comes twice"),
        ('[{"role":"user","content":"a","Content":"b"}]', "some hosts take"),
        ('[{"role":"user","content":[{"type":"text","text":"a","text":"b"}]}]', "comes twice"),
        ('[{"role":"user","content":[{"type":"text","text":"a"}],"name":"x"}]', ""),
        ('[{"role":"user","content":"a","tool_calls":[{"id":"1","id":"2"}]}]', "comes twice"),
        ('[{"role":"user","content":"a","content\\u0000":"b"}]', "for 'content'"),
        ('"a:b"', "messages has not the form"),
        ('[{"role":"user","content":null},{"role":"user","content":["a",{"type":"text","text":"a"}]}]', ""),
    ],
)
def test_a_text_that_a_host_may_read_otherwise_is_a_problem(messages: str, problem: str) -> None:
    raw = b'{"model":"m","messages":%b}' % messages.encode()
    for body in (chat(raw), chat(raw, is_plain=False), GuardedBody(raw, lambda _: ())):
        assert problem in body.problem()
        assert bool(body.problem()) is bool(problem)


def test_a_doubled_member_beside_the_texts_is_no_problem() -> None:
    assert chat(b'{"model":"m","messages":[],"metadata":{"a":1,"a":2}}').problem() == ""


def test_documents_beside_plain_messages_are_read() -> None:
    body = chat(b'{"model":"m","messages":[{"role":"user","content":"a"}],"documents":[{"text":"b"}]}')
    assert [each.text for each in body.segments] == ["a", "b"]
    assert not body.problem()
    assert chat(b'{"messages":[{"role":"user","content":"a"}],"documents":[{"text":"b","text":"c"}]}').problem()


def test_texts_without_a_body_have_a_size() -> None:
    text = Segment(("stream", 0), "a" * 20_000, "assistant")
    assert GuardedBody(b"", lambda _: (text, text)).size == 40_000
    assert GuardedBody(b'{"a":1}', lambda _: (text,)).size == 7
    assert GuardedBody(b"", lambda _: ()).size == 0


TEXT = st.text(max_size=5)
MESSAGE = st.fixed_dictionaries({"role": st.sampled_from(["user", "system", "tool", ""]), "content": TEXT})


@given(st.lists(MESSAGE, max_size=4))
def test_plain_texts_are_read_as_all_others(messages: list[dict[str, Any]]) -> None:

    raw = json.dumps({"messages": messages}).encode()
    fast, slow = chat(raw), chat(raw, is_plain=False)
    assert fast.segments == slow.segments
    assert (fast.plain is None, slow.plain) == (False, None)
    assert fast.problem() == slow.problem() == ""

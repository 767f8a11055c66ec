"""Requests that are a role and a text for each message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.dialects.transcript import transcript, with_texts

SAID = [{"role": "system", "content": "Be brief. "}, {"role": "user", "content": "café"}]


def body(messages: Any, **beside: Any) -> Body:
    return Body.parse(json.dumps({"model": "m", "messages": messages, **beside}).encode())


def test_the_texts_apart_from_the_rest() -> None:
    found = transcript(body(SAID, stop=["x"]))
    assert found is not None
    assert (found.roles, found.texts) == (("system", "user"), ("Be brief. ", "café"))
    assert found.beside == b'{"model":"m","stop":["x"]}'
    other = transcript(body([{**each, "content": "Hi"} for each in SAID], stop=["x"]))
    assert other is not None
    assert other.form == found.form
    for different in (body(SAID), body(SAID, stop=["y"]), body(SAID[1:], stop=["x"])):
        told = transcript(different)
        assert told is not None
        assert told.form != found.form


@pytest.mark.parametrize(
    "messages",
    [
        [],
        None,
        "Hi",
        [{"role": "user"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        [{"role": "user", "content": "Hi", "name": "n"}],
        [{"role": "user", "content": ""}, *SAID],
        [{"role": "user", "content": "\u3000\n"}, *SAID],
        [*SAID, {"role": "assistant", "content": "So: "}],
        [{"role": "user", "content": "\ud800"}],
    ],
    ids=str,
)
def test_what_is_no_transcript(messages: Any) -> None:
    assert transcript(body(messages)) is None


def test_a_body_without_messages_and_one_that_was_changed_are_none() -> None:
    assert transcript(Body.parse(b'{"model":"m"}')) is None
    assert transcript(body(SAID).replaced({"model": b'"o"'})) is None


def test_a_member_that_comes_twice_counts_as_everywhere() -> None:
    found = transcript(
        Body.parse(b'{"messages":1,"messages":[{"role":"a","role":"user","content":"x","content":"Hi"}]}')
    )
    assert found is not None
    assert (found.roles, found.texts, found.beside) == (("user",), ("Hi",), b"{}")


def test_other_texts_of_the_same_roles() -> None:
    other = with_texts(body(SAID, stop=["x"]), ["system", "user"], ["a", "b"])
    assert json.loads(other.encode()) == {
        "model": "m",
        "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}],
        "stop": ["x"],
    }

"""Messages are edited in place, and the bytes of every value that is not edited stay."""

from __future__ import annotations

import msgspec
import pytest

from penstock.core.body import Body
from penstock.core.message_list import Members, any_message, decoded, edit_messages, has_role

BODY = Body.parse(
    b'{"model":"m","messages":[{"role" : "user","content":1.10},{"role":"assistant","x":1e400,"content":[ ]}],"n": 1.0}'
)


def without_x(messages: list[Members]) -> None:
    for message in messages:
        message.pop("x", None)


def shouting(messages: list[Members]) -> None:
    for message in messages:
        if has_role(message, b'"assistant"'):
            message["content"] = b'"AH"'


def test_what_is_not_edited_keeps_its_bytes_and_its_place() -> None:
    edited = edit_messages(BODY, shouting)
    messages = b'[{"role":"user","content":1.10},{"role":"assistant","x":1e400,"content":"AH"}]'
    assert edited.encode() == b'{"model":"m","messages":' + messages + b',"n":1.0}'
    assert edit_messages(BODY, without_x).raw("messages") == (
        b'[{"role":"user","content":1.10},{"role":"assistant","content":[ ]}]'
    )


def test_the_body_that_was_given_stays_as_it_is() -> None:
    before = BODY.encode()
    edit_messages(BODY, shouting)
    assert BODY.encode() == before


def test_messages_can_be_left_out() -> None:
    assert edit_messages(BODY, lambda messages: messages.clear()).raw("messages") == b"[]"


@pytest.mark.parametrize("data", [b'{"a":1}', b'{"messages":[1]}', b'{"messages":"x"}', b'{"messages":[{"role" : 1}]}'])
def test_where_nothing_changes_the_body_is_the_same(data: bytes) -> None:
    body = Body.parse(data)
    for edit in (without_x, shouting):
        assert edit_messages(body, edit) is body


def test_a_value_that_cannot_be_decoded_leaves_the_body_as_it_is() -> None:
    """Half of a character, which the standard library takes and the codec refuses."""
    body = Body.parse(rb'{"messages":[{"x":1,"content":"\ud800"}]}')

    def edit(messages: list[Members]) -> None:
        without_x(messages)
        decoded(messages[0]["content"])

    assert edit_messages(body, edit) is body


def test_a_value_is_decoded_and_an_absent_one_is_none() -> None:
    assert decoded(None) is None
    assert decoded(b"[1]") == decoded(msgspec.Raw(b"[1]")) == [1]


def test_any_message_is_looked_for() -> None:
    assert any_message(BODY, lambda message: "x" in message)
    assert any_message(BODY, lambda message: has_role(message, b'"user"'))
    assert not any_message(BODY, lambda message: has_role(message, b'"system"'))


@pytest.mark.parametrize("data", [b'{"a":1}', b'{"messages":[1]}', b'{"messages":"x"}', b'{"messages":[]}'])
def test_where_there_is_no_message_none_is_found(data: bytes) -> None:
    assert not any_message(Body.parse(data), lambda _: True)


def test_in_a_value_that_cannot_be_decoded_nothing_is_found() -> None:
    body = Body.parse(rb'{"messages":[{"content":"\ud800"}]}')
    assert not any_message(body, lambda message: bool(decoded(message["content"])))

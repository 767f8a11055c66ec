"""Responses that the gateway keeps: requests that go on from them, and what of them can be read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core import kept_id
from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.dialects.responses import stored_responses

SEED = kept_id.seed(1, bytes(kept_id.ENTROPY))
ID = f"resp_{SEED}"
MESSAGE = {"id": f"msg_{SEED}0000", "type": "message", "role": "assistant", "status": "completed", "content": []}
RESPONSE = json.dumps({"id": ID, "status": "completed", "output": [MESSAGE]}).encode()


def body(**members: Any) -> Body:
    return Body.parse(json.dumps(members).encode())


def whole(made: Body | Failure) -> dict[str, Any]:
    assert isinstance(made, Body), made
    value: dict[str, Any] = json.loads(made.encode())
    return value


def test_a_conversation_is_put_before_the_input() -> None:
    before = stored_responses.history(b'"Hello"', RESPONSE)
    made = whole(stored_responses.continued(body(model="m", input="On", previous_response_id=ID), before, {}))
    assert [each.get("role") for each in made["input"]] == ["user", "assistant", "user"]
    assert "id" not in made["input"][1]
    assert "previous_response_id" not in made


def test_items_keep_their_bytes() -> None:
    before = stored_responses.history(
        b'[{"n": 1e400, "m": 12345678901234567890123}]', b'{"output":[{"id":"x","f":1.10}]}'
    )
    assert before == [b'{"n": 1e400, "m": 12345678901234567890123}', b'{"f":1.10}']


def test_half_a_surrogate_pair_is_no_obstacle() -> None:
    assert stored_responses.history(b'"\\ud800"', b'{"output":[{"id":"x","text":"\\udfff"}]}') == [
        b'{"type":"message","role":"user","content":"\\ud800"}',
        b'{"text":"\\udfff"}',
    ]


@pytest.mark.parametrize("input_", [5, True, {"role": "user"}])
def test_an_input_that_is_none_is_told(input_: Any) -> None:
    made = stored_responses.continued(body(input=input_, previous_response_id=ID), [b"{}"], {})
    assert isinstance(made, Failure)
    assert made.param == "input"


@pytest.mark.parametrize("members", [{}, {"input": None}, {"input": []}])
def test_without_an_input_the_conversation_is_the_input(members: dict[str, Any]) -> None:
    assert whole(stored_responses.continued(body(**members), [b'{"a":1}'], {}))["input"] == [{"a": 1}]


def test_references_are_found_and_replaced() -> None:
    ours, other = {"type": "item_reference", "id": MESSAGE["id"]}, {"type": "item_reference", "id": "msg_1"}
    said = {"role": "user", "content": '"item_reference"', "id": MESSAGE["id"]}
    asked = body(input=[ours, other, said])
    assert stored_responses.references(asked) == [MESSAGE["id"]]
    assert stored_responses.references(body(input="item_reference")) == []
    found = stored_responses.items_of({str(MESSAGE["id"])}, b'"Hello"', ID, RESPONSE)
    assert found.keys() == {MESSAGE["id"]}
    made = whole(stored_responses.continued(asked, [], found))
    assert made["input"] == [{name: value for name, value in MESSAGE.items() if name != "id"}, other, said]
    assert stored_responses.items_of({f"msg_{SEED}0007"}, b'"Hello"', ID, RESPONSE) == {}


def page(query: str, input_: bytes = b'["a","b","c"]') -> dict[str, Any]:
    made = stored_responses.input_page(input_, ID, query)
    assert isinstance(made, bytes), made
    value: dict[str, Any] = json.loads(made)
    return value


def test_pages_of_the_input() -> None:
    items = json.dumps([{"role": "user", "content": str(n)} for n in range(5)]).encode()
    texts, after = [], ""
    while True:
        got = page(f"order=asc&limit=2{after}", items)
        texts += [each["content"][0]["text"] for each in got["data"]]
        assert (got["first_id"], got["last_id"]) == (got["data"][0]["id"], got["data"][-1]["id"])
        if not got["has_more"]:
            break
        after = f"&after={got['last_id']}"
    assert texts == list("01234")
    assert [each["content"][0]["text"] for each in page("", items)["data"]] == list("43210")
    listed = page("limit=1", items)["data"][0]["id"]
    assert kept_id.response_of(listed) == ID
    assert listed in stored_responses.items_of({listed}, items, ID, RESPONSE)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=²",
        f"limit=1{'0' * 5000}",
        f"limit=000000001{'0' * 5000}",
        "order=up",
        "after=msg_1",
    ],
)
def test_a_page_that_is_none(query: str) -> None:
    assert isinstance(stored_responses.input_page(b'"Hello"', ID, query), Failure)


def test_messages_are_listed_with_parts() -> None:
    turn = {"role": "assistant", "content": "Hi"}
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
    got = page("order=asc", json.dumps([turn, call, 5]).encode())["data"]
    assert got[0]["content"] == [{"type": "output_text", "text": "Hi", "annotations": []}]
    assert got[1] == call
    assert got[2]["type"] == "message"


@given(st.binary())
def test_any_bytes_of_a_request_are_read(data: bytes) -> None:
    stored_responses.is_response(data)
    made = Body({"input": data, "model": b'"m"'}) if data else body(model="m")
    assert isinstance(stored_responses.continued(made, [], {}), Body | Failure)


def test_the_last_event_holds_the_response() -> None:
    event = b'event: response.completed\ndata: {"type":"response.completed","response":%b}\n\n' % RESPONSE
    stream = b'event: response.created\ndata: {"say":"event: response.completed"}\n\n' + event
    for size in (1, 3, 7, 50, len(stream)):
        last = stored_responses.LastEvent()
        for at in range(0, len(stream), size):
            last.feed(stream[at : at + size])
        assert last.response is not None
        assert json.loads(last.response) == json.loads(RESPONSE)
        last.feed(b"more")


@pytest.mark.parametrize("kind", [b"failed", b"created", b"in_progress"])
def test_other_ends_hold_none(kind: bytes) -> None:
    last = stored_responses.LastEvent()
    last.feed(b'event: a\n\nevent: response.%b\ndata: {"response":%b}\n\n' % (kind, RESPONSE))
    assert last.response is None


def test_what_is_a_response() -> None:
    assert stored_responses.is_response(RESPONSE) == ID
    assert stored_responses.is_response(RESPONSE.replace(b"completed", b"failed", 1)) is None
    assert stored_responses.is_response(b"[]") is None
    assert json.loads(stored_responses.deleted(ID)) == {"id": ID, "object": "response", "deleted": True}

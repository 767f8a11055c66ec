"""Ids of responses as they pass: theirs alone change, in whatever pieces a stream comes."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calling import COMPLETED, CREATED, RESPONSE, SAID
from penstock.core.failure import Kind
from penstock.dialects.framing import sse
from penstock.dialects.responses.relay import bound
from penstock.dialects.responses.relay.bound import ChangedIds, with_ids

STREAM = CREATED + SAID + COMPLETED
ODD = (
    b'{ "text" : "\\"response\\": {\\"id\\":\\"resp_1\\"}", "id":"resp_1" ,"n":1.50,\r\n'
    b'"previous_response_id"  :  "resp_0", "conversation":{ "id": "conv_1", "id_of":"conv_1"}, "output":[{"id":"msg_1"}]}'
)


def changed(raw: str) -> str:
    return f"new_{raw}"


def passed(pieces: list[bytes]) -> bytes:
    stream = ChangedIds(changed, "openai")
    return b"".join([*(stream.feed(piece) for piece in pieces), stream.finish()])


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(ends)]


def test_every_other_byte_of_a_plain_reply_stays() -> None:
    assert with_ids(RESPONSE, changed) == RESPONSE.replace(b'"id":"resp_1"', b'"id":"new_resp_1"')
    assert with_ids(ODD, changed) == (
        ODD.replace(b'"id":"resp_1" ', b'"id":"new_resp_1" ')
        .replace(b'"resp_0"', b'"new_resp_0"')
        .replace(b'"id": "conv_1"', b'"id": "new_conv_1"')
    )
    assert with_ids(b'{"conversation":"conv_1"}', changed) == b'{"conversation":"new_conv_1"}'


@pytest.mark.parametrize(
    "reply", [b"", b"[1]", b"no json", b'{"id":7}', b'{"id":""}', b'{"id":null,"conversation":null}', b'{"id": "a b"}']
)
def test_what_has_no_id_passes_as_it_is(reply: bytes) -> None:
    assert with_ids(reply, changed) is reply


def test_of_a_name_that_comes_twice_the_last_value_counts() -> None:
    assert json.loads(with_ids(b'{"id":"resp_1", "n":1, "id":"resp_2"}', changed)) == {"id": "new_resp_2", "n": 1}


ENDINGS = {b"lf": b"\n", b"crlf": b"\r\n", b"cr": b"\r"}


@given(st.lists(st.integers(0, 4000), max_size=12), st.sampled_from(sorted(ENDINGS)))
def test_a_stream_may_be_cut_anywhere(places: list[int], ending: bytes) -> None:
    end = ENDINGS[ending]
    stream = STREAM.replace(b"\n", end)
    told = passed(cut(stream, places))
    assert told == stream.replace(b'"id":"resp_1"', b'"id":"new_resp_1"')
    assert told.count(b"new_resp_1") == 2


@given(st.lists(st.integers(0, 4000), max_size=12), st.binary(max_size=80))
def test_bytes_of_any_other_kind_pass_as_they_are(places: list[int], junk: bytes) -> None:
    data = SAID + b": a comment\n\ndata: [DONE]\n\n" + junk
    assert passed(cut(data, places)) == data


def test_data_in_several_lines_keeps_its_lines() -> None:
    event = (
        b'\xef\xbb\xbfdata: {"type":"response.created",\nid: 1\ndata:"response":\ndata: {"id":\ndata: "resp_1"}}\n\n'
    )
    told = passed([event])
    assert told == event.replace(b"resp_1", b"new_resp_1")
    twice = b'data: {"response":{"id":"resp_1"},\ndata: "type":"a",\ndata: "type":"response.created"}\n\n'
    (_, data), *_ = sse.events(passed([twice]))
    assert json.loads(data) == {"response": {"id": "new_resp_1"}, "type": "response.created"}


def test_a_last_event_without_its_empty_line() -> None:
    assert passed([CREATED + COMPLETED.rstrip(b"\n")]).count(b"new_resp_1") == 2
    assert passed([b'data: {"response_id":"resp_1"}']) == b'data: {"response_id":"new_resp_1"}'


def test_an_event_that_is_too_long_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bound, "MAX_FRAME", 64)
    stream = ChangedIds(changed, "openai")
    assert stream.feed(b'data: {"response":{"output":"' + b"x" * 99) == b""
    assert stream.failure is not None
    assert stream.failure.kind is Kind.INVALID_RESPONSE


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=9)
)
def test_values_that_hold_no_ids_are_the_same(value: Any) -> None:
    reply = json.dumps({"output": value, "id": "resp_1"}).encode()
    assert json.loads(with_ids(reply, changed)) == {"output": value, "id": "new_resp_1"}

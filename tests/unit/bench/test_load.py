"""The pure parts of the load generators: event counting, the weather, the verdict on an answer, routes."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from bench import disconnects, payload, route
from bench.disconnects import Answer, Fate, Leave
from bench.route import Route
from bench.streams import EventCounter
from bench.upstream import Behaviour
from hypothesis import given
from hypothesis import strategies as st

STREAM = b'data: {"delta":"data"}\n\n: comment\n\ndata: {}\n\ndata: [DONE]\n\n'
DONE = b"data: [DONE]\n\n"
EVENT = b'data: {"choices":[]}\n\n'
REPLY = b'{"object":"chat.completion"}'
ERROR = b'{"error":{"message":"no"}}'


@given(st.lists(st.integers(0, len(STREAM))))
def test_events_are_counted_however_the_bytes_are_split(cuts: list[int]) -> None:
    counter = EventCounter()
    bounds = [0, *sorted(cuts), len(STREAM)]
    for start, end in pairwise(bounds):
        counter.feed(STREAM[start:end])
    assert counter.events == 3


def test_the_weather_is_the_same_for_every_run_and_holds_everything() -> None:
    plans = list(disconnects.plans(1000, seed=1))
    assert plans == list(disconnects.plans(1000, seed=1))
    assert plans != list(disconnects.plans(1000, seed=2))
    assert {plan.leave for plan in plans} == set(Leave)
    assert {plan.behaviour for plan in plans} == {Behaviour.BRIEF, Behaviour.RESET, Behaviour.CUT, Behaviour.STALL}


@pytest.mark.parametrize(
    ("answer", "stream", "fate"),
    [
        (Answer(200, REPLY, complete=True), False, Fate.COMPLETE),
        (Answer(200, EVENT + DONE, complete=True), True, Fate.COMPLETE),
        (Answer(502, ERROR, complete=True), False, Fate.CLEAN_ERROR),
        (Answer(200, EVENT + b"data: " + ERROR + b"\n\n", complete=True), True, Fate.CLEAN_ERROR),
        (Answer(200, EVENT, complete=True), True, Fate.BROKEN),
        (Answer(200, EVENT + DONE, complete=False), True, Fate.BROKEN),
        (Answer(502, ERROR, complete=False), False, Fate.BROKEN),
        (Answer(200, b"", complete=True), False, Fate.BROKEN),
        (Answer(), False, Fate.BROKEN),
    ],
)
def test_an_answer_is_complete_a_clean_error_or_broken(answer: Answer, stream: bool, fate: Fate) -> None:
    assert disconnects.judge(answer, stream=stream) is fate


def test_a_request_is_written_byte_for_byte() -> None:
    request = Route(8000, "/v1/chat/completions", {"x-a": "b"}).with_headers({"x-c": "d"}).request(b"{}")
    assert request == (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:8000\r\ncontent-type: application/json\r\n"
        b"content-length: 2\r\nx-a: b\r\nx-c: d\r\n\r\n{}"
    )


def test_header_and_config_lead_to_the_same_place() -> None:
    url = "http://127.0.0.1:9/calm/v1"
    assert route.by_headers(url)["x-portkey-custom-host"] == url
    assert json.loads(route.by_config(url)["x-portkey-config"])["custom_host"] == url


def test_the_chat_request_has_the_size_that_the_figures_are_quoted_for() -> None:
    assert 4100 <= len(payload.chat()) <= 4400
    assert json.loads(payload.chat(stream=True, model="echo"))["stream"] is True

"""Streams in AWS's frames, as AWS's own library reads them."""

from __future__ import annotations

import base64
import itertools
import json

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

import calling
from penstock.dialects.bedrock.caller.frames import FrameEncoder, InvokeEncoder, converse_form, invoke_form
from penstock.dialects.framing.aws_eventstream import STREAM_TYPE

CONVERSE = b"".join(calling.STREAMS["bedrock_converse"])
CLAUDE = b"".join(calling.STREAMS["anthropic"])
Frames = list[tuple[dict[str, str], bytes]]


def read(data: bytes) -> Frames:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [({str(name): str(value) for name, value in each.headers.items()}, each.payload) for each in buffer]


@given(st.lists(st.integers(0, len(CONVERSE)), max_size=5))
def test_each_event_is_a_frame_however_it_comes(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(CONVERSE)]
    encoder = FrameEncoder()
    sent = b"".join(encoder.feed(CONVERSE[start:end]) for start, end in itertools.pairwise(places))
    frames = read(sent + encoder.finish(b""))
    names = [headers[":event-type"] for headers, _ in frames]
    assert names == ["messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]
    assert frames[0] == (
        {":event-type": "messageStart", ":content-type": "application/json", ":message-type": "event"},
        b'{"role":"assistant"}',
    )


def test_an_exception_has_its_name() -> None:
    (frame,) = read(FrameEncoder().finish(b': nothing\n\nevent: throttlingException\ndata: {"message":"Full"}\n\n'))
    assert frame == (
        {":exception-type": "throttlingException", ":content-type": "application/json", ":message-type": "exception"},
        b'{"message":"Full"}',
    )


def test_claudes_events_are_in_base64() -> None:
    frames = read(InvokeEncoder().finish(CLAUDE))
    kinds = [json.loads(base64.b64decode(json.loads(payload)["bytes"]))["type"] for _, payload in frames]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert {headers[":event-type"] for headers, _ in frames} == {"chunk"}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("overloaded_error", "serviceUnavailableException"),
        ("rate_limit_error", "throttlingException"),
        ("api_error", "internalServerException"),
    ],
)
def test_claudes_error_is_an_exception(kind: str, name: str) -> None:
    data = json.dumps({"type": "error", "error": {"type": kind, "message": "No"}}).encode()
    ((headers, payload),) = read(InvokeEncoder().finish(b"event: error\ndata: %s\n\n" % data))
    assert (headers[":exception-type"], json.loads(payload)) == (name, {"message": "No"})


def test_both_forms_are_aws_streams() -> None:
    assert converse_form("").content_type == invoke_form("").content_type == STREAM_TYPE

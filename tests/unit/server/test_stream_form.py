"""Streams in another form than events, on every way in which they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from edge import waited
from penstock.core.failure import Failure
from penstock.core.http import Headers
from penstock.dialects.framing.frame import FrameError
from penstock.dialects.stream_form import StreamForm
from penstock.pipeline.relay import Broken
from penstock.server.stream_form import in_form

EVENTS: Headers = [(b"content-type", b"text/event-stream"), (b"x", b"1")]


class Upper:
    def feed(self, events: bytes) -> bytes:
        if events == b"bad":
            raise FrameError("too large")
        return events.upper()

    def finish(self, events: bytes) -> bytes:
        return self.feed(events) + b"!"


class Caller:
    """A caller's end that keeps what it got."""

    address = "a"
    raw_path = "/a"
    gone = False

    def __init__(self) -> None:
        self.head: Any = None
        self.received = b""

    async def read_body(self, fields: Mapping[bytes, bytes], limit: int, silence: float) -> bytes | Failure:
        raise NotImplementedError

    def whole_body(self, fields: Mapping[bytes, bytes], limit: int) -> None:
        """``read_body`` tells it."""

    def read_pieces(self, limit: int, silence: float) -> None:
        """Bodies come whole here."""

    def watch(self) -> None: ...

    def unwatch(self) -> None: ...

    async def send_head(self, status: int, headers: Headers, body: bytes, *, more: bool) -> None:
        self.head = (status, headers, more)
        self.received += body

    async def send(self, body: bytes) -> None:
        self.received += body

    async def end(self, body: bytes) -> None:
        self.received += body


FORM = StreamForm(b"x/upper", Upper)


async def test_a_stream_is_encoded_on_every_way() -> None:
    caller = Caller()
    client = cast("Any", in_form(caller, FORM))
    await waited(client.send_head(200, EVENTS, b"a", more=True))
    await client.send(b"b")
    await client.send(b"")
    waits = client.write(b"c")
    if waits is not None:
        await waits
    assert client.write(b"") is None
    await client.end(b"d")
    assert caller.head == (200, [(b"content-type", b"x/upper"), (b"x", b"1")], True)
    assert (caller.received, client.address) == (b"ABCD!", "a")


async def test_a_whole_stream_and_an_answer_that_is_none() -> None:
    caller = Caller()
    await waited(in_form(caller, FORM).send_head(200, EVENTS, b"a", more=False))
    assert caller.received == b"A!"
    plain = Caller()
    client = in_form(plain, FORM)
    await waited(client.send_head(400, [(b"content-type", b"application/json")], b"a", more=True))
    await client.end(b"b")
    assert plain.received == b"ab"


async def test_an_error_is_told_whole_whatever_its_media_type() -> None:
    caller = Caller()
    await waited(in_form(caller, FORM).send_head(500, EVENTS, b"error", more=False))
    assert caller.received == b"error"
    assert caller.head == (500, EVENTS, False)


async def test_without_a_form_and_with_an_event_that_is_too_large() -> None:
    caller = Caller()
    assert in_form(caller, None) is caller
    client = in_form(caller, FORM)
    await waited(client.send_head(200, EVENTS, b"", more=True))
    with pytest.raises(Broken):
        await client.send(b"bad")
    with pytest.raises(Broken):
        await client.end(b"bad")

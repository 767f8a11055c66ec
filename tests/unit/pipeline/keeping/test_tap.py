"""The response that is kept of an answer: where it is found, and that it is kept once."""

from __future__ import annotations

import pytest

from calling import RESPONSE
from fake_reply import FakeReply
from penstock.core.failure import Failure, Kind
from penstock.dialects.responses.stored_responses import LastEvent
from penstock.pipeline.keeping.exchange import Keeping
from penstock.pipeline.keeping.tap import Tap, WholeReply
from penstock.pipeline.replies.tapped_reply import TappedReply

CUT = Failure(Kind.TRUNCATED, "cut")
STREAM = b'event: response.completed\ndata: {"type":"response.completed","response":{"id":"r"}}\n\n'


def tapped(last: LastEvent | WholeReply, reply: FakeReply, longest: int = 1000) -> tuple[TappedReply, list[bytes]]:
    kept: list[bytes] = []
    tap = Tap(last, longest, Keeping(b"owner", longest), lambda _, response: kept.append(response))
    return TappedReply(reply, tap.feed), kept


@pytest.mark.parametrize("by_reading", [True, False])
@pytest.mark.parametrize(
    ("last", "whole", "response"),
    [(LastEvent, b"\n" + STREAM, b'{"id":"r"}'), (WholeReply, RESPONSE, RESPONSE)],
)
async def test_a_reply_passes_as_it_is_and_its_response_is_kept_once(
    by_reading: bool, last: type[LastEvent | WholeReply], whole: bytes, response: bytes
) -> None:
    reply, kept = tapped(last(), FakeReply(200, whole[:20], whole[20:]))
    pieces: list[bytes] = []
    if by_reading:
        while piece := await reply.read():
            pieces.append(piece)
    else:
        await reply.pass_on(pieces.append)
    assert (b"".join(pieces), kept) == (whole, [response])


@pytest.mark.parametrize("by_reading", [True, False])
async def test_a_plain_reply_that_breaks_off_is_not_kept(by_reading: bool) -> None:
    reply, kept = tapped(WholeReply(), FakeReply(200, RESPONSE[:9], cut=CUT))
    if by_reading:
        while await reply.read():
            pass
    else:
        await reply.pass_on(lambda _: None)
    assert (reply.failure, kept) == (CUT, [])


async def test_of_an_endless_answer_only_the_beginning_is_looked_at() -> None:
    reply, kept = tapped(LastEvent(), FakeReply(200, b"x" * 64, b"\n" + STREAM), longest=1)
    while await reply.read():
        pass
    assert kept == []

"""A reply whose bytes are also looked at as they pass."""

from __future__ import annotations

import pytest

from fake_reply import FakeReply
from penstock.core.failure import Failure, Kind
from penstock.pipeline.replies.tapped_reply import TappedReply

CUT = Failure(Kind.TRUNCATED, "cut")


async def passed(reply: TappedReply, *, by_reading: bool) -> list[bytes]:
    pieces: list[bytes] = []
    if by_reading:
        while piece := await reply.read():
            pieces.append(piece)
    else:
        await reply.pass_on(pieces.append)
    return pieces


@pytest.mark.parametrize("by_reading", [True, False])
@pytest.mark.parametrize(("cut", "end"), [(None, [b""]), (CUT, [])])
async def test_the_tap_gets_what_passes_and_learns_of_a_good_end(
    by_reading: bool, cut: Failure | None, end: list[bytes]
) -> None:
    tapped: list[bytes] = []
    reply = TappedReply(FakeReply(200, b"a", b"b", cut=cut), tapped.append)
    assert await passed(reply, by_reading=by_reading) == [b"a", b"b"]
    assert tapped == [b"a", b"b", *end]
    assert reply.failure is cut

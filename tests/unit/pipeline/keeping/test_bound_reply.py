"""Replies with bound ids: whole ones and streams, told apart by their first bytes."""

from __future__ import annotations

import pytest

from calling import COMPLETED, CREATED, RESPONSE, SAID
from fake_reply import FakeReply
from penstock.core.failure import Kind
from penstock.dialects.responses.relay.bound import KEPT_IDS
from penstock.pipeline.keeping import bound_reply
from penstock.pipeline.keeping.bound_reply import with_bound_ids
from penstock.transport.base import Reply

IDS = KEPT_IDS


def changed(raw: str) -> str:
    return f"new_{raw}"


async def read_all(reply: Reply) -> bytes:
    pieces = []
    while piece := await reply.read():
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("whole", [RESPONSE, CREATED + SAID + COMPLETED, b"", b"<html>"])
async def test_the_first_bytes_tell_what_it_is(whole: bytes) -> None:
    inner = FakeReply(200, *[whole[at : at + 5] for at in range(0, len(whole), 5)], headers=[(b"content-length", b"1")])
    reply = with_bound_ids(inner, IDS, changed, "openai")
    assert reply.headers == []
    assert await read_all(reply) == whole.replace(b'"id":"resp_1"', b'"id":"new_resp_1"')
    assert reply.failure is None
    reply.close()
    assert inner.closed


async def test_a_reply_that_is_too_large_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bound_reply, "MAX_FRAME", 8)
    reply = with_bound_ids(FakeReply(200, RESPONSE), IDS, changed, "openai")
    assert await read_all(reply) == b""
    assert reply.failure is not None
    assert reply.failure.kind is Kind.INVALID_RESPONSE

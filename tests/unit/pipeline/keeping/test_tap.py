"""The response that is kept of an answer: where it is found, and that it is kept once."""

from __future__ import annotations

import pytest

from calling import RESPONSE
from penstock.dialects.responses.stored_responses import LastEvent
from penstock.pipeline.keeping.exchange import Keeping
from penstock.pipeline.keeping.tap import Tap, WholeReply

STREAM = b'\nevent: response.completed\ndata: {"type":"response.completed","response":{"id":"r"}}\n\n'


def kept_of(last: LastEvent | WholeReply, *pieces: bytes, longest: int = 1000) -> list[bytes]:
    """The responses that are kept of an answer that passes in these pieces; ``b""`` is its end."""
    kept: list[bytes] = []
    tap = Tap(last, longest, Keeping(b"owner", longest), lambda _, response: kept.append(response))
    for piece in pieces:
        tap.feed(piece)
    return kept


@pytest.mark.parametrize(
    ("last", "whole", "response"), [(LastEvent, STREAM, b'{"id":"r"}'), (WholeReply, RESPONSE, RESPONSE)]
)
def test_a_response_is_kept_once(last: type[LastEvent | WholeReply], whole: bytes, response: bytes) -> None:
    assert kept_of(last(), whole[:20], whole[20:], b"") == [response]


def test_a_plain_reply_without_its_end_is_not_kept() -> None:
    assert kept_of(WholeReply(), RESPONSE[:9]) == []


def test_of_an_endless_answer_only_the_beginning_is_looked_at() -> None:
    assert kept_of(LastEvent(), b"x" * 64, STREAM, longest=1) == []

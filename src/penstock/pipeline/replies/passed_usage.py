"""The usage of a stream that passes as it is: its last bytes tell it when the answer has ended."""

from __future__ import annotations

from functools import partial
from typing import Final

from penstock.core.failure import Failure
from penstock.dialects.stream_grammar import StreamGrammar
from penstock.pipeline.call import Answer
from penstock.pipeline.replies.tapped_reply import TappedReply

_LAST: Final = 64 << 10
"""Bytes at the end of a stream that are looked at: the last event of a long answer may repeat all of it, and tells the
usage behind that."""


class _Tail:
    """The last bytes of a stream. ``first`` are those that were read already."""

    def __init__(self, first: bytes) -> None:
        self._kept = bytearray(first)

    def add(self, data: bytes) -> None:
        self._kept += data
        if len(self._kept) > 2 * _LAST:
            del self._kept[:-_LAST]

    def __bytes__(self) -> bytes:
        return bytes(self._kept[-_LAST:])


def with_usage_at_end(answer: Answer, first: bytes, grammar: StreamGrammar) -> Answer:
    """A stream whose usage is read when the answer is closed. ``first`` are the bytes of it that the answer holds."""
    if answer.rest is None:
        answer.usage = grammar.ending(first[-_LAST:])[1]
        return answer
    tail = _Tail(first)
    answer.rest = TappedReply(answer.rest, tail.add)
    answer.on_close = (*answer.on_close, partial(_note, answer, tail, grammar))
    return answer


def _note(answer: Answer, tail: _Tail, grammar: StreamGrammar, _broken: Failure | None) -> None:
    usage = grammar.ending(bytes(tail))[1]
    if usage is not None:
        answer.usage = usage
        if answer.attempt is not None:
            answer.attempt.usage = usage

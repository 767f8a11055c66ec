"""The usage of a stream that passes as it is: its last bytes tell it when the answer has ended."""

from __future__ import annotations

from functools import partial
from typing import Final

from penstock.core.failure import Failure
from penstock.dialects.caller import StreamGrammar
from penstock.pipeline.call import Answer
from penstock.pipeline.replies.wrapped_reply import WrappedReply
from penstock.transport.base import Reply

_LAST: Final = 64 << 10
"""Bytes at the end of a stream that are looked at: the last event of a long answer may repeat all of it, and tells the
usage behind that."""


class TailedReply(WrappedReply):
    """A reply whose last bytes are kept. ``first`` are those that were read already."""

    def __init__(self, inner: Reply, first: bytes) -> None:
        super().__init__(inner)
        self._tail = bytearray(first)

    async def read(self) -> bytes:
        data = await self._inner.read()
        self._tail += data
        if len(self._tail) > 2 * _LAST:
            del self._tail[:-_LAST]
        return data

    def tail(self) -> bytes:
        """The last bytes that were read."""
        return bytes(self._tail[-_LAST:])


def with_usage_at_end(answer: Answer, first: bytes, grammar: StreamGrammar) -> Answer:
    """A stream whose usage is read when the answer is closed. ``first`` are the bytes of it that the answer holds."""
    if answer.rest is None:
        answer.usage = grammar.ending(first[-_LAST:])[1]
        return answer
    tailed = answer.rest = TailedReply(answer.rest, first)
    answer.on_close = (*answer.on_close, partial(_note, answer, tailed, grammar))
    return answer


def _note(answer: Answer, tailed: TailedReply, grammar: StreamGrammar, _broken: Failure | None) -> None:
    usage = grammar.ending(tailed.tail())[1]
    if usage is not None:
        answer.usage = usage
        if answer.attempt is not None:
            answer.attempt.usage = usage

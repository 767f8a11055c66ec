"""Counts of tokens at hosts that don't count: the gateway's own estimate, marked as one.

Source: docs/dialects.md#counts-of-tokens.
"""

from __future__ import annotations

from typing import Final

from penstock.core.body import Body, BodyError
from penstock.core.failure import Kind
from penstock.core.outcome import Outcome
from penstock.core.token_estimate import value_tokens
from penstock.dialects.caller import JSON, NO_STORE
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.off_loop.thread import LARGE, off_loop

ESTIMATE: Final = (b"x-penstock-estimate", b"true")
_READ: Final = frozenset(
    """
    messages system tools toolConfig input instructions text contents systemInstruction system_instruction
    generateContentRequest generate_content_request
    """.split()
)
"""Members that the model reads."""


async def estimated(answer: Answer, call: Call) -> Answer:
    """The answer; in its place an estimate where no target of the request counts tokens."""
    failure, write, request = answer.failure, call.dialect.writing.count, call.request
    if not call.operation.counts_tokens or write is None or request is None:
        return answer
    if failure is None or failure.kind is not Kind.UNSUPPORTED_OPERATION:
        return answer
    body, counted = request.body, call.dialect.reading.counted

    def tokens_of() -> int:
        return count(body if counted is None else counted(body))

    try:
        tokens = await off_loop(tokens_of) if body.size > LARGE else tokens_of()
    except (BodyError, RecursionError):
        return answer
    answer.close()
    return Answer(200, [(b"content-type", JSON), NO_STORE, ESTIMATE], write(tokens), Outcome(200))


def count(body: Body) -> int:
    """The tokens of a request, about; at least one. Raises BodyError."""
    return max(1, value_tokens({name: body.value(name) for name in body if name in _READ}))

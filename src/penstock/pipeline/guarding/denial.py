"""What a caller is told of a denial: status 446 in the wires whose clients know it from Portkey, 400 in the wire's own
words in all others, or a completion that says so where the guard asks for that (``soft_deny_200``).

Routing sees 446 in any case. Source: docs/guardrails.md#denials.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Final

from penstock.core.events import Event, Refusal, Start, Stop, Text, collect
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.core.operation import Operation
from penstock.core.usage import Usage
from penstock.dialects.caller import EVENT_STREAM, JSON, NO_STORE, CallerDialect, Caption
from penstock.dialects.caller_errors import ErrorReply
from penstock.guards.results import MESSAGE, HookRun, denied_body, message_of, with_results
from penstock.pipeline.call import Call

DENIED: Final = Failure(Kind.HOOKS_FAILED, MESSAGE)
"""What a denial is to routing and in the account, however it is told."""
_PROVIDER: Final = "penstock"
"""What a completion that the gateway itself writes names as its provider."""


def told_denial(
    dialect: CallerDialect, results: bytes | None, reasons: Sequence[str], trace: str, place: str = ""
) -> ErrorReply:
    """The error of a denied request or answer. ``results``: ``hook_results`` as JSON, None where they aren't told.
    ``place`` is where in the request stands what is denied."""
    status = dialect.errors.denied_status
    if status == DENIED.status:
        return ErrorReply(status, [(b"content-type", JSON), NO_STORE], denied_body(results, reasons, place))
    error = dialect.errors.failure(Failure(Kind.GUARDRAIL_DENIED, message_of(reasons, place)), trace)
    body = None if results is None else with_results(error.body, results)
    return ErrorReply(error.status, error.headers, error.body if body is None else body)


def is_soft(runs: Sequence[HookRun]) -> bool:
    """Whether all hooks that deny want the caller to get a completion in place of an error."""
    return all(run.hook.soft_deny for run in runs if run.denies)


def soft_denial(call: Call, results: bytes, *, is_answer: bool, is_strict: bool) -> tuple[Headers, bytes] | None:
    """The head and body of a completion that tells a denial, as a stream where one was asked for; None for operations
    that are no chats. ``results``: ``hook_results`` as JSON, which a strict stream does not tell; ``is_answer``: an
    answer is denied, and not the request."""
    dialect, request = call.dialect, call.request
    if call.operation is not Operation.CHAT or request is None:
        return None
    model = request.model or ""
    caption = Caption(
        f"{random.getrandbits(96):024x}",
        int(time.time()),
        model,
        _PROVIDER,
        is_strict,
        dialect.replies.include_usage(request.body),
    )
    text = "A guardrail withheld the answer." if is_answer else "A guardrail refused the request."
    refusal = Refusal(text) if dialect.writing.tells_refusals else Text(text)
    events: list[Event] = [Start("", model), refusal, Usage(0, 0, 0), Stop("content_filter", detail="refusal")]
    if not request.stream:
        body = dialect.writing.reply(collect(events), caption)
        whole = None if isinstance(body, Failure) else with_results(body, results)
        return None if whole is None else ([(b"content-type", JSON), NO_STORE], whole)
    writer = dialect.writing.stream(caption)
    stream = writer.write(events) + writer.finish()
    if not is_strict and dialect.texts is not None:
        stream = dialect.texts.with_results(results, stream)
    return [(b"content-type", EVENT_STREAM), NO_STORE], stream

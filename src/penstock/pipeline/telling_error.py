"""Part of routing: of several targets' errors, the one that the caller can act on is told beside the last one.

A prompt that is too long, or that a filter refuses, stays so at every target; what the last target answers (an
overload, a parameter of its own) must not hide it (docs/errors.md#several-targets).
"""

from __future__ import annotations

import msgspec

from penstock.core.outcome import TELLING
from penstock.dialects.caller import JSON, ToldError
from penstock.pipeline.call import Answer, Call


def told(answer: Answer) -> ToldError | None:
    """The error that an attempt was answered with; None for one that isn't whole."""
    if answer.rest is not None or answer.watch is not None:
        return None
    path = "" if answer.target is None else answer.target.path.removeprefix("config.")
    return ToldError(path, answer.status, answer.body, answer.outcome.error)


def tell_beside(telling: ToldError, answer: Answer, call: Call) -> None:
    """Make the last answer, a failure, tell the error of the earlier target: its class and status decide."""
    last, errors = told(answer), call.dialect.errors
    if last is None or last.error in TELLING or last.path == telling.path or not errors.has_shape(telling.body):
        return
    answer.body = errors.beside(telling, last)
    answer.status = telling.status
    answer.outcome = msgspec.structs.replace(
        answer.outcome, status=telling.status, error=telling.error, retry_after=None
    )
    kept = [field for field in answer.headers if field[0] not in (b"content-type", b"retry-after", b"retry-after-ms")]
    answer.headers = [(b"content-type", JSON), *kept]

"""Part of routing: of several targets' errors, the one that the caller can act on is told beside the last one.

A prompt that is too long, or that a filter refuses, stays so at every target; what the last target answers (an
overload, a parameter of its own) must not hide it (docs/errors.md#several-targets).
"""

from __future__ import annotations

import msgspec

from penstock.core.outcome import DECISIVE
from penstock.dialects.caller import JSON
from penstock.dialects.caller_errors import TargetError
from penstock.pipeline.call import Answer, Call


def target_error(answer: Answer) -> TargetError | None:
    """The error that an attempt was answered with; None for one that isn't whole."""
    if answer.rest is not None or answer.watch is not None:
        return None
    path = "" if answer.target is None else answer.target.path.removeprefix("config.")
    return TargetError(path, answer.status, answer.body, answer.outcome.error)


def tell_decisive(decisive: TargetError, answer: Answer, call: Call) -> None:
    """Make the last answer, a failure, tell the error of the earlier target: its class and status decide."""
    last, errors = target_error(answer), call.dialect.errors
    if last is None or last.error in DECISIVE or last.path == decisive.path or not errors.has_shape(decisive.body):
        return
    answer.body = errors.beside(decisive, last)
    answer.status = decisive.status
    answer.outcome = msgspec.structs.replace(
        answer.outcome, status=decisive.status, error=decisive.error, retry_after=None
    )
    kept = [field for field in answer.headers if field[0] not in (b"content-type", b"retry-after", b"retry-after-ms")]
    answer.headers = [(b"content-type", JSON), *kept]

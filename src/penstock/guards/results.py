"""Verdicts -> what is told of them: the results of hooks and checks, member by member in Portkey's order.

Source: docs/guardrails.md#results.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import UNSET

from penstock.core.json_text import write_json
from penstock.guards.base import Judgement, Phase
from penstock.guards.hook_result import CheckResult, HookResult, feedback_of, moment_of
from penstock.guards.plan import Feedback, Hook, HookCheck

MESSAGE: Final = (
    "The guardrail checks defined in the config failed. You can find more information in the `hook_results` object."
)
_LISTS: Final = frozenset({"foundWords", "validationErrors", "validUrls", "invalidUrls"})
_EXCERPTS: Final = frozenset({"textExcerpt", "matchDetails", "matchedJson", "responseData"}) | _LISTS
"""Members of a check's data that hold what was checked."""

_LABELS: Final = frozenset(
    """
    action allowedCategories category categories confidence detector_type entity_type explanation filter
    filterStrength flaggedCategories flagged_categories kind label language name outcome restrictedCategories
    subcategory type verdict
    """.split()
)
"""Members of another server's reply that say what was found by a word of the server's own."""


class CheckRun(msgspec.Struct, frozen=True):
    """One check that ran: its judgement, milliseconds, and when it began (seconds since 1970). ``was_thrown``: the
    check has a defect; ``skipped``: it was not asked, because another check had decided already; ``is_unmade``: its
    change could not be made."""

    check: HookCheck
    judgement: Judgement
    milliseconds: int = 0
    began: float = 0.0
    transformed: bool = False
    was_thrown: bool = False
    skipped: bool = False
    is_unmade: bool = False

    @property
    def passes(self) -> bool:
        """Whether the check lets its hook pass: an error does unless the check fails closed, and always with a true
        verdict."""
        if self.judgement.verdict or self.skipped:
            return True
        return self.judgement.error is not None and not self.check.fails_closed


class HookRun(msgspec.Struct):
    """One hook that ran, with its checks in the order of the config. ``skipped``: it did not run. ``can_deny`` is False
    where the answer is with the caller already: a stream that is judged at its end. Computed from these: ``verdict``,
    whether all checks let the hook pass, ``denies``, and ``is_clean``, whether all checks ran and passed without an
    error."""

    hook: Hook
    checks: tuple[CheckRun, ...] = ()
    milliseconds: int = 0
    began: float = 0.0
    skipped: bool = False
    can_deny: bool = True
    verdict: bool = True
    denies: bool = False
    is_clean: bool = True

    def __post_init__(self) -> None:
        is_clean = True
        for each in self.checks:
            judgement = each.judgement
            if judgement.error is None and judgement.verdict and not each.skipped:
                continue
            is_clean = False
            if not each.passes:
                self.verdict, self.denies, self.is_clean = False, self.hook.deny and self.can_deny, False
                return
        # ``msgspec.structs.replace`` copies these from the run that it replaces.
        if not self.verdict or self.denies or self.is_clean is not is_clean:
            self.verdict, self.denies, self.is_clean = True, False, is_clean

    @property
    def transformed(self) -> bool:
        return any(map(_transformed, self.checks))


_transformed: Final = attrgetter("transformed")
_denies: Final = attrgetter("denies")
_verdict: Final = attrgetter("verdict")


def denied(runs: Iterable[HookRun]) -> bool:
    """Whether a hook refuses the request or the answer."""
    return any(map(_denies, runs))


def failed(runs: Iterable[HookRun]) -> bool:
    """Whether a hook has a false verdict."""
    return not all(map(_verdict, runs))


def hook_results(
    before: Sequence[HookRun], after: Sequence[HookRun], *, hides: bool = False, hides_before: bool = False
) -> bytes:
    """``hook_results`` as JSON. ``hides``: no text of the answer is told with the after hooks, since it is withheld.
    ``hides_before``: nor is a text of the request with the before hooks."""
    return joined_results(_hooks(before, hides=hides_before), _hooks(after, hides=hides))


BEFORE: Final = b'{"before_request_hooks":'
AFTER: Final = b',"after_request_hooks":'
"""What stands in ``hook_results`` before the results of each phase."""


def joined_results(before: bytes, after: bytes = b"[]") -> bytes:
    """``hook_results`` as JSON, of the results of both phases, each a JSON array."""
    return b"".join((BEFORE, before, AFTER, after, b"}"))


def phase_results(phase: Phase, runs: Sequence[HookRun], *, hides: bool = False) -> bytes:
    """The results of one phase as a JSON object with one member: what a stream's event tells."""
    return phase_object(phase, _hooks(runs, hides=hides))


def phase_object(phase: Phase, results: bytes) -> bytes:
    """The object of ``phase_results`` for results that are written already, as a JSON array."""
    return b'{"%b":%b}' % (b"before_request_hooks" if phase is Phase.BEFORE else b"after_request_hooks", results)


def with_results(body: bytes, *results: bytes) -> bytes | None:
    """A JSON object with ``hook_results`` as its last member, whose JSON may be in pieces; None for bytes that are no
    object."""
    if len(body) > 2 and body[-1] == _BRACE and body[-2] in _ENDS:
        return b"".join((body[:-1], b',"hook_results":', *results, b"}"))
    text = body.rstrip()
    if not text.endswith(b"}"):
        return None
    inner = text[:-1].rstrip()
    begins = b'"hook_results":' if inner.endswith(b"{") else b',"hook_results":'
    return b"".join((inner, begins, *results, b"}"))


_BRACE: Final = ord("}")
_ENDS: Final = frozenset(b'"}]0123456789el')
"""The last bytes of members' values."""


def message_of(reasons: Sequence[str], place: str = "") -> str:
    """The message of a denial. ``place`` is the one of several requests that is denied: ``line 3``."""
    by = f" Denied by: {', '.join(reasons)}." if reasons else ""
    return MESSAGE + (f" Denied is {place}." if place else "") + by


def denied_body(results: bytes | None, reasons: Sequence[str] = (), place: str = "") -> bytes:
    """The body of status 446; ``"type":"error"`` is what Anthropic's clients look for.
    ``reasons`` are names of hooks and checks, where the operator lets callers know them."""
    error = write_json({"message": message_of(reasons, place), "type": "hooks_failed", "param": None, "code": None})
    member = b"" if results is None else b',"hook_results":' + results
    return b'{"type":"error","error":' + error + member + b"}"


def reasons_of(runs: Iterable[HookRun]) -> list[str]:
    """The hooks that deny, each with the checks that fail: ``my-guard (default.contains)``."""
    return [
        f"{run.hook.id} ({', '.join(each.check.id for each in run.checks if not each.passes)})"
        for run in runs
        if run.denies
    ]


def _hooks(runs: Sequence[HookRun], *, hides: bool) -> bytes:
    """The results of hooks, as a JSON array."""
    return write_json([_hook(run, hides=hides) for run in runs]) if runs else b"[]"


def _hook(run: HookRun, *, hides: bool = False) -> HookResult | dict[str, Any]:
    hook = run.hook
    if run.skipped:
        return {"id": hook.id, "type": hook.type.value, "skipped": True}
    began, moment = run.began, moment_of(run.began)
    checks: list[CheckResult | dict[str, Any]]
    if run.is_clean and not hides:
        checks = [_passed(each, moment if each.began == began else moment_of(each.began)) for each in run.checks]
    else:
        checks = [_check(each, moment_of(each.began), hides=hides) for each in run.checks]
    verdict = run.verdict
    feedback = hook.on_success if verdict else hook.on_fail
    return HookResult(
        verdict,
        hook.id,
        run.transformed,
        checks,
        None if feedback is None else _feedback(feedback, run.checks),
        run.milliseconds,
        hook.is_async,
        hook.type,
        moment,
        run.denies,
    )


def _passed(run: CheckRun, began: str) -> CheckResult:
    """The result of a check that ran, and passed without an error."""
    check, transformed = run.check, run.transformed
    data = run.judgement.data
    return CheckResult(data, True, check.id, UNSET, run.milliseconds, transformed, began, None, check.told_fails_closed)


def _check(run: CheckRun, began: str, *, hides: bool) -> CheckResult | dict[str, Any]:
    check, judgement = run.check, run.judgement
    if run.skipped:
        return {"id": check.id, "skipped": True}
    error = judgement.error
    shown_error = UNSET if error is None else {"name": error.name, "message": error.message}
    if run.was_thrown:
        moment = {"execution_time": run.milliseconds, "created_at": began}
        return {"data": None, "verdict": False, "id": check.id, "error": shown_error, **moment}
    return CheckResult(
        _hidden(judgement.data, quotes=check.check.quotes) if hides else judgement.data,
        judgement.verdict,
        check.id,
        shown_error,
        run.milliseconds,
        run.transformed,
        began,
        None,
        check.told_fails_closed,
    )


def _hidden(data: Any, *, quotes: bool = False) -> Any:
    """A check's data without what was checked: the members stay. ``quotes``: any text in it may be a quotation, save
    labels."""
    if quotes:
        return _without_quotations(data)
    if not isinstance(data, dict):
        return data
    return {name: _blank(name, value) if name in _EXCERPTS else value for name, value in data.items()}


def _without_quotations(data: Any, name: str = "") -> Any:
    if isinstance(data, dict):
        return {key: _without_quotations(value, key) for key, value in data.items()}
    if isinstance(data, list):
        return [_without_quotations(each, name) for each in data]
    return None if isinstance(data, str) and name not in _LABELS else data


def _blank(name: str, value: Any) -> Any:
    return [] if name in _LISTS and isinstance(value, list) else None


def _feedback(feedback: Feedback, runs: Collection[CheckRun]) -> dict[str, Any]:
    decided = [each for each in runs if not each.skipped]
    passed = [each.check.id for each in decided if each.judgement.verdict]
    refused = [each for each in decided if not each.judgement.verdict]
    errored = [each.check.id for each in refused if each.judgement.error is not None]
    failed = [each.check.id for each in refused if each.judgement.error is None]
    return feedback_of((feedback.value, feedback.weight, feedback.metadata), passed, failed, errored)


__all__ = [
    "MESSAGE",
    "CheckRun",
    "HookRun",
    "Phase",
    "denied",
    "denied_body",
    "failed",
    "hook_results",
    "message_of",
    "phase_results",
    "reasons_of",
    "with_results",
]

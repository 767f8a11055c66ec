"""The guards of one target, compiled: hooks as values, in the order in which their results are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cached_property
from typing import Any, Final

import msgspec

from penstock.core.segments import Segment, SegmentKind
from penstock.guards.base import Check, Glance, Judge, Phase, Prepared, Reads
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.hook_result import HookResult, feedback_of, passed_result, template_of
from penstock.routing.plan import TargetGuards


class HookType(Enum):
    """The checks of a mutator run one after the other, each on what the one before it made of the text."""

    GUARDRAIL = "guardrail"
    MUTATOR = "mutator"


class HookMode(Enum):
    """Whether a hook decides, or only looks on (docs/guardrails.md#shadow-mode)."""

    ENFORCE = "enforce"
    SHADOW = "shadow"
    OFF = "off"


class StreamMode(Enum):
    """How a streamed answer is judged (docs/guardrails.md#streams)."""

    AFTER = "after"
    HOLD = "hold"
    WINDOW = "window"
    BUFFER = "buffer"


_BEFORE: Final = Phase.BEFORE
_BY_PLAIN: Final = frozenset({"last", "all"})


class Scope(msgspec.Struct, frozen=True, cache_hash=True):
    """Which texts a check sees. ``of`` chooses messages of a request; ``kinds`` the kinds of texts, None: those that
    Portkey's checks read (``Segment.is_plain``), of ``all`` messages every kind. ``first_choice``: of an answer only
    the first choice."""

    of: str = "last"
    kinds: frozenset[SegmentKind] | None = None
    first_choice: bool = False

    @property
    def is_told_by_plain(self) -> bool:
        """Whether a plain body tells the text of a request without its segments."""
        return self.kinds is None and self.of in _BY_PLAIN

    def chosen(self, body: GuardedBody, phase: Phase) -> tuple[Segment, ...]:
        """The texts of a body that are in scope."""
        of, kinds = self.of, self.kinds
        segments = body.last_segments if of == "last" and phase is _BEFORE else body.segments
        if phase is _BEFORE and of != "last":
            segments = _WITHIN[of](segments)
        elif self.first_choice:
            segments = tuple([each for each in segments if each.choice == 0])
        if kinds is not None:
            return tuple([each for each in segments if each.kind in kinds])
        return segments if of == "all" else tuple([each for each in segments if each.is_plain])

    def sees(self, kind: SegmentKind, *, is_plain: bool) -> bool:
        """Whether a text of this kind is in scope."""
        return is_plain or self.of == "all" if self.kinds is None else kind in self.kinds


def _last_user(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    last = max([each.message for each in segments if _is_users(each)], default=-2)
    return tuple([each for each in segments if each.message == last])


def _new(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Everything since the last message of the assistant's."""
    last = max([each.message for each in segments if each.role == "assistant"], default=-1)
    return tuple([each for each in segments if each.message > last])


def _is_users(segment: Segment) -> bool:
    return segment.role == "user" or segment.kind is SegmentKind.INPUT


def _user(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    return tuple([each for each in segments if _is_users(each)])


def _all(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    return segments


_WITHIN: Final[Mapping[str, Callable[[tuple[Segment, ...]], tuple[Segment, ...]]]] = {
    "last_user": _last_user,
    "user": _user,
    "all": _all,
    "new": _new,
}
SCOPES: Final = ("last", *_WITHIN)
"""What the ``scope`` of a guard may be."""


class HookCheck(msgspec.Struct, frozen=True, dict=True):
    """One check of a hook, as the config asks for it. ``id`` is told in results: as the config writes it, with its
    namespace. ``fingerprint`` is equal for checks of equal id and parameters."""

    id: str
    check: Check
    prepared: Prepared
    scope: Scope = Scope()
    fails_closed: bool = False
    told_fails_closed: bool = False
    """``failOnError`` as the parameters say it: what results tell as ``fail_on_error``."""
    timeout: float = 5.0
    fingerprint: bytes = b""

    @cached_property
    def transforms(self) -> bool:
        """Whether the check, with its parameters, is there to change texts."""
        return (self.check.transforms or self.prepared.transforms) and not self.prepared.only_looks


class Feedback(msgspec.Struct, frozen=True):
    """What is told with a verdict."""

    value: float | None = None
    weight: float | None = None
    metadata: Mapping[str, Any] = {}


class Hook(msgspec.Struct, frozen=True, dict=True):
    """One guard of a phase. ``is_sequential``: its checks run one after the other. ``timeout`` is in seconds, None
    without a limit of its own. ``window`` and ``overlap`` are characters, ``buffer_bytes`` the most that is held."""

    id: str
    type: HookType
    phase: Phase
    checks: tuple[HookCheck, ...]
    deny: bool = False
    is_async: bool = False
    sequential: bool = False
    on_success: Feedback | None = None
    on_fail: Feedback | None = None
    stream: StreamMode = StreamMode.AFTER
    timeout: float | None = None
    window: int = 1000
    overlap: int = 200
    hold_chars: int = 4096
    buffer_bytes: int = 256 << 10
    first_wait: float = 2.0
    name: str = ""
    mode: HookMode = HookMode.ENFORCE
    soft_deny: bool = False
    """Whether a denial is told in a completion with status 200 (docs/guardrails.md#denials)."""
    parallel: bool = False
    """Whether the provider works already while the hook judges the request."""
    sample: float = 1.0
    """The share of requests that a hook judges which only looks on."""
    all_results: bool = False
    """Whether all checks judge to the end, even where a denial is certain."""
    is_own: bool = False
    """Whether a request brings the hook."""
    fingerprint: bytes = b""
    """Equal for hooks that are written alike: of a request's targets each asks them once."""

    @cached_property
    def is_sequential(self) -> bool:
        return self.sequential or self.type is HookType.MUTATOR

    @cached_property
    def is_shadow(self) -> bool:
        """Whether the hook neither denies nor changes anything, and its results aren't told."""
        return self.mode is HookMode.SHADOW

    @cached_property
    def looks_on(self) -> bool:
        """Whether the request does not wait for the hook."""
        return self.is_async or self.is_shadow

    @cached_property
    def transforms(self) -> bool:
        """Whether the hook may change the text."""
        return not (self.is_shadow or self.parallel) and any(
            each.transforms or each.check.replaces for each in self.checks
        )

    @cached_property
    def is_local(self) -> bool:
        """Whether no check of the hook asks another server."""
        return all(each.prepared.ask is None for each in self.checks)

    @cached_property
    def judges(self) -> tuple[tuple[HookCheck, Judge, Scope], ...]:
        """The checks that ask nobody, each with what judges and with its scope."""
        return tuple(
            [(each, each.prepared.judge, each.scope) for each in self.checks if each.prepared.judge is not None]
        )

    @cached_property
    def may_judge_windows(self) -> bool:
        """Whether the hook can judge an answer in pieces that is too long to wait: it neither changes texts, nor needs
        all of them, nor fails closed."""
        closed = any(each.check.replaces or each.fails_closed for each in self.checks)
        return not (self.transforms or closed)

    @cached_property
    def may_glance(self) -> bool:
        """Whether all its checks may tell at a glance that they pass."""
        return self.is_plain and all(
            each.prepared.glance is not None and each.scope.is_told_by_plain for each in self.checks
        )

    @property
    def passed_result(self) -> HookResult:
        """What is told of the hook where all its checks pass at a glance."""
        checks = [(each.id, each.told_fails_closed, each.prepared.clean) for each in self.checks]
        feedback = self.on_success
        passed = None
        if feedback is not None:
            parts = feedback.value, feedback.weight, feedback.metadata
            passed = feedback_of(parts, [each.id for each in self.checks])
        return passed_result(self.id, self.type, checks, passed, is_async=self.is_async)

    @cached_property
    def check_ids(self) -> tuple[str, ...]:
        """The ids of the checks, as the registry has them."""
        return tuple([each.check.id for each in self.checks])

    @cached_property
    def is_plain(self) -> bool:
        """Whether the checks judge one text at once, in any order: none of them asks another server or may change the
        text for another one."""
        return len(self.judges) == len(self.checks) and not (self.transforms or self.is_sequential)


class Glances(msgspec.Struct, frozen=True):
    """The hooks of a phase, all of which may judge at a glance: then nothing else judges.

    ``fixed`` and ``telling`` are what checks tell at a glance, each with which text it sees: 0 is that of a request's
    last message, 1 that of all of them, and of an answer both are the same. What the ``fixed`` ones tell is always the
    same. ``reads_whole``: whether a check sees more than the last message. ``results`` is what is told of the hooks
    where all pass, a JSON array with moments (``hook_result.results_at``), and with a gap for what each of the
    ``telling`` checks tells, in their order (``hook_result.template_of``). ``check_ids`` are the ids of all checks, as
    the registry has them. ``needs_texts``: a request whose texts can't be read would evade a hook."""

    fixed: tuple[tuple[Glance, int], ...]
    telling: tuple[tuple[Glance, int], ...]
    reads_whole: bool
    results: bytes
    check_ids: tuple[str, ...]
    needs_texts: bool


class GuardPlan(TargetGuards, frozen=True, dict=True):
    """The guards of a target. What each request asks of them is told once."""

    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()

    @cached_property
    def deciding(self) -> tuple[Hook, ...]:
        """The hooks that judge a request before it is sent."""
        return tuple([hook for hook in self.before if not (hook.looks_on or hook.parallel)])

    @cached_property
    def beside(self) -> tuple[Hook, ...]:
        """The hooks that judge a request while its provider works."""
        return tuple([hook for hook in self.before if hook.parallel and not hook.looks_on])

    @cached_property
    def needs_texts(self) -> bool:
        """Whether a request whose texts can't be read would evade a hook that denies or changes them."""
        hooks = [hook for hook in (*self.deciding, *self.beside) if hook.deny or hook.transforms]
        return any(each.check.reads is Reads.TEXTS for hook in hooks for each in hook.checks)

    @cached_property
    def looking_on(self) -> tuple[Hook, ...]:
        """The hooks of requests that only look on."""
        return tuple([hook for hook in self.before if hook.looks_on])

    @cached_property
    def deciding_after(self) -> tuple[Hook, ...]:
        """The hooks that judge an answer before it is given."""
        return tuple([hook for hook in self.after if not hook.looks_on])

    @cached_property
    def looking_on_after(self) -> tuple[Hook, ...]:
        """The hooks of answers that only look on."""
        return tuple([hook for hook in self.after if hook.looks_on])

    @cached_property
    def told_headers(self) -> frozenset[bytes]:
        """The header fields that checks of requests may tell the provider: callers send none of these."""
        hooks = [hook for hook in self.before if not hook.looks_on]
        return frozenset([name.encode() for hook in hooks for each in hook.checks for name in each.prepared.tells])

    @cached_property
    def is_local(self) -> bool:
        """Whether no check asks another server."""
        return all(hook.is_local for hook in (*self.before, *self.after))

    @cached_property
    def judges_at_once(self) -> bool:
        """Whether a request is judged without waiting, as it is, and by all hooks that see it before it is sent."""
        return not (self.looking_on or self.changes_answers) and all(hook.is_plain for hook in self.deciding)

    @cached_property
    def glances(self) -> Glances | None:
        """The hooks that judge a request before it is sent, where all of them may do so at a glance, so may those that
        judge its answer, and no other hook judges either."""
        if self.told_headers or self.beside or not self.judges_at_once:
            return None
        if self.after and self.glances_after is None:
            return None
        return _glances_of(self.deciding, needs_texts=self.needs_texts)

    @cached_property
    def glances_after(self) -> Glances | None:
        """The hooks that judge an answer, where all of them may do so at a glance."""
        return None if self.looking_on_after else _glances_of(self.deciding_after, needs_texts=False)

    @cached_property
    def changes_answers(self) -> bool:
        """Whether a hook may change the text of an answer."""
        return any(hook.transforms for hook in self.after)


def _glances_of(hooks: tuple[Hook, ...], *, needs_texts: bool) -> Glances | None:
    if not all(hook.may_glance for hook in hooks):
        return None
    results = template_of([hook.passed_result for hook in hooks])
    if results is None:
        return None
    fixed, telling = list[tuple[Glance, int]](), list[tuple[Glance, int]]()
    for each in [each for hook in hooks for each in hook.checks]:
        if each.prepared.glance is not None:
            look = (each.prepared.glance, 0 if each.scope.of == "last" else 1)
            (telling if each.prepared.clean is None else fixed).append(look)
    ids = tuple([each for hook in hooks for each in hook.check_ids])
    reads_whole = any(which for _, which in (*fixed, *telling))
    return Glances(tuple(fixed), tuple(telling), reads_whole, results, ids, needs_texts)

"""The guards of one target, compiled: hooks as values, in the order in which their results are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

import msgspec

from penstock.core.segments import Segment, SegmentKind
from penstock.guards.base import Check, GuardedBody, Phase, Prepared
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


class Scope(msgspec.Struct, frozen=True):
    """Which texts a check sees. ``of`` chooses messages of a request; ``kinds`` the kinds of texts, None: those that
    Portkey's checks read (``Segment.is_plain``), of ``all`` messages every kind. ``first_choice``: of an answer only
    the first choice."""

    of: str = "last"
    kinds: frozenset[SegmentKind] | None = None
    first_choice: bool = False

    def chosen(self, body: GuardedBody, phase: Phase) -> tuple[Segment, ...]:
        """The texts of a body that are in scope."""
        segments = body.segments
        if phase is Phase.BEFORE:
            within = _WITHIN[self.of](segments)
        elif self.first_choice:
            within = [each for each in segments if each.choice == 0]
        else:
            within = list(segments)
        if self.kinds is None and self.of == "all":
            return tuple(within)
        return tuple([each for each in within if self.sees(each.kind, is_plain=each.is_plain)])

    def sees(self, kind: SegmentKind, *, is_plain: bool) -> bool:
        """Whether a text of this kind is in scope."""
        return is_plain or self.of == "all" if self.kinds is None else kind in self.kinds


def _last(segments: tuple[Segment, ...]) -> list[Segment]:
    last = max([each.message for each in segments], default=0)
    return [each for each in segments if each.message == last]


def _last_user(segments: tuple[Segment, ...]) -> list[Segment]:
    last = max([each.message for each in segments if _is_users(each)], default=-2)
    return [each for each in segments if each.message == last]


def _new(segments: tuple[Segment, ...]) -> list[Segment]:
    """Everything since the last message of the assistant's."""
    last = max([each.message for each in segments if each.role == "assistant"], default=-1)
    return [each for each in segments if each.message > last]


def _is_users(segment: Segment) -> bool:
    return segment.role == "user" or segment.kind is SegmentKind.INPUT


def _user(segments: tuple[Segment, ...]) -> list[Segment]:
    return [each for each in segments if _is_users(each)]


def _all(segments: tuple[Segment, ...]) -> list[Segment]:
    return list(segments)


_WITHIN: Final[Mapping[str, Callable[[tuple[Segment, ...]], list[Segment]]]] = {
    "last": _last,
    "last_user": _last_user,
    "user": _user,
    "all": _all,
    "new": _new,
}
SCOPES: Final = tuple(_WITHIN)
"""What the ``scope`` of a guard may be."""


class HookCheck(msgspec.Struct, frozen=True):
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

    @property
    def transforms(self) -> bool:
        """Whether the check, with its parameters, is there to change texts."""
        return (self.check.transforms or self.prepared.transforms) and not self.prepared.only_looks


class Feedback(msgspec.Struct, frozen=True):
    """What is told with a verdict."""

    value: float | None = None
    weight: float | None = None
    metadata: Mapping[str, Any] = {}


class Hook(msgspec.Struct, frozen=True):
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
    fingerprint: bytes = b""
    """Equal for hooks that are written alike: of a request's targets each asks them once."""

    @property
    def is_sequential(self) -> bool:
        return self.sequential or self.type is HookType.MUTATOR

    @property
    def is_shadow(self) -> bool:
        """Whether the hook neither denies nor changes anything, and its results aren't told."""
        return self.mode is HookMode.SHADOW

    @property
    def looks_on(self) -> bool:
        """Whether the request does not wait for the hook."""
        return self.is_async or self.is_shadow

    @property
    def transforms(self) -> bool:
        """Whether the hook may change the text."""
        return not (self.is_shadow or self.parallel) and any(
            each.transforms or each.check.replaces for each in self.checks
        )


class GuardPlan(TargetGuards, frozen=True):
    """The guards of a target."""

    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()

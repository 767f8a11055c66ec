"""Explain a call without sending it: its plan is played (routing/explain.py) against simulated providers, which succeed
or fail as ``faults`` say.

The counterpart of ``Router``: compiler, routes, requests, error readers and deadlines are the real ones; only the
providers are simulated. The cache counts as empty.
"""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.outcome import Outcome, failed
from penstock.dialects.provider_errors import ClassifiedError, read_error, read_error_event
from penstock.pipeline.call import Call, RequestView
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.deadline import AttemptDeadlines, attempt_deadlines
from penstock.pipeline.guarding.at_once import Stub
from penstock.pipeline.guarding.explain import PlayedGuards, nobody
from penstock.pipeline.prepare import prepare
from penstock.pipeline.route import Router
from penstock.pipeline.target_route import TargetRoute
from penstock.routing.explain import Explanation, PlayedReply, play, shown
from penstock.routing.faults import WELL, BadFaults, Fault, Script, Word, read_faults
from penstock.routing.plan import leaves
from penstock.routing.walk import Attempt
from penstock.transport.deadlines import Deadlines


def explain(
    router: Router,
    call: Call,
    faults: str = "",
    seed: int | None = None,
    answer: bytes | str | None = None,
    stub: Stub = nobody,
    seconds: float = math.inf,
) -> Explanation | Failure:
    """The steps that the call would take; the failure if the call is refused, or ``faults`` can't be parsed.

    Without a body the call is a stream of any model. Without a seed every random number is 0.5: the same call always
    has the same explanation. ``answer``, ``stub`` and ``seconds`` are those of ``PlayedGuards``.
    """
    compiled = router.compiler.compile(call)
    if isinstance(compiled, Failure):
        return compiled
    try:
        script = read_faults(faults, [shown(leaf.path) for leaf in leaves(compiled.plan)])
        guards = PlayedGuards(call, answer, stub, seconds)
        providers = _Providers(router, call, compiled, script, guards)
        deadline = router.deadline or math.inf
        played = play(
            compiled.plan,
            RequestView(call),
            providers.reply,
            _chance(seed),
            deadline,
            router.attempts_of(call),
            time.thread_time,
        )
        return msgspec.structs.replace(played, guards=guards.explained(leaves(compiled.plan)))
    except BadFaults as bad:
        return Failure(Kind.INVALID_REQUEST, str(bad), "faults")
    except _TooMuch:
        text = "The request is too large to be prepared for so many targets: send a shorter request, or fewer targets."
        return Failure(Kind.INVALID_REQUEST, text, "request")


async def load_keys(router: Router, call: Call) -> None:
    """Compile a long config, and load the private keys of the call's targets, in a thread: ``explain`` finds them."""
    if router.compiler.is_long(call):
        call.ahead = await router.compiler.read_ahead(call)
    # Compiling takes the virtual key out of the call's model: a copy of the call leaves it to ``explain``.
    compiled = router.compiler.compile(msgspec.structs.replace(call))
    if isinstance(compiled, CompiledPlan):
        for target in leaves(compiled.plan):
            await router.compiler.loaded(compiled, target, call.operation)


class _TooMuch(Exception):
    """The requests of all targets are larger than ``_MOST_PREPARED`` together."""


_MOST_PREPARED: Final = 4 << 20
"""Bytes of all requests that one explanation prepares."""


def _chance(seed: int | None) -> Callable[[], float]:
    return (lambda: 0.5) if seed is None else random.Random(seed).random  # noqa: S311 (not for secrets)


class _Providers:
    """The simulated providers of a plan."""

    def __init__(
        self, router: Router, call: Call, compiled: CompiledPlan, script: Script, guards: PlayedGuards
    ) -> None:
        self._guards = guards
        self._compiler = router.compiler
        self._call = call
        self._compiled = compiled
        self._script = {path: _one_by_one(faults) for path, faults in script.items()}
        self._streams: dict[str, bool | Failure] = {}
        self._left = _MOST_PREPARED

    def reply(self, step: Attempt, now: float) -> PlayedReply:
        """The simulated reply to an attempt; the failure of the request itself if it can't be prepared."""
        path = shown(step.target.path)
        route = self._compiler.route(self._compiled, step.target, self._call.operation)
        if isinstance(route, Failure):
            return _failed(route, 0.0)
        if path not in self._streams:
            self._left -= 0 if self._call.request is None else self._call.request.body.size
            if self._left < 0:
                raise _TooMuch
            self._streams[path] = _streams(self._call, route)
        denial = self._guards.before(route)
        if denial is not None:
            return denial
        streams = self._streams[path]
        if isinstance(streams, Failure):
            return _failed(streams, 0.0)
        limited = attempt_deadlines(route, step, now, streams=streams)
        fault = next(self._script.get(path, iter(())), WELL)
        if fault.what is Word.SLOW_TOKEN and not streams:
            raise BadFaults(f"{path}=slow-token can't be played: only a stream has a first token, and this is none.")
        seconds, kind = _patient(fault, limited, now)
        if seconds == math.inf:
            raise BadFaults(f"{path}={fault.written} would never end: set request_timeout, or say @SECONDS.")
        if kind:
            return _failed(_failure(kind, fault), seconds)
        return self._guards.after(route, _reply(fault, seconds))


def _streams(call: Call, route: TargetRoute) -> bool | Failure:
    """Whether the request to the target asks for a stream; the failure if the request can't be prepared."""
    if call.request is None:
        return True
    prepared = prepare(call, route)
    return prepared if isinstance(prepared, Failure) else prepared.streams


def _one_by_one(faults: list[Fault]) -> Iterator[Fault]:
    return (fault for each in faults for fault in itertools.repeat(each, each.times))


def _patient(fault: Fault, attempt_deadlines: AttemptDeadlines, now: float) -> tuple[float, Kind | None]:
    """The seconds until a simulated call ends, and the time limit that ended it, if any."""
    limits = attempt_deadlines.limits
    deadlines = Deadlines(limits, now)
    begun = fault.what is Word.SLOW_TOKEN
    due, kind = deadlines.next(head_complete=begun, last_byte=now)
    if begun and attempt_deadlines.first_token is not None and attempt_deadlines.first_token <= due:
        due, kind = attempt_deadlines.first_token, Kind.FIRST_TOKEN_TIMEOUT
    connect = now + (limits.connect or math.inf)
    if fault.what is Word.CONNECT_TIMEOUT and connect <= due:
        due, kind = connect, Kind.CONNECT_TIMEOUT
    allowed = max(0.0, due - now)
    if fault.what in _SILENT:
        return allowed if fault.seconds is None else min(fault.seconds, allowed), kind
    seconds = fault.seconds or 0.0
    return (allowed, kind) if now + seconds > due else (seconds, None)


_SILENT: Final = frozenset({Word.STALL, Word.SLOW_TOKEN, Word.CONNECT_TIMEOUT})
_NOT_CONNECTED: Final = frozenset({Word.CONNECT_TIMEOUT, Word.REFUSED})


def _reply(fault: Fault, seconds: float) -> PlayedReply:
    """The reply of a simulated provider that replies in time."""
    match fault.what:
        case int() as status if 200 <= status < 300:
            return PlayedReply(Outcome(status), seconds, status)
        case Word.OK:
            return PlayedReply(Outcome(200), seconds, 200)
        case Word.ERROR_EVENT:
            trouble = read_error_event(_ERROR)
            return _troubled(trouble, Kind.STREAM_ERROR, seconds, trouble.status)
        case int() as status:
            trouble = read_error(status, b"")
            if fault.retry_after is not None:
                trouble = msgspec.structs.replace(trouble, retry_after=fault.retry_after)
            return _troubled(trouble, Kind.UPSTREAM_STATUS, seconds, status)
        case Word.CONTEXT_LENGTH | Word.CONTENT_FILTER | Word.AUTH as word:
            status, body = _REFUSALS[word]
            return _troubled(read_error(status, body), Kind.UPSTREAM_STATUS, seconds, status)
        case word:
            return _failed(_failure(_BROKEN[word], fault), seconds)


_ERROR: Final = b'{"error":{"message":"The server had an error."}}'
_REFUSALS: Final = {
    Word.CONTEXT_LENGTH: (400, b'{"error":{"code":"context_length_exceeded"}}'),
    Word.CONTENT_FILTER: (400, b'{"error":{"code":"content_filter"}}'),
    Word.AUTH: (401, b'{"error":{"code":"invalid_api_key"}}'),
}
_BROKEN: Final = {
    Word.REFUSED: Kind.CONNECTION_REFUSED,
    Word.RESET: Kind.CONNECTION_CLOSED,
    Word.CUT: Kind.TRUNCATED,
    Word.EMPTY: Kind.INVALID_RESPONSE,
    Word.INVALID: Kind.INVALID_RESPONSE,
}


def _troubled(trouble: ClassifiedError, kind: Kind, seconds: float, status: int) -> PlayedReply:
    outcome = Outcome(
        trouble.status, Failure(kind, "", sent=True), error=trouble.error, retry_after=trouble.retry_after
    )
    return PlayedReply(outcome, seconds, status)


def _failed(failure: Failure, seconds: float) -> PlayedReply:
    return PlayedReply(failed(failure), seconds, failure.status)


def _failure(kind: Kind, fault: Fault) -> Failure:
    return Failure(kind, "", sent=fault.what not in _NOT_CONNECTED)

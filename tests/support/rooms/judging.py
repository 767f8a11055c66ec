"""Checks, asked by hand: a context with one text, a way out that a test plays, hooks of a config."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from penstock.core.segments import Segment
from penstock.dialects.openai.caller.texts import TEXTS
from penstock.guards.base import (
    CheckError,
    Context,
    Judgement,
    ModelQuestion,
    ModelReply,
    OutboundReply,
    OutboundRequest,
    Phase,
    Prepared,
)
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.parameters import Parameters
from penstock.guards.plan import GuardPlan, Hook
from penstock.guards.read import GuardCompiler, GuardPolicy
from penstock.guards.registry import check_of
from penstock.routing.fields import Fields, settled
from penstock.routing.problems import Problems
from penstock.routing.rules import HeaderSettings


def prepared(name: str, parameters: dict[str, Any]) -> Prepared:
    """A check with its parameters, which are valid."""
    check, problems = check_of(name), Problems()
    assert check is not None
    given = Parameters(parameters, "p", problems)
    made = check.prepare(given)
    given.refuse_unknown()
    assert problems.failure() is None, problems.failure()
    return made


def refused(name: str, parameters: dict[str, Any]) -> str | None:
    """The path of the first problem of a check's parameters."""
    check, problems = check_of(name), Problems()
    assert check is not None
    given = Parameters(parameters, "p", problems)
    check.prepare(given)
    given.refuse_unknown()
    failure = problems.failure()
    return None if failure is None else failure.param


def context(
    text: str | dict[str, Any],
    phase: Phase = Phase.BEFORE,
    kind: str = "chatComplete",
    *,
    is_last_alone: bool = False,
    **more: Any,
) -> Context:
    """A context whose request or answer has this text, or is this body. ``is_last_alone``: the last message is in
    scope, and no other one."""

    def read(value: Any) -> Sequence[Segment]:
        return tuple(TEXTS.request(kind, value) if phase is Phase.BEFORE else TEXTS.answer(kind, value))

    if isinstance(text, dict):
        value = text
    elif phase is Phase.BEFORE:
        value = {"model": "m", "messages": [{"role": "user", "content": text}]}
    else:
        value = {"choices": [{"message": {"role": "assistant", "content": text}}]}
    body = GuardedBody(json.dumps(value).encode(), read)
    request = body if phase is Phase.BEFORE else GuardedBody(b"{}", lambda _: ())
    segments = tuple(each for each in body.segments if each.is_plain)
    if is_last_alone:
        segments = tuple(each for each in segments if each.message == segments[-1].message)
    response = None if phase is Phase.BEFORE else body
    told = {"metadata": "labels", "headers": "fields"}
    given = {told.get(name, name): value for name, value in more.items()}
    return Context(phase, kind, "openai", request, response, chosen=segments, **{"clock": monotonic, **given})


def judged(name: str, parameters: dict[str, Any], text: str | dict[str, Any], **more: Any) -> Judgement:
    """What a check says of a text."""
    judge = prepared(name, parameters).judge
    assert judge is not None
    return judge(context(text, **more))


NO_MODEL = CheckError("There is no model.")


class Way:
    """A way out (``Outbound``) that answers by a function; ``sent`` is what was asked."""

    def __init__(
        self,
        answer: Callable[[OutboundRequest], OutboundReply | CheckError],
        reply: ModelReply | CheckError = NO_MODEL,
    ) -> None:
        self.questions: list[ModelQuestion] = []
        self.told: list[OutboundRequest] = []
        self.has_room = True
        self._reply = reply
        self.sent: list[OutboundRequest] = []
        self.fetched: list[tuple[float, bool]] = []
        self._answer = answer

    async def send(self, request: OutboundRequest) -> OutboundReply | CheckError:
        self.sent.append(request)
        return self._answer(request)

    async def fetch(
        self, request: OutboundRequest, seconds: float, *, renews: bool = False
    ) -> OutboundReply | CheckError:
        self.fetched.append((seconds, renews))
        return await self.send(request)

    async def send_all(self, requests: Sequence[OutboundRequest]) -> Sequence[OutboundReply | CheckError]:
        return [await self.send(request) for request in requests]

    def tell(self, request: OutboundRequest) -> bool:
        self.told.append(request)
        return self.has_room

    async def resolves(self, hosts: Sequence[str]) -> Sequence[bool]:
        return [host.endswith(".example") for host in hosts]

    async def ask_model(self, question: ModelQuestion) -> ModelReply | CheckError:
        self.questions.append(question)
        return self._reply


def asked(name: str, parameters: dict[str, Any], text: str | dict[str, Any], way: Way, **more: Any) -> Judgement:
    """What a check says that asks another server."""
    ask = prepared(name, parameters).ask
    assert ask is not None

    async def run() -> Judgement:
        return await ask(context(text, **more), way)

    return asyncio.run(run())


def guards_of(
    config: dict[str, Any],
    headers: dict[str, Any] | None = None,
    saved: dict[str, bytes] | None = None,
    policy: GuardPolicy | None = None,
    *,
    is_saved: bool = False,
) -> tuple[GuardPlan | None, list[str | None]]:
    """The guards of a target, and the paths of what is wrong with them."""
    fields = Fields(settled(config), "config")
    compiler = GuardCompiler(saved or {}, policy or GuardPolicy())
    plan = compiler.guards(fields, HeaderSettings(default_guards=headers or {}, is_saved=is_saved))
    failure = fields.budget.problems.failure()
    return plan, [] if failure is None else [each.param for each in failure.parts or (failure,)]


def hooks_of(config: dict[str, Any], **more: Any) -> tuple[tuple[Hook, ...], tuple[Hook, ...]]:
    """The hooks of a config that is valid."""
    plan, problems = guards_of(config, **more)
    assert problems == []
    assert plan is not None
    return plan.before, plan.after

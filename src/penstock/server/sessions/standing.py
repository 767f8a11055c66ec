"""Whether a session that has begun may go on: its key, its target's names and its budgets may have changed since."""

from __future__ import annotations

import asyncio
import time

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import RequestBody
from penstock.pipeline.authenticate import authenticate
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.restrict import refused
from penstock.pipeline.run import Pipeline

LOOK_SECONDS = 1.0
"""Seconds between two looks, and how long the counters may take for one."""


class Standing:
    """Looks at a session now and then. ``request`` is its request before routing took names off the model."""

    __slots__ = ("_answer", "_call", "_catalogue", "_pipeline", "_request")

    def __init__(self, pipeline: Pipeline, call: Call, answer: Answer, request: RequestBody) -> None:
        self._pipeline = pipeline
        self._call = call
        self._answer = answer
        self._request = request
        self._catalogue = pipeline.compiler.catalogues.current

    @property
    def id_secrets(self) -> tuple[bytes, ...]:
        """The secrets with which ids are bound."""
        return self._pipeline.id_secrets

    async def refusal(self) -> Failure | None:
        """Why the session ends now; None while it may go on."""
        return self._refused_key() or await self._refused_names() or await self._exhausted()

    def _refused_key(self) -> Failure | None:
        key, call = self._call.caller.key, self._call
        if key is None:
            return None
        current = self._pipeline.compiler.catalogues.current
        if current is not self._catalogue:
            known = current.key_by_digest(key.digest)
            if known is None:
                caller = authenticate(call.fields, current)
                return caller if isinstance(caller, Failure) else _revoked()
            key = known
        if key.restrictions is None:
            return None
        return refused(key.restrictions, call.operation, call.account.address, time.time_ns() // 1000)

    async def _refused_names(self) -> Failure | None:
        """Whether the caller could not begin the session any more: a virtual key is gone, a model not allowed."""
        current = self._pipeline.compiler.catalogues.current
        if current is self._catalogue:
            return None
        self._catalogue = current
        again = authenticate(self._call.fields, current)
        if isinstance(again, Failure):
            return again
        call = msgspec.structs.replace(self._call, caller=again, request=self._request, memo=None)
        compiler = self._pipeline.compiler
        if compiler.is_long(call):
            call.ahead = await compiler.read_ahead(call)
        compiled = compiler.compile(call)
        return compiled if isinstance(compiled, Failure) else None

    async def _exhausted(self) -> Failure | None:
        """Whether the limits leave no room for what the session has taken so far."""
        limits, attempt = self._pipeline.limits, self._answer.attempt
        if limits is None or not limits.is_active or attempt is None:
            return None
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                return await limits.still_admits(self._call, attempt)
        except TimeoutError:
            return None


def _revoked() -> Failure:
    return Failure(Kind.INVALID_GATEWAY_KEY, "The gateway key of this session is not in force any more.")

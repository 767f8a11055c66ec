"""Whether a session may go on; tests/e2e/test_realtime_standing.py is about whole sessions."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import msgspec

import calling
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.outcome import Outcome
from penstock.core.restrictions import Restrictions
from penstock.dialects.caller import RequestBody
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.call import Answer
from penstock.pipeline.run import Pipeline
from penstock.server.sessions.standing import Standing
from penstock.stores.catalogue import Catalogue, GatewayKey

KEY = GatewayKey("one", b"d" * 32)


class House:
    """A pipeline of which only the catalogue, the compiler's answer and the limits' answer count."""

    def __init__(self, key: GatewayKey | None = KEY) -> None:
        self.compiled: Any = object()
        self.limited: Failure | None = None
        self.waits = self.is_long = False
        self.ahead: Any = object()
        self.compiler = SimpleNamespace(
            catalogues=SimpleNamespace(current=Catalogue(keys=(KEY,))),
            compile=self._compile,
            is_long=lambda _call: self.is_long,
            read_ahead=self._read_ahead,
        )
        self.limits: Any = SimpleNamespace(is_active=True, still_admits=self._still_admits)
        call = calling.call({"model": "m"}, operation=Operation.REALTIME, authorization="Bearer nobody")
        call.caller = Caller(key)
        answer = Answer(101, [], b"", Outcome(200), attempt=cast("AttemptAccount", object()))
        request = cast("RequestBody", call.request)
        self.standing = Standing(cast("Pipeline", self), call, answer, request)

    def _compile(self, call: Any) -> Any:
        return (
            Failure(Kind.INVALID_CONFIG, "compiled at once") if self.is_long and call.ahead is None else self.compiled
        )

    async def _read_ahead(self, _call: Any) -> Any:
        return self.ahead

    async def _still_admits(self, _call: Any, _attempt: Any) -> Failure | None:
        if self.waits:
            await asyncio.Event().wait()
        return self.limited

    def change(self, *keys: GatewayKey, is_guarded: bool = True) -> None:
        self.compiler.catalogues.current = Catalogue(keys=keys, is_guarded=is_guarded)


async def kind_of(house: House) -> Kind | None:
    refusal = await house.standing.refusal()
    return None if refusal is None else refusal.kind


async def test_nothing_has_changed() -> None:
    assert await kind_of(House()) is None
    assert await kind_of(House(None)) is None


async def test_a_key_that_is_gone() -> None:
    house = House()
    house.change()
    assert await kind_of(house) is Kind.INVALID_GATEWAY_KEY


async def test_a_key_that_has_expired_meanwhile() -> None:
    house = House(msgspec.structs.replace(KEY, restrictions=Restrictions(expires_at=1)))
    assert await kind_of(house) is Kind.INVALID_GATEWAY_KEY


async def test_names_are_looked_up_when_the_catalogue_has_changed() -> None:
    house = House(None)
    house.compiled = Failure(Kind.UNKNOWN_VIRTUAL_KEY, "gone")
    assert await kind_of(house) is None
    house.change(is_guarded=False)
    assert await kind_of(house) is Kind.UNKNOWN_VIRTUAL_KEY
    assert await kind_of(house) is None  # told once


async def test_limits() -> None:
    house = House()
    house.limited = Failure(Kind.BUDGET_EXCEEDED, "used up")
    assert await kind_of(house) is Kind.BUDGET_EXCEEDED
    house.limits.is_active = False
    assert await kind_of(house) is None


async def test_counters_that_do_not_answer_end_no_session() -> None:
    house = House()
    house.waits = True
    assert await kind_of(house) is None


async def test_a_long_config_is_compiled_ahead() -> None:
    house = House(None)
    house.is_long = True
    house.change(is_guarded=False)
    assert await kind_of(house) is None

"""Responses that the gateway keeps: found at once, written later, bounded. tests/e2e/test_kept_responses.py drives
them through a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import pytest

from calling import call, target
from penstock.app.responses import form_of_kept
from penstock.core import kept_id
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.outcome import Outcome
from penstock.dialects.registry import CALLERS
from penstock.pipeline.account import AttemptAccount
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.keeping import conversations as module
from penstock.pipeline.keeping.conversations import Conversations, owner_of
from penstock.pipeline.keeping.exchange import Keeping
from penstock.stores.catalogue import GatewayKey
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.kept_response import KeptResponse

NOW = 1_700_000_000_000_000


class Table:
    """The rows of a database that can be away."""

    def __init__(self) -> None:
        self.rows: dict[str, KeptResponse] = {}
        self.is_away = False
        self.reads = 0
        self.written = asyncio.Event()
        self.appears: KeptResponse | None = None
        """What another replica writes after the second look."""

    def _reach(self) -> None:
        if self.is_away:
            raise DatabaseError("away")

    async def read(self, id_: str, owner: bytes) -> KeptResponse | None:
        self._reach()
        self.reads += 1
        if self.appears is not None and self.reads == 2:
            self.rows[self.appears.id] = self.appears
        row = self.rows.get(id_)
        return row if row is not None and row.owner == owner else None

    async def write(self, kept: Sequence[KeptResponse]) -> None:
        self._reach()
        self.rows.update({each.id: each for each in kept})
        self.written.set()

    async def delete(self, id_: str, owner: bytes) -> bool:
        self._reach()
        return self.rows.pop(id_, None) is not None

    async def clean(self) -> None:
        self._reach()


def made(table: Table, now: int = NOW) -> Conversations:
    return Conversations(form_of_kept(), table, 30, 1000, lambda: now)


def new_id(number: int = 0, now: int = NOW) -> str:
    return "resp_" + kept_id.seed(now // 1000, bytes([number] * kept_id.ENTROPY))


def asking(operation: Operation = Operation.CHAT, body: Any = None, id_: str = "", **members: Any) -> Call:
    request = call({"model": "m", "input": "On", **(body or {})}, operation=operation)
    request.dialect = CALLERS["responses"]
    read = request.dialect.reading.body(request.body)
    assert not isinstance(read, Failure)
    request.request = read
    request.parameters = {"id": id_} if id_ else {}
    for name, value in members.items():
        setattr(request, name, value)
    return request


def keep(conversations: Conversations, id_: str, request: Call | None = None, text: str = "Hi") -> None:
    """Pass an answer of lane 2."""
    asked = request or asking()
    asked.keeps = Keeping(owner_of(asked), 1000, None, b'"Hello"')
    response = {"id": id_, "status": "completed", "output": [{"type": "message", "role": "assistant", "content": text}]}
    answer = Answer(200, [], json.dumps(response).encode(), Outcome(200))
    answer.attempt = AttemptAccount(target(), 0.0, lane=2)
    assert conversations.kept(answer, asked) is answer


async def read(conversations: Conversations, id_: str, operation: Operation = Operation.RESPONSE) -> Answer | Failure:
    answer = await conversations.answer(asking(operation, id_=id_))
    assert answer is not None
    return answer


async def test_what_is_kept_is_found_before_it_is_written() -> None:
    table = Table()
    conversations = made(table)
    keep(conversations, new_id())
    assert isinstance(await read(conversations, new_id()), Answer)
    assert not table.rows
    request = asking(body={"previous_response_id": new_id()})
    assert await conversations.prepare(request) is None
    assert [each.get("role") for each in json.loads(request.body)["input"]] == ["user", "assistant", "user"]
    assert request.keeps is not None
    assert request.keeps.previous == new_id()
    await conversations.stop()
    assert set(table.rows) == {new_id()}
    assert table.rows[new_id()].expires_at == NOW + 30 * 86_400_000_000


async def test_it_is_written_soon() -> None:
    table = Table()
    conversations = made(table)
    conversations.start()
    try:
        keep(conversations, new_id())
        async with asyncio.timeout(300):
            await table.written.wait()
    finally:
        await conversations.stop()


async def test_a_database_that_is_away_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    table = Table()
    conversations = made(table)
    conversations.start()
    try:
        table.is_away = True
        keep(conversations, new_id())
        answer = await read(conversations, new_id(1, 0))
        assert isinstance(answer, Failure)
        assert answer.kind is Kind.STORE_UNAVAILABLE
        assert isinstance(await read(conversations, new_id(), Operation.RESPONSE_DELETE), Failure)
        table.is_away = False
        await conversations.stop()
    finally:
        await conversations.stop()


async def test_what_another_replica_writes_just_now_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOKS", (0.0001, 0.0001))
    table = Table()
    table.appears = KeptResponse(new_id(), owner_of(asking()), NOW, NOW + 1, b"[]", b'{"id":"x"}')
    assert isinstance(await read(made(table), new_id()), Answer)
    assert table.reads == 2
    table.reads, table.appears = 0, None
    assert isinstance(await read(made(table), new_id(1)), Failure)
    assert table.reads == 3
    assert isinstance(await read(made(table, NOW + 60_000_000), new_id(1)), Failure)
    assert table.reads == 4


def referring(*ids: str) -> Call:
    return asking(body={"input": [{"type": "item_reference", "id": id_} for id_ in ids]})


def item_ids(number: int, count: int) -> list[str]:
    return [f"msg_{new_id(number).removeprefix('resp_')}f{n:04x}" for n in range(count)]


async def test_a_small_request_never_becomes_a_huge_one() -> None:
    conversations = made(Table())
    for number in range(3):
        keep(conversations, new_id(number))
        waiting = conversations._waiting[new_id(number)]
        items = json.dumps([{"role": "user", "content": "x" * 400}] * 2).encode()
        conversations._waiting[new_id(number)] = msgspec.structs.replace(waiting, input=items)
    assert await conversations.prepare(referring(*item_ids(0, 2))) is None
    for ids, text in (
        ([item_ids(0, 1)[0]] * 2, "refer to each item once"),
        ([*item_ids(0, 2), *item_ids(1, 1)], "more than 1000 bytes"),
        ([*item_ids(0, 1), *item_ids(1, 1), *item_ids(2, 1)], "more than 1000 bytes"),
    ):
        request = referring(*ids)
        before = request.body
        failure = await conversations.prepare(request)
        assert isinstance(failure, Failure)
        assert (failure.kind, failure.param) == (Kind.INVALID_REQUEST, "input")
        assert text in failure.message
        assert request.body == before
    failure = await conversations.prepare(referring(item_ids(0, 3)[2]))
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.NOT_FOUND


async def test_the_items_of_a_response_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[int] = []
    items_of = form_of_kept().items_of

    def counted(ids: Collection[str], *kept: Any) -> dict[str, bytes]:
        readings.append(len(ids))
        return items_of(ids, *kept)

    conversations = Conversations(
        msgspec.structs.replace(form_of_kept(), items_of=counted), Table(), 30, 100_000, lambda: NOW
    )
    keep(conversations, new_id())
    items = json.dumps(["x"] * 500).encode()
    conversations._waiting[new_id()] = msgspec.structs.replace(conversations._waiting[new_id()], input=items)
    assert isinstance(await conversations.prepare(referring(*item_ids(0, 500))), Failure | None)
    assert readings == [500]


async def test_a_request_waits_once_however_many_responses_it_refers_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOKS", (0.0001, 0.0001))
    table = Table()
    referred = [{"type": "item_reference", "id": item_ids(number, 1)[0]} for number in range(5)]
    request = asking(body={"input": referred, "previous_response_id": new_id(9)})
    conversations = made(table)
    assert isinstance(await conversations.prepare(request), Failure)
    assert table.reads == 3
    for number in range(5):
        row = KeptResponse(new_id(number), owner_of(asking()), NOW, NOW + 1, b'["x"]', b'{"id":"x"}')
        table.rows[row.id] = row
    table.reads, table.appears = 0, KeptResponse(new_id(9), owner_of(asking()), NOW, NOW + 1, b"[]", b'{"id":"x"}')
    assert await conversations.prepare(request) is None
    assert table.reads == 2 + 5


async def test_what_is_deleted_is_not_written_afterwards() -> None:
    table = Table()
    conversations = made(table)
    keep(conversations, new_id())
    assert isinstance(await read(conversations, new_id(), Operation.RESPONSE_DELETE), Answer)
    await conversations.stop()
    assert not table.rows


async def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 2)
    conversations = made(Table())
    for number in range(3):
        keep(conversations, new_id(number))
    assert conversations.lost == 1
    keep(conversations, new_id(7), text="x" * 2000)
    assert conversations.lost == 2


async def test_an_id_that_is_not_the_gateways_is_left_alone() -> None:
    conversations = made(Table())
    assert not conversations.concerns(asking(Operation.RESPONSE, id_="resp_1"))
    request = asking(body={"previous_response_id": "resp_1"})
    before = request.body
    assert await conversations.prepare(request) is None
    assert request.body == before
    keep(conversations, "resp_1")
    await conversations.stop()


async def test_a_request_that_wants_nothing_kept() -> None:
    request = asking(body={"store": False})
    assert await made(Table()).prepare(request) is None
    assert request.keeps is None


def test_whose_a_response_is() -> None:
    one, two = GatewayKey("one", bytes(32)), GatewayKey("two", bytes(32))
    owners = {owner_of(asking(caller=Caller(key))) for key in (one, two)}
    owners.add(owner_of(asking(caller=Caller(msgspec.structs.replace(one, id="i", workspace="w")))))
    owners |= {owner_of(asking(fields={b"authorization": value})) for value in (b"Bearer a", b"Bearer b")}
    owners.add(owner_of(asking(fields={})))
    assert len(owners) == 6
    assert owner_of(asking(fields={b"x-api-key": b"a"})) == owner_of(asking(fields={b"authorization": b"Bearer a"}))

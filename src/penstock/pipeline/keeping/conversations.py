"""Stage: responses that the gateway keeps for hosts that keep none (docs/responses.md#kept-by-the-gateway).

Before a request is routed, the conversation that it goes on from is put into its input, so that it can go to any
target. An answer is kept when its last event passes, before the caller has it: in a queue at once, where the next
request finds it, and in the database a moment later. Another replica waits a little for a response that was just made.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from asyncio import sleep
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from penstock.background import Background
from penstock.core import kept_id
from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.outcome import Outcome
from penstock.dialects.caller import JSON, NO_STORE
from penstock.pipeline.authenticate import KEY_HEADERS, credential
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.keeping.exchange import Keeping
from penstock.pipeline.keeping.tap import LastEvent, Tap, WholeReply
from penstock.pipeline.off_loop.thread import LARGE, off_loop
from penstock.pipeline.records.batches import Batches
from penstock.pipeline.replies.tapped_reply import TappedReply
from penstock.providers.row import RESPONSES_WIRE
from penstock.stores.sql.database_error import DatabaseError
from penstock.stores.sql.kept_response import KeptResponse

_LOG: Final = logging.getLogger("penstock")
_READING: Final = frozenset(
    {Operation.RESPONSE, Operation.RESPONSE_DELETE, Operation.RESPONSE_CANCEL, Operation.RESPONSE_ITEMS}
)
_MOST: Final = 10_000
_MOST_BYTES: Final = 64 << 20
"""Responses, and bytes of them, that wait for the database at most."""
_BATCH: Final = 50
_PAUSE: Final = 1.0
"""Seconds until a database that can't be reached is tried again."""
_LOOKS: Final = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds between two looks for a response that another replica may be writing."""
_JUST_MADE: Final = 3_000
"""Milliseconds in which a response may be on its way to the database."""
_CLEANING: Final = 3600.0
_DAY: Final = 86_400_000_000
_MOST_REFERENCES: Final = 64
"""Responses that the items of one input may be of."""
_STREAM: Final = "stream=true"


class Form(msgspec.Struct, frozen=True):
    """What kept responses are in their wire (dialects/responses/stored_responses.py)."""

    references: Callable[[Body], list[str]]
    history: Callable[[bytes, bytes], list[bytes]]
    continued: Callable[[Body, Sequence[bytes], Mapping[str, bytes]], Body | Failure]
    items_of: Callable[[Collection[str], bytes, str, bytes], dict[str, bytes]]
    input_page: Callable[[bytes, str, str], bytes | Failure]
    deleted: Callable[[str], bytes]
    is_response: Callable[[bytes], str | None]
    last_event: Callable[[], LastEvent]


class Rows(Protocol):
    """The database of kept responses. All raise DatabaseError."""

    async def read(self, id_: str, owner: bytes) -> KeptResponse | None: ...

    async def write(self, kept: Sequence[KeptResponse]) -> None: ...

    async def delete(self, id_: str, owner: bytes) -> bool: ...

    async def clean(self) -> None:
        """Delete the responses that have ended."""
        ...


class Conversations:
    """The responses that the gateway keeps, and a part of the gateway: it writes them. ``days`` is how long a response
    is kept, ``longest`` the most bytes of a conversation and of an answer; ``now`` tells microseconds since 1970."""

    stop_seconds = 20.0
    """How long the last batches may take: the database may have to be opened for them."""

    def __init__(self, form: Form, rows: Rows, days: int, longest: int, now: Callable[[], int]) -> None:
        self.lost = 0
        self._form = form
        self._rows = rows
        self._span = days * _DAY
        self._longest = longest
        self._now = now
        self._waiting: dict[str, KeptResponse] = {}
        self._bytes = 0
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        """Held while responses are written or deleted: one that is deleted isn't written afterwards."""
        write: Callable[[Sequence[KeptResponse]], Coroutine[Any, Any, None]] = rows.write
        self._batches: Batches[KeptResponse] = Batches("the kept responses", "memory", write, _name_of)
        self._writing = Background("the kept responses", self._keep_writing)
        self._cleaning = Background("the kept responses' retention", self._keep_cleaning)

    def start(self) -> None:
        self._writing.start()
        self._cleaning.start()

    async def stop(self) -> None:
        await self._cleaning.stop()
        await self._writing.stop()
        while self._waiting and await self._try_write():
            pass

    # Requests that go on from what is kept.

    async def prepare(self, call: Call) -> Failure | None:
        """Put what a request refers to into its input; the failure of one that refers to what isn't there."""
        request = call.request
        if request is None or call.dialect.name != RESPONSES_WIRE or not call.operation.has_body:
            return None
        body, owner = request.body, owner_of(call)
        previous = body.text("previous_response_id")
        if previous is not None and not kept_id.is_kept(previous):
            previous = None
        if call.operation is Operation.CHAT and body.raw("store") != b"false":
            call.keeps = Keeping(owner, self._longest, previous)
        kept: KeptResponse | None = None
        looks = iter(_LOOKS)
        if previous is not None:
            read = await self._find(previous, owner, looks)
            if not isinstance(read, KeptResponse):
                return read or _no_previous(previous)
            kept = read
        found = await self._items(self._form.references(body), owner, looks)
        if isinstance(found, Failure):
            return found
        if kept is not None or found:
            is_large = (kept.size if kept is not None else 0) + len(call.body) > LARGE
            whole = (
                await off_loop(partial(self._whole, body, kept, found)) if is_large else self._whole(body, kept, found)
            )
            if isinstance(whole, Failure):
                return whole
            call.body, body = whole
            call.request = msgspec.structs.replace(request, body=body)
        return None

    def _whole(self, body: Body, kept: KeptResponse | None, found: Mapping[str, bytes]) -> tuple[bytes, Body] | Failure:
        """The request with the conversation that it goes on from."""
        before = [] if kept is None else self._form.history(kept.input, kept.response)
        whole = self._form.continued(body, before, found)
        if isinstance(whole, Failure):
            return whole
        data = whole.encode()
        return data, Body.parse(data)

    async def _items(self, ids: Sequence[str], owner: bytes, looks: Iterator[float]) -> dict[str, bytes] | Failure:
        """The items of these ids: each once, and together no more than is kept of a conversation, so that a small
        request never becomes a huge one."""
        by_response: dict[str, set[str]] = {}
        for id_ in ids:
            items = by_response.setdefault(kept_id.response_of(id_) or "", set())
            if id_ in items:
                return _bad_references(f"Two items of input refer to '{id_[:64]}': refer to each item once.")
            items.add(id_)
        if len(by_response) > _MOST_REFERENCES:
            return _bad_references(f"The items of input refer to more than {_MOST_REFERENCES} responses")
        found: dict[str, bytes] = {}
        for response_id, items in by_response.items():
            kept = await self._find(response_id, owner, looks)
            if isinstance(kept, Failure):
                return kept
            if kept is not None:
                read = partial(self._form.items_of, items, kept.input, kept.id, kept.response)
                found |= await off_loop(read) if kept.size > LARGE else read()
            missing = next((id_ for id_ in items if id_ not in found), None)
            if missing is not None:
                return Failure(Kind.NOT_FOUND, f"Item with id '{missing[:64]}' not found.", "input")
            if sum(map(len, found.values())) > self._longest:
                return _bad_references(f"The items of input refer to more than {self._longest} bytes")
        return found

    # Answers that are kept.

    def kept(self, answer: Answer, call: Call) -> Answer:
        """The answer, which is kept as soon as it is whole, if it says that it is."""
        keeping = call.keeps
        made = answer.attempt
        if keeping is None or keeping.input is None or not answer.outcome.ok or made is None or made.lane == 1:
            return answer
        if answer.watch is None and answer.rest is None and answer.body[:1] == b"{":
            self._keep(keeping, answer.body)
            return answer
        tap = Tap(
            self._form.last_event() if answer.body[:1] != b"{" else WholeReply(), self._longest, keeping, self._keep
        )
        tap.feed(answer.body)
        if answer.rest is not None:
            answer.rest = TappedReply(answer.rest, tap.feed)
        return answer

    def _keep(self, keeping: Keeping, response: bytes) -> None:
        """Keep a whole response: in the queue at once."""
        id_, items = self._form.is_response(response), keeping.input
        if id_ is None or items is None or not kept_id.is_kept(id_) or id_ in self._waiting:
            return
        now = self._now()
        kept = KeptResponse(id_, keeping.owner, now, now + self._span, items, response)
        if len(response) > self._longest or len(self._waiting) >= _MOST or self._bytes + kept.size > _MOST_BYTES:
            self.lost += 1
            _LOG.error("a response is not kept: it is too long, or too many wait (%d so far)", self.lost)
            return
        self._waiting[id_] = kept
        self._bytes += kept.size
        self._news.set()

    # Requests about what is kept.

    @staticmethod
    def concerns(call: Call) -> bool:
        """Whether a request is about a response that the gateway keeps."""
        return call.operation in _READING and kept_id.is_kept(call.parameters.get("id", ""))

    async def answer(self, call: Call) -> Answer | Failure:
        """The answer to a request that ``concerns`` what the gateway keeps."""
        id_ = call.parameters.get("id", "")
        owner = owner_of(call)
        if call.operation is Operation.RESPONSE_DELETE:
            return await self._delete(id_, owner)
        kept = await self._find(id_, owner)
        if not isinstance(kept, KeptResponse):
            return kept or _not_found(id_)
        if call.operation is Operation.RESPONSE_CANCEL:
            text = "Cannot cancel a synchronous response: only those made with background: true can be cancelled."
            return Failure(Kind.INVALID_REQUEST, text)
        if call.operation is Operation.RESPONSE_ITEMS:
            read = partial(self._form.input_page, kept.input, id_, call.query)
            page = await off_loop(read) if kept.size > LARGE else read()
            return page if isinstance(page, Failure) else _told(page)
        if _STREAM in call.query.split("&"):
            text = "Only responses made with background: true can be streamed again: leave stream out."
            return Failure(Kind.INVALID_REQUEST, text, "stream")
        return _told(kept.response)

    async def _delete(self, id_: str, owner: bytes) -> Answer | Failure:
        kept = await self._find(id_, owner)
        if not isinstance(kept, KeptResponse):
            return kept or _not_found(id_)
        async with self._turn:
            waiting = self._waiting.pop(id_, None)
            if waiting is not None:
                self._bytes -= waiting.size
            try:
                await self._rows.delete(id_, owner)
            except DatabaseError:
                return _UNREACHABLE
        return _told(self._form.deleted(id_))

    async def _find(
        self, id_: str, owner: bytes, looks: Iterator[float] | None = None
    ) -> KeptResponse | Failure | None:
        """The response of this id that is the owner's; None if there is none. ``looks`` are the pauses that are left to
        the request."""
        is_new = abs(self._now() // 1000 - kept_id.made_at(id_)) < _JUST_MADE
        looks = iter(_LOOKS) if looks is None else looks
        while True:
            waiting = self._waiting.get(id_)
            if waiting is not None:
                return waiting if waiting.owner == owner else None
            try:
                kept = await self._rows.read(id_, owner)
            except DatabaseError as error:
                _LOG.error("%s; a kept response can't be read", error)
                return _UNREACHABLE
            pause = next(looks, 0.0) if is_new and kept is None else 0.0
            if not pause:
                return kept
            await sleep(pause)

    # The way to the database.

    async def _keep_writing(self) -> None:
        if self._waiting:
            self._news.set()
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                if not await self._try_write():
                    await sleep(_PAUSE)

    async def _try_write(self) -> bool:
        async with self._turn:
            batch = [*self._waiting.values()][:_BATCH]
            if batch and not await self._batches.try_write(batch):
                return False
            for kept in batch:
                del self._waiting[kept.id]
                self._bytes -= kept.size
        return True

    async def _keep_cleaning(self) -> None:
        while True:
            await sleep(_CLEANING)
            try:
                await self._rows.clean()
            except DatabaseError as error:
                _LOG.error("%s; kept responses that have ended stay for now", error)


def owner_of(call: Call) -> bytes:
    """Whose a response is: the gateway key's; without gateway keys that of the credential which came with the
    request."""
    key = call.caller.key
    if key is not None:
        return hashlib.sha256(f"key\0{key.workspace or ''}\0{key.tenant}".encode("utf-8", "surrogatepass")).digest()
    shown = next((credential(call.fields[name]) for name in KEY_HEADERS if call.fields.get(name)), "")
    return hashlib.sha256(f"credential\0{shown}".encode("utf-8", "surrogatepass")).digest()


def _told(body: bytes) -> Answer:
    return Answer(200, [(b"content-type", JSON), NO_STORE], body, Outcome(200))


def _not_found(id_: str) -> Failure:
    return Failure(Kind.NOT_FOUND, f"Response with id '{id_[:64]}' not found.")


def _no_previous(id_: str) -> Failure:
    text = f"Previous response with id '{id_[:64]}' not found."
    return Failure(Kind.INVALID_REQUEST, text, "previous_response_id", code="previous_response_not_found")


def _bad_references(text: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, text if text.endswith(".") else f"{text}: use previous_response_id.", "input")


_UNREACHABLE: Final = Failure(
    Kind.STORE_UNAVAILABLE, "The database that keeps responses can't be reached just now. Try again later."
)


def _name_of(kept: KeptResponse) -> str:
    return f"the response {kept.id}"

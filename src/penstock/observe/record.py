"""The immutable account of one finished request, and the bounded queues that take it to its readers.

What a record is made of holds no reference back to it, so that none of it needs the collector (``gc=False``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from penstock.core.trace_context import TraceContext
from penstock.core.usage import Usage
from penstock.limits.limit import BucketKey
from penstock.observe.record_kinds import RecordKind, RecordKinds
from penstock.prices.charge import Charge

if TYPE_CHECKING:
    from penstock.observe.log_extras import ContentKeeper, Keeper

_HANDFUL: Final = 32
"""Records that a reader is handed in one turn of the event loop. Its code is out of the processor's caches at the first
of them, and the records, some 50 KB, are still in them at the last."""


class Billed(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What an attempt took of budgets. ``nanos`` is its cost in nanodollars, None if the price is unknown; the price's
    version and match are those of the book of prices. ``is_estimated``: the provider told no usage. ``budgets`` are the
    buckets of budgets in dollars that were charged."""

    usage: Usage
    nanos: int | None
    price_version: str = ""
    price_match: str = "none"
    is_estimated: bool = False
    budgets: tuple[BucketKey, ...] = ()


class AttemptRecord(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One attempt at one target. Times are in seconds, ``began`` counted from the request's arrival.

    ``target`` is the target's path in the config (``config.targets[0]``). ``status`` is the provider's HTTP status, or
    the one that its failure stands for; 0 when the attempt was cancelled before anything came back. ``first_content``
    and ``ended`` are None where that was never reached. ``usage`` is what the provider reported. ``lane`` is 0 where no
    request for the provider was made: a guard or a limit refused the attempt, say.

    ``is_charged`` is False where this request does not pay for the attempt: it was answered from the cache, or shares
    the upstream call of another request. ``is_hedge_loser``: another attempt of a race won.
    """

    target: str
    provider: str
    model: str | None
    lane: int
    status: int
    began: float
    first_content: float | None = None
    ended: float | None = None
    usage: Usage | None = None
    failure: str | None = None
    cache: str | None = None
    is_charged: bool = True
    is_shared: bool = False
    is_hedge_loser: bool = False
    virtual_key: str | None = None
    """The virtual key of the target."""
    billed: Billed | None = None
    """What limits were charged; None for a request without limits."""
    region: str = ""
    """The provider's region that the target names; empty where it names none."""
    span_id: str = ""
    """The attempt's span, where the provider was told of it."""
    identity: str = ""
    """The digest by which routing knows the target: that of its circuit."""
    charge: tuple[Charge | None] | None = None
    """What the usage costs by the prices that were in force when a reader first asked (pipeline/records/cost.py), in it
    None where the price is unknown. None: nobody has asked."""


class GuardVerdict(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What one check of a guard decided: ``denied``, ``failed`` (marked only), ``error_passed`` (it could not judge and
    let pass), ``error_denied``, ``error_failed`` or ``dropped`` (it looks on, and did not run). ``phase`` is ``before``
    or ``after``, ``guard`` the guard's id. ``released``: a stream was denied in its middle, when so many characters of
    its texts had gone out. It holds no text that was judged."""

    phase: str
    guard: str
    check: str
    verdict: str
    released: int | None = None


class Record(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What happened to a request. Times are in seconds; it holds no content and no credential.

    ``status`` is what the request came to: the status that its caller got, 499 where it left first, and that of the
    failure where an answer broke off after its head; ``head_status`` is then what the head said. ``failure`` is a
    ``Kind`` value or None. ``first_byte`` runs from the request's arrival to the first byte of the answer's body.
    ``provider``, ``model`` and ``option`` are those of the attempt that answered, or of the last one where none
    did; of a request without an attempt, the provider and the model that it named. ``usage`` is the total of all
    attempts that this request pays for, with the estimates that limits were charged where a provider told none.
    """

    at: float
    method: str
    path: str
    status: int
    latency: float
    operation: str | None = None
    dialect: str | None = None
    provider: str | None = None
    model: str | None = None
    stream: bool = False
    first_byte: float | None = None
    usage: Usage | None = None
    failure: str | None = None
    trace_id: str = ""
    option: str | None = None
    dropped: tuple[str, ...] = ()
    metadata: dict[str, str] | None = None
    trace: str = ""
    """The line of ``x-penstock-trace``."""
    cache: str | None = None
    skipped: int = 0
    """Events of the provider's stream that could not be read and were left out."""
    key: str | None = None
    """The name of the gateway key; None where callers need none or showed none that is known."""
    labels: Mapping[str, str] = {}
    """The labels of the gateway key."""
    client: str | None = None
    """The caller's address; behind a trusted proxy, the one that the proxy tells."""
    user_agent: str | None = None
    """What the caller's program says it is, cut to a bounded length."""
    virtual_key: str | None = None
    """The virtual key of the target that answered; without one, the virtual key that the request names."""
    config: str | None = None
    """The name of the saved config, if the request was routed by one."""
    attempts: tuple[AttemptRecord, ...] = ()
    request_id: str = ""
    """The request's id in the counters of limits; empty for a request without limits."""
    key_id: str | None = None
    """The id of the gateway key's row in the database."""
    workspace: str | None = None
    """The id of the gateway key's workspace."""
    trace_context: TraceContext | None = None
    """The trace of the request; None where no spans are made."""
    parameters: Mapping[str, bytes] = {}
    """The parameters of the request that its spans tell, as JSON."""
    guards: tuple[GuardVerdict, ...] = ()
    """What guards decided, where they did not simply pass."""
    head_status: int | None = None
    """The status in the head of an answer, where ``status`` is another one."""
    kind: RecordKind | None = None
    """None for a record that is alone of its kind, and where no reader asks for kinds."""


class RecordQueue:
    """The records for one reader: never more than ``size``. Records that come when it is full are counted, not kept:
    ``lost_in_all`` for ever, ``lost`` until the reader sets it back.

    A reader takes them when it likes (``take``), is handed some at a time a moment later (``follow``), or each at once
    (``follow_at_once``)."""

    __slots__ = (
        "_is_woken",
        "_loop",
        "_queue",
        "_read",
        "_read_at_once",
        "_seen",
        "_size",
        "lost",
        "lost_in_all",
        "reader",
    )

    def __init__(self, size: int, reader: str = "") -> None:
        self._queue: deque[Record] = deque()
        self._size = size
        self._read: Callable[[list[Record]], None] | None = None
        self._read_at_once: Callable[[Record], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_woken = False
        self._seen = 0
        """The records that waited when the reader was woken."""
        self.reader = reader
        self.lost = self.lost_in_all = 0

    def push(self, record: Record) -> None:
        if self._read_at_once is not None:
            self._read_at_once(record)
        elif len(self._queue) < self._size:
            self._queue.append(record)
            if self._read is not None and not self._is_woken:
                self._wake()
        else:
            self.lost += 1
            self.lost_in_all += 1

    def follow(self, read: Callable[[list[Record]], None]) -> None:
        """From now on have ``read``, which raises nothing, called with the records of each turn of the running event
        loop, in a later one: the answers of that turn are on their way by then, and what ``read`` looks at is still in
        the processor's caches. While more come with each turn, they wait until they are a handful."""
        self._loop, self._read = asyncio.get_running_loop(), read
        if self._queue and not self._is_woken:
            self._wake()

    def follow_at_once(self, read: Callable[[Record], None]) -> None:
        """From now on have ``read``, which raises nothing, called with each record when it comes: no moment is left in
        which a killed process has answered, and nobody knows."""
        self._read_at_once = read

    def pause(self) -> None:
        """Keep records from now on until they are taken."""
        self._read = self._read_at_once = None

    def _wake(self) -> None:
        if self._loop is not None:
            self._is_woken, self._seen = True, len(self._queue)
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        self._is_woken = False
        read = self._read
        if read is None or not self._queue:
            return
        if self._seen < len(self._queue) < _HANDFUL:
            self._wake()
            return
        read(self.take(_HANDFUL))
        if self._queue and not self._is_woken:
            self._wake()

    def __len__(self) -> int:
        return len(self._queue)

    def take(self, most: int | None = None) -> list[Record]:
        """Everything queued so far, or the first ``most`` records, which are then no longer queued."""
        if most is not None and most < len(self._queue):
            return [self._queue.popleft() for _ in range(most)]
        taken = list(self._queue)
        self._queue.clear()
        return taken


class Records:
    """Hands each record to every reader, by the reader's own queue (``queues``). A slow reader loses records of it and
    slows nobody.

    ``keeper`` is the request log, if there is one: it gets the extras of a request, too, and needs no queue.
    ``contents`` keeps contents for spans, where the operator wants them there. ``has_console_reads``: what the console
    reads, every few seconds where somebody looks, is recorded, too."""

    __slots__ = ("contents", "has_console_reads", "keeper", "kinds", "queues")

    def __init__(self, *, has_console_reads: bool = False) -> None:
        self.has_console_reads = has_console_reads
        self.queues: tuple[RecordQueue, ...] = ()
        self.keeper: Keeper | None = None
        self.contents: ContentKeeper | None = None
        self.kinds: RecordKinds | None = None

    def subscribe(self, size: int = 10_000, reader: str = "") -> RecordQueue:
        """A queue of its own for one more reader, from now on. ``reader`` is the reader's name in metrics."""
        queue = RecordQueue(size, reader)
        self.queues = (*self.queues, queue)
        return queue

    def tell_kinds(self) -> None:
        """From now on tell records their kinds: a reader makes use of them."""
        self.kinds = self.kinds or RecordKinds()

    def publish(self, record: Record) -> None:
        for queue in self.queues:
            queue.push(record)

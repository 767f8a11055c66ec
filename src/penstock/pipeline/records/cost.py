"""What requests cost, by the prices in force: for the readers of records, and for the header of a plain answer.

No stage waits for it: an account's reader computes costs after the answer was sent. Only where the operator shows costs
to callers (``server.expose_cost``, or ``expose_cost`` of the gateway key) is the cost of a plain answer computed before
its head is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from msgspec.structs import force_setattr

from penstock.core.failure import Kind
from penstock.core.operation import UNBILLED, Operation
from penstock.core.prices import Prices
from penstock.core.usage import Usage
from penstock.limits.pricing import Charge as PricedCharge
from penstock.limits.pricing import PricedModel, SteadyPrice
from penstock.observe.record import AttemptRecord, Record
from penstock.prices.adjust import OwnPrices
from penstock.prices.book import EMPTY, Price, PriceBook
from penstock.prices.charge import Charge, charge, most_plain_prompt
from penstock.prices.rates import BATCH, STANDARD
from penstock.prices.table import PriceTable
from penstock.stores.base import CatalogueSource
from penstock.stores.catalogue import Catalogue

_MODES: Final = {"batch": BATCH, "fast": "fast", "flex": "flex", "priority": "priority"}
"""The modes that a provider's word for the service tier, or for the speed, stands for; any other is standard."""
_NO_USAGE: Final = Usage()
_DENIED: Final = Kind.HOOKS_FAILED.value
_SWITCHING: Final = 101
"""The status of a session that was opened."""
_PROXY: Final = Operation.PROXY.value
_REMEMBERED: Final = 4096
"""Prices that are remembered ready-made: callers choose the names of models."""


class Default(Protocol):
    """Where the default price table comes from (stores/prices.py)."""

    @property
    def table(self) -> PriceTable | None: ...

    @property
    def is_loading(self) -> bool: ...

    async def ready(self) -> None: ...


class Costs:
    """The price book in force, and what things cost by it. A reader that runs in a thread has one of its own."""

    def __init__(self, default: Default, catalogue: Callable[[], Catalogue]) -> None:
        self.default = default
        self._catalogue = catalogue
        self._book = EMPTY
        self._made_of: tuple[Catalogue | None, PriceTable | None] = (None, None)
        """The catalogue and the default table that the book was last compared with."""

    @property
    def is_loading(self) -> bool:
        """Whether prices are still being read, shortly after the first start."""
        return self.default.is_loading

    async def ready(self) -> None:
        """Wait until prices are read, or can't be had."""
        await self.default.ready()

    @property
    def book(self) -> PriceBook:
        """The price book that is in force now."""
        catalogue, default = self._catalogue(), self.default.table
        seen, seen_default = self._made_of
        if catalogue is seen and default is seen_default:
            return self._book
        self._made_of = catalogue, default
        tables = tuple([table for table in (catalogue.price_table, default) if table is not None])
        if self._book.tables != tables or self._book.overlay is not catalogue.overlay:
            self._book = PriceBook(tables, catalogue.overlay)
        return self._book

    def own(self, virtual_key: str | None) -> OwnPrices | None:
        """The prices of the integration behind a virtual key; None if it has none of its own."""
        return None if virtual_key is None else self._catalogue().own_prices.get(virtual_key)

    def charge_of(self, attempt: AttemptRecord, at: float) -> Charge | None:
        """The charge of an attempt of a request that arrived ``at``, in seconds since 1970; None where the model's
        price or its usage is unknown. Whether this request pays for it is the attempt's ``is_charged``."""
        usage = attempt.usage
        if usage is None or attempt.model is None:
            return None
        own = None if attempt.virtual_key is None else self.own(attempt.virtual_key)
        mode = mode_of(usage) if usage.native else STANDARD
        price = self.book.look_up(attempt.provider, attempt.model, attempt.region, mode, own)
        return None if price is None else charge(usage, price, at + attempt.began)

    def nanos_of(self, record: Record) -> int | None:
        """What a request cost, in nanodollars: the sum of what was billed for its attempts. None where that is unknown,
        and for a request that led to no attempt."""
        attempts, at = record.attempts, record.at
        if len(attempts) != 1 or attempts[0].billed is not None or attempts[0].usage is None:
            return self.total(attempts, at, is_free=is_free(record))
        if not attempts[0].is_charged:
            return 0
        charge = self.charge_of(attempts[0], at)
        return None if charge is None else charge.nanos

    def total(self, attempts: Iterable[AttemptRecord], at: float, *, is_free: bool = False) -> int | None:
        """The sum of the charges of attempts, in nanodollars; None without attempts, or if one's charge is unknown.

        What limits were charged for an attempt is its charge. An attempt is free that was answered from the cache or
        that shares another request's call, and one that told no usage and failed before it had answered, or whose
        request ``is_free``.
        """
        total: int | None = None
        for attempt in attempts:
            nanos: int | None = 0
            if attempt.billed is not None:
                nanos = attempt.billed.nanos
            elif attempt.is_charged and (attempt.usage is not None or (has_answered(attempt) and not is_free)):
                charged = self.charge_of(attempt, at)
                nanos = None if charged is None else charged.nanos
            if nanos is None:
                return None
            total = nanos + (total or 0)
        return total


class SharedCosts(Costs):
    """The same for several readers of the same records on the event loop: an attempt's charge is computed once, and
    stays with its record."""

    def charge_of(self, attempt: AttemptRecord, at: float) -> Charge | None:
        known = attempt.charge
        if known is not None:
            return known[0]
        charge = Costs.charge_of(self, attempt, at)  # super() would take as long as the call
        if charge is not None or not self.is_loading:
            force_setattr(attempt, "charge", (charge,))
        return charge


class CurrentPrices:
    """The prices in force at the moment, as limits and the ledger ask for them (limits/pricing.py). ``clock`` gives
    seconds since 1970. ``catalogues`` is the source of the catalogue of ``costs``.

    A price is looked up once for as long as the catalogue and the default table stay."""

    def __init__(self, costs: Costs, clock: Callable[[], float], catalogues: CatalogueSource) -> None:
        self._costs = costs
        self._clock = clock
        self._default = costs.default
        self._known: dict[tuple[PricedModel, str], Price | None] = {}
        self._known_table: PriceTable | None = None
        """The default table by which the prices were looked up."""
        catalogues.watch(lambda _: self._known.clear())

    @property
    def is_loading(self) -> bool:
        return self._costs.is_loading

    async def ready(self) -> None:
        await self._costs.ready()

    def prices(self, model: PricedModel, *, strict: bool) -> Prices | None:
        price = self._price(model, STANDARD)
        return None if price is None else price.estimate(self._clock(), strict=strict)

    def steady(self, model: PricedModel) -> SteadyPrice | None:
        price = self._price(model, STANDARD)
        most = None if price is None else most_plain_prompt(price)
        if price is None or most is None:
            return None
        return SteadyPrice(price.estimate(self._clock(), strict=False), most, price.version, price.match)

    def charge(self, model: PricedModel, usage: Usage, at: float | None = None) -> Charge | None:
        price = self._price(model, mode_of(usage))
        return None if price is None else charge(usage, price, self._clock() if at is None else at)

    def _price(self, model: PricedModel, mode: str) -> Price | None:
        known, key = self._known, (model, mode)
        table = self._default.table
        if table is not self._known_table:
            known.clear()
            self._known_table = table
        if key not in known:
            if len(known) >= _REMEMBERED:
                known.clear()
            own = self._costs.own(model.virtual_key)
            known[key] = self._costs.book.look_up(model.provider, model.model, model.region, mode, own)
        return known[key]


def mode_of(usage: Usage) -> str:
    """The mode by which a call was served, as the provider tells it beside the counts."""
    for name in ("service_tier", "speed"):
        value = usage.native.get(name)
        if isinstance(value, str) and value in _MODES:
            return _MODES[value]
    return STANDARD


def is_free(record: Record) -> bool:
    """Whether no provider bills a request, whose answer tells no usage then: it lists, reads or deletes something."""
    return record.operation in UNBILLED or (record.operation == _PROXY and record.method != "POST")


def cost_of(
    attempt: AttemptRecord, charge: PricedCharge | None, record: Record
) -> tuple[Usage, int | None, str | None, str, bool]:
    """What an attempt of a request took and cost, by which version of the prices and which match, and whether it is
    estimated. The cost is None if its price or its usage is unknown."""
    billed = attempt.billed
    if billed is not None:
        return billed.usage, billed.nanos, billed.price_version or None, billed.price_match, billed.is_estimated
    if not attempt.is_charged:
        return _NO_USAGE, 0, None, "none", False
    if attempt.usage is None:
        return _NO_USAGE, None if has_answered(attempt) and not is_free(record) else 0, None, "none", False
    if charge is None:
        return attempt.usage, None, None, "none", False
    return attempt.usage, charge.nanos, charge.price_version, charge.price_match, False


def has_answered(attempt: AttemptRecord) -> bool:
    """Whether the provider has answered, be it in part or denied by a guard, so that it may bill the attempt, whatever
    it tells of usage. An attempt without a lane was denied before there was a request for the provider."""
    is_denied = attempt.failure == _DENIED and attempt.lane != 0
    return is_denied or 200 <= attempt.status < 300 or attempt.status == _SWITCHING

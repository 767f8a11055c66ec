"""The price book: which prices hold for a model of a provider, from several sources in a fixed order.

A price of the provider's own (set on its integration) comes first; then the loaded tables, the strongest first, times
the integration's multipliers; then the operator's overlay, for what no table knows. A look-up is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from penstock.core.prices import Prices
from penstock.prices.adjust import OwnPrices
from penstock.prices.rates import (
    BATCH,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    FOR_CALLS,
    INPUT,
    OUTPUT,
    REASONING,
    REQUEST,
    STANDARD,
    UNIT,
    Case,
    ModelPrices,
    Rates,
    scaled,
)
from penstock.prices.table import Found, PriceTable

OVERLAY: Final = "overlay"
CUSTOM: Final = "custom"
BUILT_IN: Final = "built_in"
NONE: Final = "none"
ECHO: Final = ("echo", "echo")
"""The built-in provider and its model, which nobody is paid for: prices of the operator's come before."""
_REMEMBERED: Final = 8192
"""Look-ups that are remembered: callers choose the names of models."""
_HALF: Final = (1, 2)


class Price(msgspec.Struct, frozen=True, eq=False):
    """The prices of one model for calls of one mode in one region: ``cases`` in the order of their say, ``version`` and
    ``match`` as a charge tells them. ``is_steady``: the prices don't depend on the time. ``of_tokens`` are the prices
    of a token of the prompt and of one of the answer, where these hold at any time and for any number of them, and a
    call costs nothing else."""

    provider: str
    name: str
    version: str
    match: str
    mode: str
    cases: tuple[Case, ...]
    is_steady: bool
    of_tokens: tuple[int, int] | None = None
    estimates: dict[bool, Prices] = msgspec.field(default_factory=dict)

    def case(self, prompt: int, at: float) -> Case:
        """The prices for a prompt of so many tokens at a time, in seconds since 1970."""
        last = self.cases[-1]
        for case in self.cases:
            if case is last or case.holds(prompt, at):
                return case
        return last

    def estimate(self, at: float, *, strict: bool) -> Prices:
        """The prices for an estimate: ``strict``, the highest that a token, a request, a call may cost; otherwise the
        plain ones of a short prompt."""
        known = self.estimates.get(strict)
        if known is None:
            known = _highest(self.cases, at) if strict else _plain(self.case(0, at).rates)
            if self.is_steady:
                self.estimates[strict] = known
        return known


def _plain(rates: Rates) -> Prices:
    return Prices(rates.get(INPUT, 0), rates.get(OUTPUT, 0), rates.get(REQUEST, 0), _calls(rates))


def _highest(cases: Sequence[Case], at: float) -> Prices:
    holding = [case for case in cases if case.holds(case.above + 1, at)] or list(cases[-1:])
    newest = (holding[0].since, holding[0].daily)
    rates = [case.rates for case in holding if (case.since, case.daily) == newest]
    calls: dict[str, int] = {}
    for each in rates:
        for name, picos in _calls(each).items():
            calls[name] = max(picos, calls.get(name, 0))
    return Prices(
        _most(rates, INPUT, CACHE_WRITE, CACHE_WRITE_1H), _most(rates, OUTPUT, REASONING), _most(rates, REQUEST), calls
    )


def _most(rates: Sequence[Rates], *names: str) -> int:
    return max((each.get(name, 0) for each in rates for name in names), default=0)


def _calls(rates: Rates) -> dict[str, int]:
    return {name.removeprefix(UNIT): picos for name, picos in rates.items() if name.startswith(UNIT)}


class OverlayEntry(msgspec.Struct, frozen=True):
    """A price of the operator's. ``replaces``: it comes before the tables, not after them."""

    prices: ModelPrices
    replaces: bool = False


class Overlay(msgspec.Struct, frozen=True):
    """The operator's prices by provider and model; ``version`` tells their content."""

    version: str
    entries: Mapping[tuple[str, str], OverlayEntry] = {}


NO_OVERLAY: Final = Overlay("overlay")


class PriceBook:
    """Immutable: a change of prices is another book. ``tables`` are in the order of their say."""

    def __init__(self, tables: Sequence[PriceTable] = (), overlay: Overlay = NO_OVERLAY) -> None:
        self.tables = tuple(tables)
        self.overlay = overlay
        self._remembered: dict[tuple[str, str, str, str, OwnPrices | None], Price | None] = {}

    @property
    def version(self) -> str:
        """The versions of all that the book is made of."""
        parts = [table.version for table in self.tables]
        return "+".join([*parts, self.overlay.version] if self.overlay.entries else parts)

    def look_up(
        self, provider: str, model: str, region: str = "", mode: str = STANDARD, own: OwnPrices | None = None
    ) -> Price | None:
        """The price of a model; None where no price is known. ``own`` are the prices of the provider's integration.

        A model that the integration bases on another one has the other one's prices.
        """
        key = (provider, model, region, mode, own)
        if key in self._remembered:
            return self._remembered[key]
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        price = self._remembered[key] = self._found(provider, model, region, mode, own)
        return price

    def _found(self, provider: str, model: str, region: str, mode: str, own: OwnPrices | None) -> Price | None:
        base = model
        if own is not None:
            custom = own.models.get(model)
            if custom is not None:
                return _price(provider, Found(model, CUSTOM, custom), own.version, region, mode)
            base = own.bases.get(model, model)
        for found, version in self._sources(provider, base):
            if own is not None and own.multipliers and found.match != OVERLAY:
                found, version = own.adjusted(found), f"{version}*{own.version}"
            return _price(provider, found, version, region, mode)
        return None

    def _sources(self, provider: str, model: str) -> Iterator[tuple[Found, str]]:
        entry = self.overlay.entries.get((provider, model))
        overlay = None if entry is None else Found(model, OVERLAY, entry.prices)
        if entry is not None and overlay is not None and entry.replaces:
            yield overlay, self.overlay.version
        for table in self.tables:
            found = table.find(provider, model)
            if found is not None:
                yield found, table.version
        if overlay is not None:
            yield overlay, self.overlay.version
        if (provider, model) == ECHO:
            yield Found(model, BUILT_IN, ModelPrices((Case({}),))), BUILT_IN


def _price(provider: str, found: Found, version: str, region: str, mode: str) -> Price | None:
    cases = _ordered(_chosen(found.prices.cases, region, mode))
    if not cases:
        return None
    is_steady = all(case.since == 0 and case.daily is None for case in cases)
    return Price(provider, found.name, version, found.match, mode, cases, is_steady, _of_tokens(cases))


def _of_tokens(cases: Sequence[Case]) -> tuple[int, int] | None:
    case = cases[-1]  # it holds where no other does
    if len(cases) > 1 or case.formula is not None or not FOR_CALLS.isdisjoint(case.rates):
        return None
    return case.rates.get(INPUT, 0), case.rates.get(OUTPUT, 0)


def _chosen(cases: Sequence[Case], region: str, mode: str) -> Sequence[Case]:
    """The cases of a mode and region. A mode without prices has the standard ones; batch, half of them: vendors' usual
    discount (https://platform.openai.com/docs/guides/batch)."""
    chosen = _of_region([case for case in cases if case.mode == mode], region)
    if chosen or mode == STANDARD:
        return chosen
    standard = _of_region([case for case in cases if case.mode == STANDARD], region)
    if mode != BATCH:
        return standard
    return [msgspec.structs.replace(case, rates=scaled(case.rates, *_HALF)) for case in standard]


def _of_region(cases: Sequence[Case], region: str) -> Sequence[Case]:
    regional = [case for case in cases if region and region in case.regions]
    return regional or [case for case in cases if not case.regions] or cases


def _ordered(cases: Sequence[Case]) -> tuple[Case, ...]:
    """The newest prices first, those of a time of day before those of the whole day, large prompts before small; of two
    cases that hold at the same times for the same prompts, the later one alone."""
    last = {(case.since, case.daily, case.above): case for case in cases}
    return tuple(sorted(last.values(), key=lambda case: (-case.since, case.daily is None, -case.above)))


EMPTY: Final = PriceBook()

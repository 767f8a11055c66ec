"""Prices of the library genai-prices as a price table: its objects go in, the library itself is not imported.

The library holds dollars for a million tokens, steps by the size of a prompt, prices from a day on or at a time of day,
and other prices in batches or for a service tier. Source: https://github.com/pydantic/genai-prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from penstock.prices.rates import (
    AUDIO_IN,
    AUDIO_OUT,
    BATCH,
    CACHE_READ,
    CACHE_READ_AUDIO,
    CACHE_READ_IMAGE,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    IMAGE_IN,
    IMAGE_OUT,
    INPUT,
    OUTPUT,
    REASONING,
    REQUEST,
    STANDARD,
    UNIT,
    Case,
    ModelPrices,
)
from penstock.prices.table import Clause, ProviderPrices, encode, equals

_SLUGS: Final[Mapping[str, tuple[str, ...]]] = {
    "aws": ("bedrock",),
    "azure": ("azure-openai", "azure-ai"),
    "cloudflare": ("workers-ai",),
    "fireworks": ("fireworks-ai",),
    "google": ("google", "vertex-ai"),
    "mistral": ("mistral-ai",),
    "moonshotai": ("moonshot",),
    "novita": ("novita-ai",),
    "perplexity": ("perplexity-ai",),
    "together": ("together-ai",),
    "voyageai": ("voyage",),
    "zai": ("z-ai",),
    "zhipuai": ("zhipu",),
}
"""The gateway's names of providers that the library calls otherwise."""
_LEFT_OUT: Final = ("huggingface_", "cursor", "github-copilot", "openai-decisions")
"""Beginnings of names that are no host of the gateway's."""
_CLASSES: Final[Mapping[str, str]] = {
    "input_mtok": INPUT,
    "output_mtok": OUTPUT,
    "cache_read_mtok": CACHE_READ,
    "cache_write_mtok": CACHE_WRITE,
    "cache_write_5m_mtok": CACHE_WRITE,
    "cache_write_1h_mtok": CACHE_WRITE_1H,
    "input_audio_mtok": AUDIO_IN,
    "output_audio_mtok": AUDIO_OUT,
    "cache_audio_read_mtok": CACHE_READ_AUDIO,
    "input_image_mtok": IMAGE_IN,
    "output_image_mtok": IMAGE_OUT,
    "cache_image_read_mtok": CACHE_READ_IMAGE,
    "output_reasoning_mtok": REASONING,
    "requests_kcount": REQUEST,
    "web_searches_kcount": UNIT + "web_search",
    "storage_searches_kcount": UNIT + "file_search",
}
_PICOS: Final = 10**12
_MODES: Final[Mapping[tuple[str, str], str]] = {
    ("processing", "batch"): BATCH,
    ("service_tier", "flex"): "flex",
    ("service_tier", "priority"): "priority",
    ("service_tier", "fast"): "fast",
    ("speed", "fast"): "fast",
}
"""What of a request decides its price, as the library says it, and the mode."""
_CLAUSES: Final = {"equals": "=", "starts_with": "^", "ends_with": "$", "contains": "in", "regex": "re"}
_DAY: Final = 86_400
_BEGINNING: Final = datetime(1970, 1, 2, tzinfo=UTC)


def convert(providers: Iterable[Any], units: Mapping[str, Mapping[str, Any]], version: str) -> bytes:
    """The document of a price table. ``providers`` are the library's, ``units`` its units by name, ``version`` is its
    release."""
    per = {unit["price_key"]: unit["per"] for unit in units.values()}
    tables: dict[str, ProviderPrices] = {}
    for provider in providers:
        if not provider.id.startswith(_LEFT_OUT):
            prices = _provider(provider, per)
            tables |= dict.fromkeys(_SLUGS.get(provider.id, (provider.id,)), prices)
    return encode(f"genai-prices-{version}", tables)


def _provider(provider: Any, per: Mapping[str, int]) -> ProviderPrices:
    models: dict[str, ModelPrices] = {}
    names: dict[str, str] = {}
    rules: list[tuple[Clause, str]] = []
    for model in provider.models:
        cases = tuple(_cases(model, per))
        if not cases or model.id in models:
            continue
        models[model.id] = ModelPrices(cases)
        clause = _clause(model.match)
        for name in equals(clause):
            if name != model.id:
                names.setdefault(name, model.id)
        if not _lists_names(clause):
            rules.append((clause, model.id))
    others = [slug for id_ in provider.fallback_model_providers or () for slug in _SLUGS.get(id_, (id_,))]
    return ProviderPrices(models, names, tuple(rules), tuple(others))


def _clause(match: Any) -> Clause:
    for name, sign in _CLAUSES.items():
        text = getattr(match, name, None)
        if text is not None:
            return [sign, text if sign == "re" else text.lower()]
    for name, sign in (("or_", "or"), ("and_", "and")):
        parts = getattr(match, name, None)
        if parts is not None:
            return [sign, *map(_clause, parts)]
    raise ValueError(f"genai-prices matches names by {type(match).__name__}, which is unknown here")


def _lists_names(clause: Clause) -> bool:
    """Whether a clause is nothing but whole names."""
    return clause[0] == "=" or (clause[0] == "or" and all(map(_lists_names, clause[1:])))


def _cases(model: Any, per: Mapping[str, int]) -> Iterator[Case]:
    yield from _timeline(model, {}, STANDARD, per)
    contexts = {}
    for variant in model.price_variants or ():
        if len(variant.when) == 1:
            pair = next(iter(variant.when.items()))
            if pair in _MODES:
                contexts[pair] = _MODES[pair]
    for (name, value), mode in contexts.items():
        yield from _timeline(model, {name: value}, mode, per)


def _timeline(model: Any, context: Mapping[str, str], mode: str, per: Mapping[str, int]) -> Iterator[Case]:
    """The prices of a mode from each day on at which they change. Before the first day of a mode nothing is known."""
    standard = model.prices if isinstance(model.prices, list) else []
    variants = [each for each in model.price_variants or () if context and each.when == context]
    constraints = [each.constraint for each in (*standard, *variants) if each.constraint is not None]
    days = {each.start_date for each in constraints if hasattr(each, "start_date")}
    first = _first_day(variants)
    days = {day for day in days if first is None or day >= first}
    times = sorted({_second(t) for c in constraints if hasattr(c, "start_time") for t in (c.start_time, c.end_time)})
    before: list[Case] | None = None
    for since in [*([] if first is not None else [0]), *sorted(map(_since, days))]:
        cases = [case for moment in _moments(since, times) for case in _sampled(model, context, mode, moment, per)]
        if before is None or [(case.rates, case.above, case.daily) for case in cases] != [
            (case.rates, case.above, case.daily) for case in before
        ]:
            yield from cases
        before = cases


def _first_day(variants: Iterable[Any]) -> date | None:
    """The day from which on a mode has a price; None if it always had."""
    days = [None if each.constraint is None else getattr(each.constraint, "start_date", None) for each in variants]
    return min((day for day in days if day is not None), default=None) if days and None not in days else None


_Moment = tuple[int, int, tuple[int, int] | None]
"""The day (seconds since 1970), the second of the day to look at, the part of the day that it stands for."""


def _moments(since: int, times: list[int]) -> Iterator[_Moment]:
    if not times:
        yield since, 0, None
    for number, begin in enumerate(times):
        yield since, begin, (begin, times[(number + 1) % len(times)])


def _sampled(
    model: Any, context: Mapping[str, str], mode: str, moment: _Moment, per: Mapping[str, int]
) -> Iterator[Case]:
    since, second, daily = moment
    day = datetime.fromtimestamp(since, UTC) if since else _BEGINNING
    prices = vars(model.get_prices(day + timedelta(seconds=second), context or None))
    prices = {key: price for key, price in prices.items() if price is not None and key in per}
    boundaries = {tier.start for price in prices.values() if hasattr(price, "tiers") for tier in price.tiers}
    for above in sorted({0, *boundaries}):
        rates = {_class(key): _picos(_step(price, above), per[key]) for key, price in prices.items()}
        if rates:
            yield Case(rates, mode, above=above, since=since, daily=daily)


def _class(key: str) -> str:
    """The class of a price; what has none of its own is a unit under the library's name: ``unit.audio_hours``."""
    return _CLASSES.get(key, UNIT + key)


def _step(price: Any, above: int) -> Decimal:
    """The price for prompts of more than ``above`` tokens."""
    if not hasattr(price, "tiers"):
        return Decimal(price)
    reached = [tier.price for tier in price.tiers if tier.start <= above and above]
    return Decimal(reached[-1] if reached else price.base)


def _picos(dollars: Decimal, per: int) -> int:
    return round(Fraction(dollars) * _PICOS / per)


def _second(moment: time) -> int:
    offset = moment.utcoffset() or timedelta()
    seconds = timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second) - offset
    return int(seconds.total_seconds()) % _DAY


def _since(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())

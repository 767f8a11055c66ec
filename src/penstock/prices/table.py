"""One version of a price book as one document: written once, never changed, read as far as it is asked.

The document is JSON: ``{"source": …, "providers": {slug: {"models": {name: {"cases": […]}}, "names": {other: name},
"rules": [[clause, name]], "others": [slug]}}}``. A provider is decoded when it is first asked for, a model likewise:
loading thousands of models costs one pass over the bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.prices.names import BOUNDARIES, candidates
from penstock.prices.rates import ModelPrices

EXACT: Final = "exact"
RULE: Final = "rule"

Clause = list[Any]
"""A condition on a name in lower case: ``["=", text]``, ``["^", beginning]``, ``["$", end]``, ``["in", part]``,
``["re", pattern]``, ``["or", clause…]``, ``["and", clause…]``."""


class ProviderPrices(msgspec.Struct, frozen=True, omit_defaults=True):
    """The prices of one provider. ``names`` are other names of models; ``rules`` are clauses on names, of which the
    first that is met says the model; ``others`` are providers whose prices hold where this one has none: a cloud that
    serves other makers' models."""

    models: dict[str, ModelPrices] = {}
    names: dict[str, str] = {}
    rules: tuple[tuple[Clause, str], ...] = ()
    others: tuple[str, ...] = ()


class TableError(ValueError):
    """The document is no price table. The message says why."""


class Found(msgspec.Struct, frozen=True):
    """The prices of a model, the name that they stand under, and how the name was matched: exact or rule."""

    name: str
    match: str
    prices: ModelPrices


class _Stored(msgspec.Struct, frozen=True):
    models: dict[str, msgspec.Raw] = {}
    names: dict[str, str] = {}
    rules: tuple[tuple[Clause, str], ...] = ()
    others: tuple[str, ...] = ()


class _Document(msgspec.Struct, frozen=True):
    source: str
    providers: dict[str, msgspec.Raw]


_DOCUMENT: Final = msgspec.json.Decoder(_Document)
_STORED: Final = msgspec.json.Decoder(_Stored)
_PRICES: Final = msgspec.json.Decoder(ModelPrices)
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def encode(source: str, providers: Mapping[str, ProviderPrices]) -> bytes:
    """The document. The same prices give the same bytes."""
    return _ENCODER.encode({"source": source, "providers": providers})


class PriceTable:
    """A document that is read: ``version`` is its source and the beginning of its digest, ``digest`` its SHA-256."""

    def __init__(self, body: bytes) -> None:
        """Raises TableError."""
        try:
            document = _DOCUMENT.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TableError(f"no price table: {error}") from None
        self.body = body
        self.source = document.source
        self.digest = hashlib.sha256(body).hexdigest()
        self.version = f"{document.source}@{self.digest[:8]}"
        self._encoded = document.providers
        self._decoded: dict[str, _Provider] = {}

    @property
    def providers(self) -> list[str]:
        return sorted(self._encoded)

    def models(self, provider: str) -> list[str]:
        """The names of a provider's models, in alphabetical order."""
        known = self._provider(provider)
        return [] if known is None else sorted(known.stored.models)

    def provider(self, slug: str) -> ProviderPrices:
        """All prices of a provider, decoded. Empty for an unknown one. Raises TableError."""
        raw = self._encoded.get(slug)
        try:
            return ProviderPrices() if raw is None else msgspec.json.decode(raw, type=ProviderPrices)
        except msgspec.DecodeError as error:
            raise TableError(f"{slug}: {error}") from None

    def find(self, provider: str, model: str) -> Found | None:
        """The prices of a model; None if the table has none. Raises TableError for a table that is damaged there."""
        known = self._provider(provider)
        if known is None:
            return None
        found = known.find(provider, model)
        if found is not None:
            return found
        for other in known.stored.others:
            elsewhere = self._provider(other)
            found = None if elsewhere is None else elsewhere.find(provider, model) or elsewhere.find(other, model)
            if found is not None:
                return msgspec.structs.replace(found, match=RULE)
        return None

    def _provider(self, slug: str) -> _Provider | None:
        known = self._decoded.get(slug)
        if known is None and slug in self._encoded:
            try:
                known = _Provider(_STORED.decode(self._encoded[slug]))
            except msgspec.DecodeError as error:
                raise TableError(f"{slug}: {error}") from None
            self._decoded[slug] = known
        return known


class _Provider:
    """One provider's part of a table. Names are compared without regard to case."""

    def __init__(self, stored: _Stored) -> None:
        self.stored = stored
        self._names = {name.lower(): name for name in reversed(stored.models)}
        self._names |= {name.lower(): name for name in stored.models if name == name.lower()}
        for other, name in stored.names.items():
            self._names.setdefault(other.lower(), name)
        self._decoded: dict[str, ModelPrices] = {}

    def find(self, provider: str, model: str) -> Found | None:
        for number, name in enumerate(candidates(provider, model)):
            match = RULE if number else EXACT
            if name in self.stored.models:
                return Found(name, match, self._prices(name))
            lower = name.lower()
            if lower in self._names:
                return Found(self._names[lower], match, self._prices(self._names[lower]))
            found = self._by_size(name) or self._by_rule(lower)
            if found is not None:
                return found
        return None

    def _by_size(self, name: str) -> Found | None:
        """Two entries that are one model, by the size of the prompt, put together."""
        for text, boundary in BOUNDARIES:
            small, large = f"{name}-lte-{text}", f"{name}-gt-{text}"
            if small in self.stored.models and large in self.stored.models:
                above = (msgspec.structs.replace(case, above=boundary) for case in self._prices(large).cases)
                return Found(name, RULE, ModelPrices((*self._prices(small).cases, *above)))
        return None

    def _by_rule(self, lower: str) -> Found | None:
        name = next((name for clause, name in self.stored.rules if is_met(clause, lower)), None)
        return None if name is None or name not in self.stored.models else Found(name, RULE, self._prices(name))

    def _prices(self, name: str) -> ModelPrices:
        known = self._decoded.get(name)
        if known is None:
            try:
                known = self._decoded[name] = _PRICES.decode(self.stored.models[name])
            except msgspec.DecodeError as error:
                raise TableError(f"{name}: {error}") from None
        return known


def is_met(clause: Clause, name: str) -> bool:
    """Whether a name in lower case meets a clause. An unknown clause is never met."""
    kind = clause[0]
    if kind == "or":
        return any(is_met(each, name) for each in clause[1:])
    if kind == "and":
        return all(is_met(each, name) for each in clause[1:])
    text = clause[1]
    match kind:
        case "=":
            return bool(name == text)
        case "^":
            return name.startswith(text)
        case "$":
            return name.endswith(text)
        case "in":
            return text in name
        case "re":
            return re.search(text, name) is not None
        case _:
            return False


def equals(clause: Clause) -> Iterator[str]:
    """The whole names that a clause lists."""
    if clause[0] == "=":
        yield clause[1]
    elif clause[0] == "or":
        for each in clause[1:]:
            yield from equals(each)

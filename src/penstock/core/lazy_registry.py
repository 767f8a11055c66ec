"""A registry whose values are loaded when they are first asked for, by the module and the name that each entry gives.

A gateway that never needs a wire, a provider or a check never pays for its modules, in time or in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class LazyRegistry(Mapping[str, T], Generic[T]):
    """``places``: the name of an entry -> ``module:attribute``. Names, order and length are known without loading."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._loaded: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        """Raises KeyError."""
        value = self._loaded.get(name)
        if value is None:
            value = self._loaded[name] = load(self._places[name])
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places


def load(place: str) -> Any:
    """What ``module:attribute`` names. Raises ImportError and AttributeError."""
    module, _, attribute = place.partition(":")
    # The statement's own function: tools that watch imports (-X importtime, audit hooks) see no import_module.
    return getattr(__import__(module, fromlist=[attribute]), attribute)

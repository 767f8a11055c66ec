"""Lists of models, as each wire of callers writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec


class ListedModel(msgspec.Struct, frozen=True):
    """A model that the caller can call by this id, and the provider behind it. ``output_limit`` is the longest answer
    in tokens, None if unknown. ``family`` is the model's, empty if unknown; ``abilities`` are what it can do beside
    text: ``tools``, ``vision``, ``thinking``. ``name`` is for people, None where the id says it."""

    id: str
    provider: str
    output_limit: int | None = None
    family: str = ""
    abilities: tuple[str, ...] = ()
    name: str | None = None


class ModelLists(msgspec.Struct, frozen=True):
    """Lists of models in one wire. ``page``: all models, and the query's parameters that ask for a part of them -> the
    body as JSON values. ``one``: the same of one model."""

    page: Callable[[Sequence[ListedModel], Mapping[str, str]], Any]
    one: Callable[[ListedModel], Any]

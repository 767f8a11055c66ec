"""What a query of ``GET /v1/models`` selects of the list, as Portkey's clients write it (docs/headers.md#models)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.whole_number import whole_number
from penstock.dialects.listed_models import ListedModel

_SORTS: Final = ("name", "provider", "ai_service")
_ORDERS: Final = ("asc", "desc")


def selected(models: Sequence[ListedModel], query: Mapping[str, str]) -> Sequence[ListedModel] | Failure:
    """The models that a query asks for: of ``provider`` or ``ai_service``, in the order of ``sort`` and ``order``, from
    ``offset`` on, ``limit`` of them at most. Without these all, as they stand; empty texts count as absent."""
    parameters = {name: text for name, text in query.items() if text}
    for name in ("provider", "ai_service"):
        if name in parameters:
            wanted = parameters[name].removeprefix("@")
            models = [each for each in models if wanted in {each.provider, _prefix(each)}]
    if "sort" in parameters or "order" in parameters:
        sort, order = parameters.get("sort", "name"), parameters.get("order", "asc")
        if sort not in _SORTS:
            return _refused("sort", f"there are {', '.join(_SORTS)}")
        if order not in _ORDERS:
            return _refused("order", f"there are {', '.join(_ORDERS)}")
        key = (lambda each: each.id) if sort == "name" else (lambda each: (each.provider, each.id))
        models = sorted(models, key=key, reverse=order == "desc")
    numbers = {}
    for name in ("offset", "limit"):
        text = parameters.get(name, "")
        numbers[name] = whole_number(text)
        if text and numbers[name] is None:
            return _refused(name, "expected a whole number from 0 on")
    begin, limit = numbers["offset"] or 0, numbers["limit"]
    return models[begin:] if limit is None else models[begin : begin + limit]


def _prefix(model: ListedModel) -> str:
    """The name before the model's own: of a virtual key, of a provider."""
    return model.id.partition("/")[0].removeprefix("@") if "/" in model.id else model.provider


def _refused(name: str, text: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"The query's {name} can't be used: {text}.", name)

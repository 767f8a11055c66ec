"""Lists of models as Anthropic's clients read them. Source: Anthropic API reference, "List Models"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.core.whole_number import whole_number
from penstock.dialects.listed_models import ListedModel, ModelLists

_UNKNOWN_TIME: Final = "1970-01-01T00:00:00Z"
"""When a model was made is not known here; Anthropic writes this time where it isn't known there."""
_USUAL_PAGE: Final = 20
_LARGEST_PAGE: Final = 1000


def _one(model: ListedModel) -> dict[str, Any]:
    name = model.name or model.id
    return {"type": "model", "id": model.id, "display_name": name, "created_at": _UNKNOWN_TIME}


def _page(models: Sequence[ListedModel], query: Mapping[str, str]) -> dict[str, Any]:
    """A page of ``limit`` models, after ``after_id`` or before ``before_id``."""
    limit = whole_number(query.get("limit", ""))
    size = _USUAL_PAGE if limit is None else min(limit, _LARGEST_PAGE)
    ids = [model.id for model in models]
    start, end = 0, len(models)
    if query.get("after_id") in ids:
        start = ids.index(query["after_id"]) + 1
        page, has_more = models[start : start + size], start + size < end
    elif query.get("before_id") in ids:
        end = ids.index(query["before_id"])
        page, has_more = models[max(end - size, 0) : end], end > size
    else:
        page, has_more = models[:size], size < end
    named = {"first_id": page[0].id, "last_id": page[-1].id} if page else {"first_id": None, "last_id": None}
    return {"data": [_one(model) for model in page], "has_more": has_more, **named}


MODEL_LISTS: Final = ModelLists(_page, _one)
"""Lists for callers of Anthropic Messages."""

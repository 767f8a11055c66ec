"""Lists of models as Cohere's clients read them. Source: https://docs.cohere.com/reference/list-models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.dialects.listed_models import ListedModel, ModelLists

_CHAT: Final = "chat"


def _one(model: ListedModel) -> dict[str, Any]:
    return {
        "name": model.id,
        "endpoints": [_CHAT],
        "finetuned": False,
        "features": list(model.abilities),
        "default_endpoints": [],
    }


def _page(models: Sequence[ListedModel], query: Mapping[str, str]) -> dict[str, Any]:
    """All models; none for an endpoint that isn't chat, for the gateway knows which models chat alone."""
    shown = models if query.get("endpoint", _CHAT) == _CHAT else ()
    return {"models": [_one(model) for model in shown]}


MODEL_LISTS: Final = ModelLists(_page, _one)
"""Lists for callers of Cohere."""

"""Lists of models as Gemini's clients read them.

What isn't known of a model is left out: a limit of 0 would be taken at its word. Source: Gemini API reference,
"Models".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.core.whole_number import whole_number
from penstock.dialects.listed_models import ListedModel, ModelLists

_METHODS: Final = ("generateContent", "streamGenerateContent", "countTokens")
_LARGEST_PAGE: Final = 1000


def _one(model: ListedModel) -> dict[str, Any]:
    limit = {} if model.output_limit is None else {"outputTokenLimit": model.output_limit}
    return {
        "name": f"models/{model.id}",
        "baseModelId": model.id,
        "displayName": model.name or model.id,
        **limit,
        "supportedGenerationMethods": list(_METHODS),
    }


def _page(models: Sequence[ListedModel], query: Mapping[str, str]) -> dict[str, Any]:
    """A page of ``pageSize`` models; its ``nextPageToken`` is the number of those that came before the next."""
    asked, start = whole_number(query.get("pageSize", "")), whole_number(query.get("pageToken", "")) or 0
    size = min(asked, _LARGEST_PAGE) if asked else len(models)
    end = start + size
    further = {"nextPageToken": str(end)} if end < len(models) else {}
    return {"models": [_one(model) for model in models[start:end]], **further}


MODEL_LISTS: Final = ModelLists(_page, _one)
"""Lists for callers of Gemini."""

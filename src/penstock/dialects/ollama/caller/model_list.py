"""Lists of models as Ollama's clients read them (``/api/tags``), and what one model can do (``/api/show``).

Clients demand some members of a list, which are empty where nothing is known. Source: Ollama API documentation, "List
models", "Show model details".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.dialects.listed_models import ListedModel, ModelLists

_UNKNOWN_TIME: Final = "1970-01-01T00:00:00Z"


def _details(model: ListedModel) -> dict[str, Any]:
    family = model.family or model.provider
    return {
        "parent_model": "",
        "format": "",
        "family": family,
        "families": [family],
        "parameter_size": "",
        "quantization_level": "",
    }


def _listed(model: ListedModel) -> dict[str, Any]:
    return {
        "name": model.id,
        "model": model.id,
        "modified_at": _UNKNOWN_TIME,
        "size": 0,
        "digest": hashlib.sha256(model.id.encode("utf-8", "surrogatepass")).hexdigest(),
        "details": _details(model),
    }


def _page(models: Sequence[ListedModel], _query: Mapping[str, str]) -> dict[str, Any]:
    return {"models": [_listed(model) for model in models]}


def _shown(model: ListedModel) -> dict[str, Any]:
    """What clients decide by: whether a model takes tools and images, and whether it can think."""
    family = model.family or model.provider
    return {
        "modified_at": _UNKNOWN_TIME,
        "details": _details(model),
        "model_info": {"general.architecture": family, "general.basename": model.id},
        "capabilities": ["completion", *model.abilities],
    }


MODEL_LISTS: Final = ModelLists(_page, _shown)
"""Lists for callers of Ollama."""

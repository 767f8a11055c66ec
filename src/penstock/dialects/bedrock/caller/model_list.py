"""Lists of models as Bedrock's clients read them: foundation models, and the profiles by which they are called.

Each model is one of both, under the id by which the caller can call it. Source: Amazon Bedrock API reference,
"ListFoundationModels", "GetFoundationModel", "ListInferenceProfiles", "GetInferenceProfile".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from penstock.dialects.bedrock.caller.dialect import CONVERSE
from penstock.dialects.caller import CallerDialect
from penstock.dialects.listed_models import ListedModel, ModelLists

_TEXT: Final = "TEXT"
_SIGHT: Final = ("vision", "IMAGE")
_ARN: Final = "arn:aws:bedrock:us-east-1::"


def _arn(kind: str, model: ListedModel) -> str:
    """An ARN, which clients demand. Nothing of it but the id means anything here."""
    return f"{_ARN}{kind}/{quote(model.id, safe='')}"


def _foundation(model: ListedModel) -> dict[str, Any]:
    ability, modality = _SIGHT
    return {
        "modelArn": _arn("foundation-model", model),
        "modelId": model.id,
        "modelName": model.name or model.id,
        "providerName": model.provider,
        "inputModalities": [_TEXT, modality] if ability in model.abilities else [_TEXT],
        "outputModalities": [_TEXT],
        "responseStreamingSupported": True,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def _profile(model: ListedModel) -> dict[str, Any]:
    return {
        "inferenceProfileName": model.name or model.id,
        "inferenceProfileArn": _arn("inference-profile", model),
        "inferenceProfileId": model.id,
        "models": [{"modelArn": _arn("foundation-model", model)}],
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


def _models(models: Sequence[ListedModel], _query: Mapping[str, str]) -> dict[str, Any]:
    return {"modelSummaries": [_foundation(model) for model in models]}


def _details(model: ListedModel) -> dict[str, Any]:
    return {"modelDetails": _foundation(model)}


def _profiles(models: Sequence[ListedModel], query: Mapping[str, str]) -> dict[str, Any]:
    """All profiles are the gateway's own: a client that asks for a company's gets none."""
    shown = () if query.get("type") == "APPLICATION" else models
    return {"inferenceProfileSummaries": [_profile(model) for model in shown]}


MODELS: Final[CallerDialect] = msgspec.structs.replace(
    CONVERSE, writing=msgspec.structs.replace(CONVERSE.writing, models=ModelLists(_models, _details))
)
"""Callers of ``/foundation-models``."""

PROFILES: Final[CallerDialect] = msgspec.structs.replace(
    CONVERSE, writing=msgspec.structs.replace(CONVERSE.writing, models=ModelLists(_profiles, _profile))
)
"""Callers of ``/inference-profiles``."""

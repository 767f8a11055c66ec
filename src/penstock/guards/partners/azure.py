"""Azure's checks: Content Safety (categories, prompt shields, protected material) and the detection of personal data.

Sources: https://learn.microsoft.com/en-us/azure/ai-services/content-safety/quickstart-text, …/quickstart-jailbreak,
…/quickstart-protected-material; https://learn.microsoft.com/en-us/azure/ai-services/language-service/personally-identifiable-information/how-to/redact-text-pii.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from penstock.core.secret import Secret
from penstock.core.segments import Segment, SegmentKind
from penstock.dialects.texts import member
from penstock.guards.base import Check, CloudIdentity, Context, Judgement, Phase, Prepared
from penstock.guards.parameters import Parameters
from penstock.guards.partners.exchange import (
    Credentials,
    Exchange,
    PartnerCall,
    filled,
    grouped,
    inside,
    masked,
    objects,
    pieces,
    prepared,
)

_RESOURCE: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_CATEGORIES: Final = ("Hate", "SelfHarm", "Sexual", "Violence")
_MOST_CHARACTERS: Final = 10_000
"""Of one text, in Content Safety."""
_LONGEST_DOCUMENT: Final = 5_000
"""Characters of one document, in the service for language; it allows 5120 elements."""
_MOST_DOCUMENTS: Final = 5

Calls = Callable[[Context], Sequence[PartnerCall]]
Read = Callable[[Context, Sequence[Any]], Judgement | None]


def _exchange(parameters: Parameters, section: str, calls: Calls, read: Read, *, transforms: bool = False) -> Prepared:
    """A check of one of Azure's resources, whose credentials stand in ``section``."""
    credentials = Credentials(parameters, below=section)
    resource, host = credentials.text("resourceName"), credentials.text("customHost")
    if not resource and not host:
        parameters.complain("credentials.resourceName", "Required: a string")
    if not _RESOURCE.fullmatch(resource or "none"):
        parameters.complain("credentials.resourceName", "it must be the name of a resource: letters, digits, dashes")
    base = credentials.url("customHost", default=f"{resource or 'none'}.cognitiveservices.azure.com")
    mode, headers, identity = credentials.text("azureAuthMode", default="apiKey"), {}, None
    if mode == "entra":
        names = {"tenant_id": "tenantId", "client_id": "clientId", "client_secret": "clientSecret"}
        options = {f"azure_entra_{name}": credentials.required(parameter) for name, parameter in names.items()}
        identity = CloudIdentity("azure", {"azure_auth_mode": Secret("entra"), **options})
    elif mode == "managed":
        if not parameters.is_operators or host:
            parameters.complain(
                "credentials.azureAuthMode", "only saved guardrails act as the gateway itself, at Azure's own hosts"
            )
        options = {"azure_managed_client_id": Secret(credentials.text("clientId"))}
        identity = CloudIdentity("azure", {"azure_auth_mode": Secret("managed"), **options}, lends_own=True)
    elif mode == "apiKey":
        headers = {"ocp-apim-subscription-key": credentials.required("apiKey")}
    else:
        parameters.complain("credentials.azureAuthMode", "it must be one of apiKey, entra, managed")
    exchange = Exchange("Azure", base, calls, read, headers, identity, transforms)
    return prepared(parameters, exchange)


def _first(replies: Sequence[Any], is_bad: Callable[[Any], bool]) -> Judgement:
    """A text that was asked in pieces: the first reply that refuses, else the first."""
    bad = next((reply for reply in replies if is_bad(reply)), None)
    return Judgement(bad is None, replies[0] if bad is None else bad)


def _content_safety(parameters: Parameters) -> Prepared:
    version = parameters.text("apiVersion", "2024-11-01")
    severity = parameters.number("severity", 2, least=0) or 0
    categories = parameters.texts("categories", _CATEGORIES)
    lists = parameters.texts("blocklistNames")
    path = f"/contentsafety/text:analyze?{urlencode({'api-version': version})}"

    def calls(context: Context) -> list[PartnerCall]:
        members = {"categories": list(categories), "blocklistNames": list(lists)}
        return [PartnerCall(path, {"text": text, **members}) for text in pieces(context.text, _MOST_CHARACTERS)]

    def is_bad(reply: Any) -> bool:
        severities = [each.get("severity") for each in objects(inside(reply, "categoriesAnalysis"))]
        too_much = any(isinstance(each, int | float) and each >= severity for each in severities)
        return too_much or bool(inside(reply, "blocklistsMatch"))

    def read(_: Context, replies: Sequence[Any]) -> Judgement | None:
        is_readable = all(_are_levels(inside(reply, "categoriesAnalysis")) for reply in replies)
        return _first(replies, is_bad) if is_readable else None

    return _exchange(parameters, "contentSafety", calls, read)


def _are_levels(analysis: Any) -> bool:
    """Whether each category is told with how bad the text is."""
    levels = [member(each, "severity") for each in analysis] if isinstance(analysis, list) else [None]
    return all(isinstance(each, int | float) for each in levels)


def _shield_prompt(parameters: Parameters) -> Prepared:
    version = parameters.text("apiVersion", "2024-09-01")
    path = f"/contentsafety/text:shieldPrompt?{urlencode({'api-version': version})}"

    def calls(context: Context) -> list[PartnerCall]:
        text = "\n".join([each.text for each in filled(context) if each.kind is not SegmentKind.TOOL_RESULT])
        documents = [text for each in _tool_results(context) for text in pieces(each.text, _MOST_CHARACTERS)]
        prompts, groups = pieces(text, _MOST_CHARACTERS), grouped(documents, _MOST_DOCUMENTS)
        return [
            PartnerCall(path, {"userPrompt": prompt or "", **({"documents": list(group)} if group else {})})
            for prompt, group in itertools.zip_longest(prompts, groups)
        ]

    def is_bad(reply: Any) -> bool:
        found = [inside(reply, "userPromptAnalysis"), *objects(inside(reply, "documentsAnalysis"))]
        return any(inside(each, "attackDetected") is True for each in found)

    def read(_: Context, replies: Sequence[Any]) -> Judgement | None:
        names = ("userPromptAnalysis", "documentsAnalysis")
        is_readable = all(any(inside(reply, name) is not None for name in names) for reply in replies)
        return _first(replies, is_bad) if is_readable else None

    return _exchange(parameters, "contentSafety", calls, read)


def _tool_results(context: Context) -> list[Segment]:
    """What tools have told since the model's last answer, whatever the scope: it is where others' texts come in."""
    segments = context.request.segments
    last = max([each.message for each in segments if each.role == "assistant"], default=-1)
    return [each for each in segments if each.kind is SegmentKind.TOOL_RESULT and each.message > last and each.text]


def _protected_material(parameters: Parameters) -> Prepared:
    version = parameters.text("apiVersion", "2024-09-01")
    path = f"/contentsafety/text:detectProtectedMaterial?{urlencode({'api-version': version})}"

    def calls(context: Context) -> list[PartnerCall]:
        return [PartnerCall(path, {"text": text}) for text in pieces(context.text, _MOST_CHARACTERS)]

    def read(_: Context, replies: Sequence[Any]) -> Judgement | None:
        found = [inside(reply, "protectedMaterialAnalysis", "detected") for reply in replies]
        if not all(isinstance(each, bool) for each in found):
            return None
        return _first(replies, lambda reply: inside(reply, "protectedMaterialAnalysis", "detected") is True)

    return _exchange(parameters, "contentSafety", calls, read)


def _pii(parameters: Parameters) -> Prepared:
    version, redacts = parameters.text("apiVersion", "2024-11-01"), parameters.switch("redact")
    language = parameters.text("language", "en")
    wanted: dict[str, Any] = {
        "domain": parameters.choice("domain", ("none", "phi"), "none"),
        "modelVersion": parameters.text("modelVersion", "latest"),
    }
    if parameters.has("piiCategories"):
        wanted["piiCategories"] = list(parameters.texts("piiCategories"))
    path = f"/language/:analyze-text?{urlencode({'api-version': version})}"

    def calls(context: Context) -> list[PartnerCall]:
        texts = [piece for each in filled(context) for piece in pieces(each.text, _LONGEST_DOCUMENT)]
        documents = [{"id": str(index), "text": text, "language": language} for index, text in enumerate(texts)]
        body = {"kind": "PiiEntityRecognition", "parameters": wanted}
        groups = grouped(documents, _MOST_DOCUMENTS)
        return [PartnerCall(path, {**body, "analysisInput": {"documents": list(group)}}) for group in groups]

    def read(context: Context, replies: Sequence[Any]) -> Judgement | None:
        return _read_pii(filled(context), replies, redacts=redacts)

    return _exchange(parameters, "pii", calls, read, transforms=redacts)


def _read_pii(segments: Sequence[Segment], replies: Sequence[Any], *, redacts: bool) -> Judgement | None:
    documents = [each for reply in replies for each in objects(inside(reply, "results", "documents"))]
    by_id = {str(each.get("id")): each for each in documents}
    texts: list[Any] = []
    numbers = itertools.count()
    for segment in segments:
        ids = [str(next(numbers)) for _ in pieces(segment.text, _LONGEST_DOCUMENT)]
        if any(name not in by_id or not isinstance(by_id[name].get("entities"), list) for name in ids):
            return None
        parts = [part for name in ids if isinstance(part := by_id[name].get("redactedText"), str)]
        texts.append("".join(parts) if len(parts) == len(ids) else None)
    if not any(each["entities"] for each in by_id.values()):
        return Judgement(verdict=True, data=documents)
    edits = masked(segments, texts) if redacts else None
    return Judgement(edits is not None, documents, edits=edits or ())


_BEFORE, _AFTER = frozenset({Phase.BEFORE}), frozenset({Phase.AFTER})

CHECKS: Final = (
    Check("azure.contentSafety", _content_safety, quotes=True),
    Check("azure.shieldPrompt", _shield_prompt, phases=_BEFORE, quotes=True),
    Check("azure.protectedMaterial", _protected_material, phases=_AFTER, quotes=True),
    Check("azure.pii", _pii, quotes=True),
)

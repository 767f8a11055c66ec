"""CrowdStrike's AIDR and, its older generation, Pangea: ``crowdstrike-aidr.guardChatCompletions``,
``pangea.textGuard``, ``pangea.pii``.

Sources: https://aidr.docs.crowdstrike.com/docs/aidr/apis; https://pangea.cloud/docs/api/ai-guard and …/api/redact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from penstock.core.json_text import write_json
from penstock.core.secret import Secret
from penstock.dialects.texts import member
from penstock.guards.base import Check, Context, Judgement, Phase, Prepared
from penstock.guards.parameters import Parameters
from penstock.guards.partners.exchange import (
    Credentials,
    Exchange,
    PartnerCall,
    bearer,
    filled,
    inside,
    masked,
    prepared,
)

_DETECTORS: Final = (
    "prompt_injection",
    "pii_entity",
    "malicious_entity",
    "custom_entity",
    "secrets_detection",
    "profanity_and_toxicity",
)


def _guard_chat(parameters: Parameters) -> Prepared:
    credentials = Credentials(parameters)
    key, base = credentials.required("apiKey"), credentials.url("baseUrl", "apiBase")

    def calls(context: Context) -> list[PartnerCall]:
        body: dict[str, Any] = {
            "guard_input": context.body.json,
            "event_type": "input" if context.phase is Phase.BEFORE else "output",
            "app_id": "penstock",
            "extra_info": {},
        }
        body |= {"llm_provider": context.provider} if context.provider else {}
        model = member(context.request.json, "model")
        user, name = _label(context, "_user", "user_id"), _label(context, "_user_name", "user_name")
        body |= {"model": model} if isinstance(model, str) else {}
        body |= {"user_id": user} if user else {}
        body |= {"extra_info": {"user_name": name}} if name else {}
        return [PartnerCall("/v1/guard_chat_completions", body)]

    def read(_: Context, replies: Sequence[Any]) -> Judgement | None:
        result = inside(replies[0], "result")
        blocked, changed = inside(result, "blocked"), inside(result, "guard_output")
        if not isinstance(blocked, bool) or inside(replies[0], "status") not in {None, "Success"}:
            return None
        is_changed = result.get("transformed") is True
        # What has to be taken out doesn't go on where nobody says how.
        passes = not blocked and (not is_changed or isinstance(changed, dict))
        explanation = f"CrowdStrike AIDR {'lets the text pass' if passes else 'refuses the text'}."
        return Judgement(
            passes, {"explanation": explanation}, body=write_json(changed) if passes and is_changed else None
        )

    return prepared(parameters, Exchange("CrowdStrike AIDR", base, calls, read, bearer(key)))


def _label(context: Context, *names: str) -> str:
    """A label of the request, by the first of its names that is there; empty where none is a text."""
    label = next((context.metadata[name] for name in names if context.metadata.get(name) is not None), "")
    return label if isinstance(label, str) else ""


def _pangea(parameters: Parameters, service: str) -> tuple[str, dict[str, Secret]]:
    """The base URL of one of Pangea's services, and the headers."""
    credentials = Credentials(parameters)
    key, domain = credentials.required("apiKey"), credentials.required("domain").reveal()
    base = credentials.text("apiBase") or f"https://{service}.{domain or 'none'}"
    return base, bearer(key)


def _text_guard(parameters: Parameters) -> Prepared:
    base, headers = _pangea(parameters, "ai-guard")
    overrides = parameters.object("overrides")
    wanted: dict[str, Any] = {"debug": parameters.switch("debug")}
    wanted |= {"recipe": parameters.text("recipe")} if parameters.has("recipe") else {}
    wanted |= {"overrides": overrides} if overrides else {}

    def calls(context: Context) -> list[PartnerCall]:
        return [PartnerCall("/v1/text/guard", {"text": context.text, **wanted})] if context.text else []

    def read(_: Context, replies: Sequence[Any]) -> Judgement | None:
        detectors = inside(replies[0], "result", "detectors")
        if inside(replies[0], "status") != "Success" or not isinstance(detectors, dict):
            return None
        found = any(inside(detectors, name, "detected") is True for name in _DETECTORS)
        return Judgement(not found, replies[0]["result"])

    return prepared(parameters, Exchange("Pangea", base, calls, read, headers))


def _pii(parameters: Parameters) -> Prepared:
    base, headers = _pangea(parameters, "redact")
    redacts = parameters.switch("redact")

    def calls(context: Context) -> list[PartnerCall]:
        texts = [each.text for each in filled(context)]
        return [PartnerCall("/v1/redact_structured", {"data": texts})] if texts else []

    def read(context: Context, replies: Sequence[Any]) -> Judgement | None:
        result = inside(replies[0], "result")
        count, texts = inside(result, "count"), inside(result, "redacted_data")
        if inside(replies[0], "status") != "Success" or not isinstance(count, int):
            return None
        data = {"explanation": f"{count} values were found."}
        if not count or not redacts:
            return Judgement(not count, data)
        edits = masked(filled(context), texts) if isinstance(texts, list) else None
        return Judgement(edits is not None, data, edits=edits or ())

    return prepared(parameters, Exchange("Pangea", base, calls, read, headers, transforms=redacts))


CHECKS: Final = (
    Check("crowdstrike-aidr.guardChatCompletions", _guard_chat, replaces=True, quotes=True),
    Check("pangea.textGuard", _text_guard, quotes=True),
    Check("pangea.pii", _pii, quotes=True),
)

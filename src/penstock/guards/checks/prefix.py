"""The mutator that puts a text before a message."""

from __future__ import annotations

from typing import Any, Final

from penstock.core.json_text import write_json
from penstock.guards.base import Check, CheckError, Context, Judgement, Phase, Prepared
from penstock.guards.parameters import Parameters

_OTHER_CHATS: Final = frozenset({"createModelResponse", "generateContent", "converse"})
"""Chats in wires that the check doesn't know. What is no chat has no message: nothing is put before anything."""
_ROLES: Final = ("user", "system", "assistant")


def _add_prefix(parameters: Parameters) -> Prepared:
    prefix = parameters.required_text("prefix")
    role = parameters.choice("applyToRole", _ROLES, "user")
    adds = parameters.switch("addToExisting", default=True)
    only_empty = parameters.switch("onlyIfEmpty")

    def judge(context: Context) -> Judgement:
        kind, body = context.request_type, context.request.json
        if kind in _OTHER_CHATS:
            return _unchanged("The check adds no prefix to requests of this type.")
        if kind not in {"chatComplete", "messages", "complete"}:
            return Judgement(verdict=True)
        if not isinstance(body, dict) or not body:
            return _unchanged("The request has no body.")
        if kind == "complete":
            changed = _before_prompt(body, prefix, only_empty=only_empty)
        elif kind == "messages" and role == "system":
            changed = _before_system(body, prefix, adds=adds, only_empty=only_empty)
        else:
            new = {"role": role, "content": [_part(prefix)] if kind == "messages" else prefix}
            changed = _before_message(body, prefix, new, adds=adds, only_empty=only_empty)
        data = {
            "prefix": prefix,
            "requestType": kind,
            "applyToRole": role,
            "addToExisting": adds,
            "onlyIfEmpty": only_empty,
        }
        return Judgement(verdict=True, data=data, body=None if changed == body else write_json(changed))

    return Prepared(judge, size=len(prefix))


def _unchanged(why: str) -> Judgement:
    """The judgement of a request that the check can't change, which is nothing against the request."""
    return Judgement(verdict=True, error=CheckError(why))


def _before_prompt(body: dict[str, Any], prefix: str, *, only_empty: bool) -> dict[str, Any]:
    prompt = body.get("prompt")
    first = prompt[0] if isinstance(prompt, list) and prompt else prompt
    if not isinstance(first, str) or (only_empty and first.strip()):
        return body
    return {**body, "prompt": [prefix + first, *prompt[1:]] if isinstance(prompt, list) else prefix + first}


def _before_system(body: dict[str, Any], prefix: str, *, adds: bool, only_empty: bool) -> dict[str, Any]:
    """The system prompt of Anthropic Messages, which is no message."""
    system = body.get("system")
    if only_empty and not _is_blank(system):
        return body
    if not system:
        return {**body, "system": prefix}
    return {**body, "system": _with_prefix(system, prefix) if adds else [_part(prefix), *_parts(system)]}


def _before_message(
    body: dict[str, Any], prefix: str, new: dict[str, Any], *, adds: bool, only_empty: bool
) -> dict[str, Any]:
    """The body with the prefix in the first message of the role that ``new`` has; else with ``new``."""
    messages, role = body.get("messages"), new["role"]
    if not isinstance(messages, list):
        return body
    at = next((at for at, each in enumerate(messages) if isinstance(each, dict) and each.get("role") == role), None)
    if at is None:
        return {**body, "messages": [new, *messages] if role == "system" else [*messages, new]}
    message = messages[at]
    if only_empty and not _is_blank(message.get("content")):
        return body
    put = [{**message, "content": _with_prefix(message.get("content"), prefix)}] if adds else [new, message]
    return {**body, "messages": [*messages[:at], *put, *messages[at + 1 :]]}


def _with_prefix(content: Any, prefix: str) -> Any:
    if content is None or isinstance(content, str):
        return prefix + (content or "")
    if not isinstance(content, list):
        return content
    first = content[0] if content else None
    if isinstance(first, dict) and isinstance(first.get("text"), str):
        return [{**first, "text": prefix + first["text"]}, *content[1:]]
    return [_part(prefix), *content]


def _part(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _parts(content: Any) -> list[Any]:
    return [_part(content)] if isinstance(content, str) else list(content)


def _is_blank(content: Any) -> bool:
    if isinstance(content, list):
        return all(isinstance(part, dict) and not str(part.get("text", "x")).strip() for part in content)
    return content is None or (isinstance(content, str) and not content.strip())


CHECKS: Final = (Check("default.addPrefix", _add_prefix, frozenset({Phase.BEFORE}), transforms=True, replaces=True),)

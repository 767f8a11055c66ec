"""How large a request is: characters, estimated tokens, messages, images."""

from __future__ import annotations

from typing import Any, Final

from penstock.guards.base import Check, Context, Judgement, Phase, Prepared
from penstock.guards.parameters import Parameters

_BOUNDS: Final = {
    "maxCharacters": "characters",
    "maxTokens": "estimated_tokens",
    "maxMessages": "messages",
    "maxImages": "images",
}
_CHARACTERS_OF_A_TOKEN: Final = 4
_LISTS: Final = ("messages", "contents", "input")
_IMAGES: Final = frozenset({"image_url", "image", "input_image"})


def _size(parameters: Parameters) -> Prepared:
    bounds = {unit: parameters.number(name, least=0) for name, unit in _BOUNDS.items()}
    if not any(parameters.has(name) for name in _BOUNDS):
        parameters.complain("maxCharacters", f"Required: one of {', '.join(_BOUNDS)}, or several")

    def judge(context: Context) -> Judgement:
        characters = sum([len(segment.text) for segment in context.segments])
        body = context.request.json
        sizes = {
            "characters": characters,
            "estimated_tokens": -(-characters // _CHARACTERS_OF_A_TOKEN),
            "messages": _messages(body),
            "images": _images(body) if bounds["images"] is not None else 0,
        }
        exceeded = [name for name, most in bounds.items() if most is not None and sizes[name] > most]
        explanation = f"The request is within its bounds{': not ' + ', '.join(exceeded) if exceeded else ''}."
        limited = {name: sizes[name] for name, most in bounds.items() if most is not None}
        data = {"verdict": not exceeded, "explanation": explanation, "sizes": limited, "exceeded": exceeded}
        return Judgement(not exceeded, data)

    return Prepared(judge)


def _messages(body: Any) -> int:
    if not isinstance(body, dict):
        return 0
    return max([len(body[name]) for name in _LISTS if isinstance(body.get(name), list)], default=1 if body else 0)


def _images(body: Any) -> int:
    """The images of all messages, in whatever wire they stand."""
    count, left = 0, [body]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            kind, data = value.get("type"), value.get("inlineData") or value.get("inline_data")
            mime = (data.get("mimeType") or data.get("mime_type")) if isinstance(data, dict) else None
            if kind in _IMAGES or (isinstance(mime, str) and mime.startswith("image/")):
                count += 1
            else:
                left += value.values()
    return count


CHECKS: Final = (Check("penstock.size", _size, frozenset({Phase.BEFORE}), scope="all"),)

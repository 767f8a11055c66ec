"""The images of a request's last message, as URLs: what partners get that judge pictures, too. Each wire has its form.

Sources: https://platform.openai.com/docs/guides/images-vision, https://docs.claude.com/en/docs/build-with-claude/vision,
https://ai.google.dev/api/caching#Blob, https://docs.ollama.com/api,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ImageBlock.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from penstock.dialects.texts import listed, member
from penstock.guards.base import Context, Phase
from penstock.guards.partners.exchange import inside

_CONVERSATIONS: Final = ("messages", "contents", "input")
_BEGINNINGS: Final = {"/9j/": "jpeg", "R0lG": "gif", "UklG": "webp"}
"""How images begin in base64, where nobody says their form."""


def images(context: Context) -> list[str]:
    """The images, each once: addresses, and data URLs of those that stand in the request. None of an answer's."""
    if context.phase is not Phase.BEFORE:
        return []
    messages = next(filter(None, [listed(member(context.request.json, name)) for name in _CONVERSATIONS]), [])
    return list(dict.fromkeys(_found(messages[-1]))) if messages else []


def _found(message: Any) -> Iterator[str]:
    """The images of a message, also of what tools told in it, in their order."""
    left = [message]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += reversed(value)
        elif isinstance(value, dict):
            yield from filter(None, [read(value) for read in _FORMS])
            yield from [_data_url("", each) for each in listed(value.get("images")) if isinstance(each, str)]
            left += reversed(value.values())


# What an object is, by wire: an image's URL, empty for anything else.


def _of_openai(part: Mapping[str, Any]) -> str:
    """A chat's ``image_url`` and Responses' ``input_image``."""
    if part.get("type") not in {"image_url", "input_image"}:
        return ""
    url = part.get("image_url")
    url = url.get("url") if isinstance(url, dict) else url
    return url if isinstance(url, str) else ""


def _of_messages(part: Mapping[str, Any]) -> str:
    source = part.get("source")
    if part.get("type") != "image" or not isinstance(source, dict):
        return ""
    url = source.get("url")
    return url if isinstance(url, str) else _data_url(source.get("media_type"), source.get("data"))


def _of_converse(part: Mapping[str, Any]) -> str:
    image = part.get("image")
    return _data_url(f"image/{inside(image, 'format')}", inside(image, "source", "bytes"))


def _of_gemini(part: Mapping[str, Any]) -> str:
    blob, file = (part.get(name) or part.get(other) for name, other in _GEMINI)
    media = next(filter(None, [inside(each, name) for each in (blob, file) for name in ("mimeType", "mime_type")]), "")
    if not isinstance(media, str) or not media.startswith("image/"):
        return ""
    address = inside(file, "fileUri") or inside(file, "file_uri")
    return address if _is_address(address) else _data_url(media, inside(blob, "data"))


_GEMINI: Final = ("inlineData", "inline_data"), ("fileData", "file_data")
_FORMS: Final[tuple[Callable[[Mapping[str, Any]], str], ...]] = _of_openai, _of_messages, _of_converse, _of_gemini


def _is_address(value: Any) -> bool:
    """Whether others than Google can fetch a file from there."""
    return isinstance(value, str) and value.startswith("https://")


def _data_url(media: Any, data: Any) -> str:
    if not isinstance(data, str) or not data:
        return ""
    if not isinstance(media, str) or not media.startswith("image/"):
        media = f"image/{_BEGINNINGS.get(data[:4], 'png')}"
    return f"data:{media};base64,{data}"

"""What Google's predictions take beside tokens: pictures that a reply holds, seconds of video that are asked for.

Sources: https://ai.google.dev/gemini-api/docs/imagen, https://ai.google.dev/gemini-api/docs/video.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.body import Body, BodyError
from penstock.core.usage import PICTURE, VIDEOS, Usage

_OPERATION: Final = re.compile(r"(?:.*/)?models/[^/]+/operations/[^/]+", re.DOTALL)
"""The name of a prediction that takes long. Tuned models and stores of files have operations, too."""
_SECONDS: Final = 8
_MOST: Final = 3600
_SIZES: Final[Mapping[str, tuple[int, int]]] = {"720p": (1280, 720), "1080p": (1920, 1080), "4k": (3840, 2160)}


def made(value: Mapping[str, Any]) -> Usage | None:
    """The usage of a whole reply: its pictures, or the videos that its operation is about; None for any other reply."""
    predictions = json_text.mappings(value.get("predictions"))
    pictures = sum("bytesBase64Encoded" in each or "gcsUri" in each for each in predictions)
    if pictures:
        return Usage(units={PICTURE: pictures})
    name = value.get("name")
    return Usage(units={VIDEOS: 1}) if isinstance(name, str) and _OPERATION.fullmatch(name) else None


def asked(request: Body, usage: Usage | None) -> Usage | None:
    """The usage of a reply, with the seconds of the videos that its request asks for; None for a request that asks
    whether they are there already (``fetchPredictOperation``)."""
    if usage is None or VIDEOS not in usage.units:
        return usage
    if "instances" not in request:
        return None
    try:
        parameters = request.value("parameters") if "parameters" in request else {}
    except BodyError:
        parameters = {}
    members = parameters if isinstance(parameters, dict) else {}
    width, height = _SIZES.get(str(members.get("resolution")).lower(), _SIZES["720p"])
    if members.get("aspectRatio") == "9:16":
        width, height = height, width
    seconds = _number(members.get("durationSeconds"), _SECONDS) * _number(members.get("sampleCount"), 1)
    return msgspec.structs.replace(usage, units={f"video_duration_seconds_{width}_{height}": seconds})


def _number(value: Any, usual: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < len(str(_MOST)) + 1:
        value = int(value)
    return value if type(value) is int and 0 < value <= _MOST else usual

"""A JSON schema that answers or arguments must keep to, in the part of JSON Schema that Anthropic and Bedrock enforce.

Both refuse a request whose schema says more, so what restricts values beyond that part is told to the model in the
description beside it: it may heed it, nobody checks. Schemas that fit keep their bytes. Tools that aren't strict may
say whatever they like. Sources: Claude docs, "Structured outputs"; Amazon Bedrock user guide, "Get validated JSON
results from models".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from penstock.core.json_text import read_json, write_json
from penstock.core.lru import Lru


class StrictSchema(msgspec.Struct, frozen=True):
    """``data`` is the schema as JSON. ``lost`` are the keywords that are told and no longer enforced. ``optional``
    counts the members that may be left out, ``unions`` the values of more than one kind."""

    data: bytes
    lost: tuple[str, ...] = ()
    optional: int = 0
    unions: int = 0


_REMEMBERED: Final = 4 << 20
_known: Final[Lru[bytes, StrictSchema]] = Lru(_REMEMBERED)
"""By bytes: agents send the same tools with every request."""


def strict_schema(data: bytes) -> StrictSchema:
    """The schema as it can be enforced; one nested too deeply to look inside as it is."""
    schema = _known.get(data)
    if schema is None:
        schema = _fitted(data)
        _known.put(data, schema, len(data) + len(schema.data))
    return schema


def _fitted(data: bytes) -> StrictSchema:
    lost: dict[str, None] = {}
    try:
        root = read_json(data)
        changes, optional, unions = False, 0, 0
        for part in _parts(root):
            changes = _fit(part, lost, is_root=part is root) or changes
            optional += _optional(part)
            unions += "anyOf" in part or isinstance(part.get("type"), list)
        return StrictSchema(write_json(root) if changes else data, tuple(lost), optional, unions)
    except (ValueError, RecursionError):
        return StrictSchema(data)


_MOST_TOOLS: Final = 20
_MOST_OPTIONAL: Final = 24
_MOST_UNIONS: Final = 16


class Enforced:
    """How much one request has enforced so far: Anthropic's limits hold for all of its schemas together."""

    __slots__ = ("_optional", "_tools", "_unions")

    def __init__(self, answer: StrictSchema | None = None) -> None:
        self._tools = 0
        self._optional, self._unions = (0, 0) if answer is None else (answer.optional, answer.unions)

    def admits(self, parameters: StrictSchema) -> bool:
        """Whether one more tool can be strict; then it counts."""
        optional, unions = self._optional + parameters.optional, self._unions + parameters.unions
        if self._tools == _MOST_TOOLS or optional > _MOST_OPTIONAL or unions > _MOST_UNIONS:
            return False
        self._tools, self._optional, self._unions = self._tools + 1, optional, unions
        return True


_BY_NAME: Final = ("properties", "$defs", "definitions")
_LISTED: Final = ("anyOf", "oneOf", "allOf", "prefixItems")


def _parts(root: Any) -> Iterator[dict[str, Any]]:
    """The schema and all its subschemas, each before its own subschemas."""
    pending = [root]
    while pending:
        part = pending.pop()
        if not isinstance(part, dict):
            continue
        pending.append(part.get("items"))
        for name in _BY_NAME:
            if isinstance(part.get(name), dict):
                pending += part[name].values()
        for name in _LISTED:
            if isinstance(part.get(name), list):
                pending += part[name]
        yield part


_TOLD: Final = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
    "format",
)
"""Keywords that can't be enforced, at least not with every value, and that words can tell."""
_FORMATS: Final = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
_ENFORCED: Final = {"format": _FORMATS, "minItems": (0, 1), "uniqueItems": (False,)}


def _fit(part: dict[str, Any], lost: dict[str, None], *, is_root: bool) -> bool:
    """Fit a schema, without its subschemas. Returns whether the schema was changed."""
    unenforced = [name for name in _TOLD if name in part and part[name] not in _ENFORCED.get(name, ())]
    if unenforced:
        words = ", ".join(f"{name}: {write_json(part.pop(name)).decode()}" for name in unenforced)
        described = part.get("description")
        part["description"] = f"{described} ({words})" if isinstance(described, str) and described else words
        lost.update(dict.fromkeys(unenforced))
    closed = _close(part, lost, is_root=is_root)
    chosen = "oneOf" in part and "anyOf" not in part
    if chosen:
        part["anyOf"] = part.pop("oneOf")
    return bool(unenforced) or closed or chosen


def _optional(part: dict[str, Any]) -> int:
    properties, required = part.get("properties"), part.get("required")
    if not isinstance(properties, dict):
        return 0
    needed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    return len(properties.keys() - needed)


def _close(part: dict[str, Any], lost: dict[str, None], *, is_root: bool) -> bool:
    """An object must say that it has no further members. One whose members are all alike is left to be refused: there
    would be nothing left of it."""
    kind, further = part.get("type"), part.get("additionalProperties")
    if not (kind == "object" or (isinstance(kind, list) and "object" in kind)):
        return False
    if further is None:
        part["additionalProperties"] = False
        if "properties" not in part and not is_root:
            lost["additionalProperties"] = None
        return True
    if further is True and part.get("properties"):
        part["additionalProperties"] = False
        lost["additionalProperties"] = None
        return True
    return False

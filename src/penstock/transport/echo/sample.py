"""A value that fits a JSON schema: plain, deterministic, bounded. For tool arguments and structured output.

A schema comes from the caller and may refer to itself or fan out without end, so there is a bound on the depth, and one
budget for all that is read of the schema and made of it. Beyond either, values are null. Keywords that take a search
to satisfy (``pattern``, ``not``, ``uniqueItems``) are not heeded.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from penstock.core.json_pointer import pointed
from penstock.core.json_text import write_json

_ROOMY: Final = 12
"""Up to this depth a value may have parts that its schema does not insist on."""
_DEEPEST: Final = 48
_BUDGET: Final = 1 << 14
"""Bytes made and members read."""
_LONGEST_TEXT: Final = 200
_MOST_ITEMS: Final = 16

_BY_FORMAT: Final = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample(schema: Any, text: str) -> Any:
    """A value for ``schema``, in which free strings are ``text``. What it can't read counts as a free string."""
    return _Sampler(schema, text[:_LONGEST_TEXT]).value(schema, 0)


class _Sampler:
    def __init__(self, root: Any, text: str) -> None:
        self._root = root
        self._text = text
        self._left = _BUDGET

    def value(self, schema: Any, depth: int) -> Any:
        self._left -= _size(schema)
        if self._left <= 0 or depth > _DEEPEST:
            return None
        if not isinstance(schema, dict):
            return self._leaf(self._text)
        if "$ref" in schema:
            return self.value(self._resolve(schema["$ref"]), depth + 1)
        if "const" in schema:
            return self._leaf(schema["const"])
        for key in ("enum", "examples"):
            if found := _list(schema, key):
                return self._leaf(found[0])
        if parts := _list(schema, "allOf"):
            return self.value(self._merged(schema, parts), depth + 1)
        if branches := _list(schema, "anyOf") or _list(schema, "oneOf"):
            ends = depth > _ROOMY and {"type": "null"} in branches
            return None if ends else self.value(branches[0], depth + 1)
        return self._of_type(schema, depth)

    def _of_type(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type", "object" if schema.get("properties") else "string")
        if isinstance(kind, list):
            kind = next(iter(kind), "string")
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "integer":
                return self._leaf(int(_number(schema)))
            case "number":
                return self._leaf(float(_number(schema)))
            case "boolean":
                return self._leaf(True)
            case "null":
                return self._leaf(None)
            case _:
                return self._leaf(_string(schema, self._text))

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """The required properties; all of them where none is required, since an empty object would show nothing."""
        properties = _object(schema, "properties")
        names = [name for name in _list(schema, "required") if isinstance(name, str)]
        if not names and depth <= _ROOMY:
            names = list(properties)
        made = {}
        for name in names:
            self._left -= len(name)
            if self._left <= 0:
                break
            made[name] = self.value(properties.get(name), depth + 1)
        return made

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        first = _list(schema, "prefixItems")
        least, most = (_count(schema, key, default) for key, default in (("minItems", 0), ("maxItems", _MOST_ITEMS)))
        wanted = max(len(first), 1) if depth <= _ROOMY else 0
        count = min(max(wanted, least), most, _MOST_ITEMS)
        return [self.value(first[n] if n < len(first) else schema.get("items"), depth + 1) for n in range(count)]

    def _leaf(self, value: Any) -> Any:
        self._left -= len(write_json(value))
        return value if self._left > 0 else None

    def _merged(self, schema: dict[str, Any], parts: list[Any]) -> dict[str, Any]:
        """One schema that asks for what all the parts ask for."""
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in parts:
            part = self._resolve(part["$ref"]) if isinstance(part, dict) and "$ref" in part else part
            if isinstance(part, dict):
                properties = _object(merged, "properties") | _object(part, "properties")
                required = [*_list(merged, "required"), *_list(part, "required")]
                merged |= part | {"properties": properties, "required": required}
        return merged

    def _resolve(self, reference: Any) -> Any:
        """A local reference such as ``#/$defs/Person``."""
        self._left -= len(str(reference))
        return pointed(self._root, unquote(str(reference).removeprefix("#")))


def _size(schema: Any) -> int:
    if not isinstance(schema, dict):
        return 1
    return 1 + len(schema) + sum(len(part) for part in schema.values() if isinstance(part, list | dict))


def _list(schema: dict[str, Any], key: str) -> list[Any]:
    value = schema.get(key)
    return value if isinstance(value, list) else []


def _object(schema: dict[str, Any], key: str) -> dict[str, Any]:
    value = schema.get(key)
    return value if isinstance(value, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _count(schema: dict[str, Any], key: str, default: int) -> int:
    value: Any = schema.get(key)
    return max(int(value), 0) if _is_number(value) else default


def _number(schema: dict[str, Any]) -> float:
    """One, or a number near the bounds that the schema sets."""
    keys = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
    bounds = [schema[key] for key in keys if _is_number(schema.get(key))]
    step = schema["multipleOf"] if _is_number(schema.get("multipleOf")) else 0
    candidates = [1.0, step]
    for bound in bounds:
        candidates += [bound, math.ceil(bound), math.floor(bound), bound + 1, bound - 1]
        candidates += [step * (bound // step + near) for near in (-1, 0, 1)] if step else []
    candidates.append(sum(bounds) / max(len(bounds), 1))
    return next((number for number in candidates if _allows(schema, number)), 1.0)


def _allows(schema: dict[str, Any], number: float) -> bool:
    for key, allows in _RULES.items():
        if _is_number(schema.get(key)) and not allows(number, schema[key]):
            return False
    return schema.get("type") != "integer" or number % 1 == 0


_RULES: Final[dict[str, Callable[[float, float], bool]]] = {
    "minimum": operator.ge,
    "exclusiveMinimum": operator.gt,
    "maximum": operator.le,
    "exclusiveMaximum": operator.lt,
    "multipleOf": lambda number, step: not step or number % step == 0,
}


def _string(schema: dict[str, Any], text: str) -> str:
    found = _BY_FORMAT.get(str(schema.get("format")))
    if found is not None:
        return found
    least = min(_count(schema, "minLength", 0), _LONGEST_TEXT)
    return text.ljust(least, "…")[: _count(schema, "maxLength", _LONGEST_TEXT)]

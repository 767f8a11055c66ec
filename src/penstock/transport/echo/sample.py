"""A value that fits a JSON schema: plain, deterministic, bounded in depth. For tool arguments and structured output."""

from __future__ import annotations

from typing import Any, Final

_DEPTH: Final = 8
_BY_FORMAT: Final = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample(schema: Any, text: str) -> Any:
    """A value for ``schema``, in which free strings are ``text``. What it can't read counts as a free string."""
    return _Sampler(schema, text).value(schema, 0)


class _Sampler:
    def __init__(self, root: Any, text: str) -> None:
        self._root = root
        self._text = text

    def value(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > _DEPTH:
            return self._text
        if "$ref" in schema:
            return self.value(self._resolve(schema["$ref"]), depth + 1)
        if "const" in schema:
            return schema["const"]
        for key in ("enum", "examples"):
            if isinstance(schema.get(key), list) and schema[key]:
                return schema[key][0]
        for key in ("anyOf", "oneOf", "allOf"):
            if isinstance(schema.get(key), list) and schema[key]:
                return self.value(schema[key][0], depth + 1)
        return self._of_type(schema, depth)

    def _of_type(self, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next(iter(kind), "string")
        match kind:
            case "object":
                properties = schema.get("properties")
                members = properties if isinstance(properties, dict) else {}
                return {name: self.value(member, depth + 1) for name, member in members.items()}
            case "array":
                count = max(_number(schema.get("minItems"), 1), 1)
                return [self.value(schema.get("items", {}), depth + 1) for _ in range(min(count, 16))]
            case "integer":
                return _number(schema.get("minimum"), 1)
            case "number":
                return float(_number(schema.get("minimum"), 1))
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return _BY_FORMAT.get(str(schema.get("format")), self._text)

    def _resolve(self, reference: Any) -> Any:
        """A local reference such as ``#/$defs/Person``."""
        found = self._root
        for part in str(reference).removeprefix("#").split("/")[1:]:
            found = found.get(part) if isinstance(found, dict) else None
        return found


def _number(value: Any, default: int) -> int:
    return (
        int(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9 else default
    )

"""JSON schemas and what becomes of them in Google's two forms."""

import json
from typing import Any

from penstock.dialects.gemini.provider.schema import GoogleSchema, google_schema

STRING = {"type": "string"}
INTEGER = {"type": "integer"}


NULL = {"type": "null"}


def translated(schema: Any, *, ordered: bool = False) -> GoogleSchema:
    return google_schema(json.dumps(schema).encode(), ordered=ordered)


def told(schema: GoogleSchema) -> Any:
    return json.loads(schema.data)


def holding(member: Any) -> dict[str, Any]:
    """An object with one member."""
    return {"type": "object", "properties": {"a": member}}

"""A JSON schema as Google takes it, in whichever of its two forms says all of it.

The older form (``parameters``, ``responseSchema``) is a selection of OpenAPI's: every host of the dialect takes it, and
refuses a request for one member that it doesn't know. The newer one (``parametersJsonSchema``, ``responseJsonSchema``)
is JSON Schema, of which Google reads a part and passes over the rest: it serves where the older can't say everything.
Nothing here fails; what restricts values and can't be said is named by its keyword. What both forms are written from
is made in plain_schema.py. Sources: Gemini API reference, "Schema", "GenerationConfig"; Vertex AI reference,
"Schema"; docs/portkey.md#gemini.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.json_text import read_json, write_json
from penstock.core.lru import Lru
from penstock.dialects.gemini.provider.plain_schema import PlainSchema


class GoogleSchema(msgspec.Struct, frozen=True):
    """``data`` is the schema as JSON, in the older form unless ``is_json_schema``. ``takes_nothing``: it is that of an
    object without members. ``lost`` are the keywords that restrict values and couldn't be said."""

    data: bytes
    is_json_schema: bool = False
    takes_nothing: bool = False
    lost: tuple[str, ...] = ()


_REMEMBERED: Final = 4 << 20
_known: Final[Lru[tuple[bytes, bool], GoogleSchema]] = Lru(_REMEMBERED)
"""By bytes: agents send the same tools with every request."""


def google_schema(data: bytes, *, ordered: bool = False) -> GoogleSchema:
    """The schema in Google's form. ``ordered``: the older form, whose members have no order of their own, says it."""
    key = (data, ordered)
    found = _known.get(key)
    if found is None:
        found = _translated(data, ordered=ordered)
        _known.put(key, found, len(data) + len(found.data))
    return found


def _translated(data: bytes, *, ordered: bool) -> GoogleSchema:
    try:
        root = read_json(data)
        plain = PlainSchema(root)
        schema = plain.schema(root)
        takes_nothing = isinstance(root, dict) and _takes_nothing(schema)
        older = _older(schema, ordered=ordered)
        if older is not None:
            return GoogleSchema(write_json(older), False, takes_nothing, tuple(plain.lost))
        return GoogleSchema(write_json(_newer(schema, plain.lost)), True, takes_nothing, tuple(plain.lost))
    except (ValueError, RecursionError):  # nested deeper than can be followed
        return GoogleSchema(data, is_json_schema=True)


def _takes_nothing(plain: Mapping[str, Any]) -> bool:
    kind, more = plain.get("type", "object"), plain.get("additionalProperties", False)
    return kind == "object" and not plain.get("properties") and more is False and "anyOf" not in plain


# The older form.

_FORMATS: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"date-time", "enum"}),
    "integer": frozenset({"int32", "int64"}),
    "number": frozenset({"float", "double"}),
}
"""Those that the Gemini API takes in the older form; any other is an error there."""
_BESIDE_CHOICES: Final = frozenset({"anyOf", "title", "description", "default", "example", "nullable"})


def _older(plain: Mapping[str, Any], *, ordered: bool) -> dict[str, Any] | None:
    """The schema in the older form; None when that can't say it."""
    if "anyOf" in plain:
        return _older_choice(plain, ordered=ordered)
    kind, form = plain.get("type"), plain.get("format")
    if kind == "object":
        return _older_object(plain, ordered=ordered)
    if kind == "array":
        return _older_array(plain, ordered=ordered)
    if not isinstance(kind, str) or kind not in {"string", "integer", "number", "boolean"}:
        return None
    if form is not None and form not in _FORMATS.get(kind, ()):
        return None
    values = plain.get("enum", ())
    if values and (kind != "string" or not all(isinstance(value, str) and value for value in values)):
        return None
    return dict(plain)


def _older_choice(plain: Mapping[str, Any], *, ordered: bool) -> dict[str, Any] | None:
    """A choice stands alone there: what was beside it goes into each of its branches."""
    if not plain.keys() <= _BESIDE_CHOICES:
        return None
    beside = {name: plain[name] for name in ("description", "nullable") if name in plain}
    branches = []
    for branch in plain["anyOf"]:
        found = _older(branch, ordered=ordered)
        if found is None:
            return None
        branches.append({**beside, **found})
    return {"anyOf": branches}


def _older_object(plain: Mapping[str, Any], *, ordered: bool) -> dict[str, Any] | None:
    """An object of members that are all named: the older form knows no other."""
    members, more = plain.get("properties"), plain.get("additionalProperties")
    if not members or isinstance(more, dict) or "enum" in plain:
        return None
    found = {name: value for name, value in plain.items() if name != "additionalProperties"}
    found["properties"] = {name: _older(member, ordered=ordered) for name, member in members.items()}
    if None in found["properties"].values():
        return None
    if ordered and len(members) > 1:
        found.setdefault("propertyOrdering", list(members))
    return found


def _older_array(plain: Mapping[str, Any], *, ordered: bool) -> dict[str, Any] | None:
    items = plain.get("items")
    if not items or "prefixItems" in plain or "enum" in plain:
        return None
    found = _older(items, ordered=ordered)
    return None if found is None else {**plain, "items": found}


# The newer form.

_PASSED_OVER: Final = ("minLength", "maxLength", "pattern", "minProperties", "maxProperties")
"""Keywords that only the older form has. They are sent all the same: Google may come to read them."""


def _newer(plain: Mapping[str, Any], lost: dict[str, None]) -> dict[str, Any]:
    """The schema in the newer form. What Google passes over is added to ``lost``."""
    found = {name: value for name, value in plain.items() if name != "nullable"}
    lost.update((name, None) for name in _PASSED_OVER if name in found)
    if "enum" in found and any(isinstance(value, bool | list | dict) for value in found["enum"]):
        lost["enum"] = None
    if "properties" in found:
        found["properties"] = {name: _newer(member, lost) for name, member in found["properties"].items()}
    for name in ("anyOf", "prefixItems"):
        if name in found:
            found[name] = [_newer(each, lost) for each in found[name]]
    for name in ("items", "additionalProperties"):
        if isinstance(found.get(name), dict):
            found[name] = _newer(found[name], lost)
    return _nullable(found) if plain.get("nullable") else found


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, or null."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "enum" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    kind = schema.get("type")
    if kind is None:
        return schema
    kinds = [kind] if isinstance(kind, str) else kind
    return {**schema, "type": [*kinds, *(() if "null" in kinds else ("null",))]}

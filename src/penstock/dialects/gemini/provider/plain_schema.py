"""Any JSON schema in the plain terms that Google's two forms of a schema have in common.

References are resolved (recursion to a few levels, as Google itself does), ``allOf`` is merged, ``oneOf`` becomes
``anyOf`` and ``const`` an ``enum``; null among types, values and choices becomes ``nullable``. The other half is
schema.py. Source: JSON Schema, drafts 4 to 2020-12.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, TypeGuard
from urllib.parse import unquote

from penstock.core.json_pointer import pointed
from penstock.dialects.schema_references import ReferenceBudget

_LEVELS: Final = 4
"""How often a schema may be found within itself."""
_NODES: Final = 5000
"""Schemas that references may come to in all; those beyond are as if found within themselves too often."""
_CUT: Final[dict[str, Any]] = {}
"""In place of a schema that goes on within itself: known by its identity, and left out wherever that can be."""
_TOO_DEEP: Final = "$ref "
"""What marks such a schema before it is in plain terms; no keyword, for it ends in a space."""

_DESCRIBING: Final = frozenset({"title", "description", "default", "example"})
_KEPT: Final[Mapping[str, type]] = {
    "default": object,
    "description": str,
    "example": object,
    "format": str,
    "maxItems": int,
    "maxLength": int,
    "maxProperties": int,
    "maximum": float,
    "minItems": int,
    "minLength": int,
    "minProperties": int,
    "minimum": float,
    "pattern": str,
    "propertyOrdering": list,
    "title": str,
}
"""Keywords that both have as they are, unless their values are of another type. Any number is a float here."""
_LOST: Final[Mapping[str, Any]] = {
    "additionalItems": True,
    "contains": True,
    "dependencies": {},
    "dependentRequired": {},
    "dependentSchemas": {},
    "else": True,
    "if": True,
    "multipleOf": None,
    "not": False,
    "patternProperties": {},
    "propertyNames": True,
    "then": True,
    "unevaluatedItems": True,
    "unevaluatedProperties": True,
    "uniqueItems": False,
}
"""Keywords that Google has nothing for, and what each says when it restricts nothing. What isn't named in this module
at all describes values only."""
_BOUNDS: Final = (("exclusiveMinimum", "minimum", 1), ("exclusiveMaximum", "maximum", -1))
_CHOICES: Final = ("anyOf", "oneOf")


class PlainSchema:
    """Puts one schema into plain terms. ``lost`` are the restricting keywords that went, in order."""

    def __init__(self, root: Any) -> None:
        self.lost: dict[str, None] = {}
        self._root = root
        self._within: list[str] = []
        """The references that are being resolved, the outermost first."""
        self._depths: Counter[str] = Counter()
        """How often each of them is."""
        self._budget = ReferenceBudget()
        self._nodes = 0

    def schema(self, value: Any) -> dict[str, Any]:
        """A schema in plain terms; one that takes anything in place of what is none."""
        if value is False:
            self.lost["false"] = None
        if not isinstance(value, dict):
            return {}
        depth = len(self._within)
        flat = self._without_null(self._flat(value))
        found = _CUT if _TOO_DEEP in flat and "type" not in flat else self._plain(flat)
        self._depths.subtract(self._within[depth:])
        del self._within[depth:]
        return found

    def _plain(self, flat: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {
            name: member for name, member in flat.items() if name in _KEPT and _is_a(_KEPT[name], member)
        }
        self._kinds(found, flat)
        self._values(found, flat)
        self._object(found, flat)
        self._array(found, flat)
        self._choice(found, flat)
        _infer_type(found)
        self._bounds(found, flat)
        for name, member in flat.items():
            if name in _LOST and member != _LOST[name]:
                self.lost[name] = None
        goes_on = found.get("items") is _CUT
        if goes_on:
            return _CUT
        return {name: found[name] for name in dict.fromkeys((*flat, *found)) if name in found}

    # One object of what is said in several places.

    def _flat(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """The schema's own members, those that it refers to and those of ``allOf``, merged."""
        self._nodes += bool(self._within)
        pointer, parts = value.get("$ref"), value.get("allOf")
        own = {name: member for name, member in value.items() if name not in {"$ref", "allOf"}}
        if not isinstance(pointer, str) and not isinstance(parts, list):
            return own
        merged = _Merged(self.lost)
        if isinstance(pointer, str):
            merged.add(self._referred(pointer))
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                merged.add(self._flat(part))
        merged.add(own)
        return merged.whole()

    def _referred(self, pointer: str) -> dict[str, Any]:
        """What a reference stands for, until it is found within itself too often."""
        target = self._resolve(pointer)
        is_spent = self._nodes >= _NODES or self._depths[pointer] >= _LEVELS
        if target is None or is_spent or not self._budget.admits(target):
            self.lost["$ref"] = None
            return {} if target is None else {_TOO_DEEP: True}
        self._within.append(pointer)
        self._depths[pointer] += 1
        return self._flat(target)

    def _resolve(self, pointer: str) -> dict[str, Any] | None:
        """The schema at a JSON Pointer within the root, as a URI's fragment holds it."""
        if pointer != "#" and not pointer.startswith("#/"):
            return None
        schema = pointed(self._root, unquote(pointer[1:]))
        return schema if isinstance(schema, dict) else None

    def _without_null(self, flat: dict[str, Any]) -> dict[str, Any]:
        """The same with null out of its choices; one that leaves no choice is none."""
        for name in _CHOICES:
            branches = flat.get(name)
            if not isinstance(branches, list):
                continue
            real = [branch for branch in branches if not _is_null(branch)]
            if len(real) < len(branches):
                flat = {**flat, name: real, "nullable": True}
            if len(real) == 1:
                rest = {key: member for key, member in flat.items() if key != name}
                flat = self._without_null(self._flat({"allOf": [real[0], rest]}))
        return flat

    # Its members.

    def _kinds(self, found: dict[str, Any], flat: Mapping[str, Any]) -> None:
        """The type, or the types, without null."""
        type_value = flat.get("type")
        kinds = [
            kind.lower()
            for kind in (type_value if isinstance(type_value, list) else [type_value])
            if isinstance(kind, str)
        ]
        real = [kind for kind in kinds if kind != "null"]
        if flat.get("nullable") is True or (real and len(real) < len(kinds)):
            found["nullable"] = True
        if kinds:
            found["type"] = (real or kinds)[0] if len(real) <= 1 else real

    def _values(self, found: dict[str, Any], flat: Mapping[str, Any]) -> None:
        values = [flat["const"]] if "const" in flat else flat.get("enum")
        if not isinstance(values, list):
            return
        real = [value for value in values if value is not None]
        if len(real) < len(values):
            found["nullable"] = True
        if real:
            found["enum"] = real

    def _object(self, found: dict[str, Any], flat: Mapping[str, Any]) -> None:
        members, required, more = (flat.get(name) for name in ("properties", "required", "additionalProperties"))
        required = required if isinstance(required, list) else []
        needed = frozenset(name for name in required if isinstance(name, str))
        if isinstance(members, dict) and members:
            plain = {name: self.schema(member) for name, member in members.items()}
            found["properties"] = {
                name: member for name, member in plain.items() if member is not _CUT or name in needed
            }
        if required:
            known = [name for name in required if isinstance(name, str) and name in found.get("properties", ())]
            if len(known) < len(required):  # one that isn't described is an error to Google
                self.lost["required"] = None
            found.update({"required": known} if known else {})
        if isinstance(more, bool):
            found["additionalProperties"] = more
        elif isinstance(more, dict):
            found["additionalProperties"] = self.schema(more) or True

    def _array(self, found: dict[str, Any], flat: Mapping[str, Any]) -> None:
        items, first = flat.get("items"), flat.get("prefixItems")
        if isinstance(items, list):  # before draft 2020-12
            items, first = None, items
        if isinstance(first, list):
            found["prefixItems"] = [self.schema(item) for item in first]
        if isinstance(items, dict | bool):
            found["items"] = self.schema(items)

    def _choice(self, found: dict[str, Any], flat: Mapping[str, Any]) -> None:
        choices = [flat[name] for name in _CHOICES if isinstance(flat.get(name), list) and flat[name]]
        if len(choices) > 1:
            self.lost["oneOf"] = None
        if choices:
            branches = [self.schema(branch) for branch in choices[0]]
            found["anyOf"] = [branch for branch in branches if branch is not _CUT] or branches

    def _bounds(self, found: dict[str, Any], flat: Mapping[str, Any]) -> None:
        """Bounds that exclude themselves: for an integer the next one, else themselves."""
        for name, bound, step in _BOUNDS:
            limit = flat.get(bound) if flat.get(name) is True else flat.get(name)
            if not _is_number(limit):
                continue
            if found.get("type") == "integer" and limit == int(limit):
                limit = int(limit) + step
            else:
                self.lost[name] = None
            other = found.get(bound)
            if flat.get(name) is not True and other is not None:
                limit = max(limit, other) if step > 0 else min(limit, other)
            found[bound] = limit


class _Merged:
    """The members of several schemas that all count, in the time that it takes to read them once."""

    __slots__ = ("_found", "_lost", "_properties", "_required")

    def __init__(self, lost: dict[str, None]) -> None:
        self._found: dict[str, Any] = {}
        self._lost = lost
        self._required: dict[str, Any] | None = None
        self._properties: dict[str, list[Any]] | None = None
        """The schemas of each member, once two parts have members."""

    def add(self, part: Mapping[str, Any]) -> None:
        """Add a part's members; what is only described counts as it is said last."""
        found = self._found
        for name, member in part.items():
            before = found.get(name)
            if name not in found or name in _DESCRIBING:
                found[name] = member
            elif name == "required" and isinstance(before, list) and isinstance(member, list):
                self._require(before, member)
            elif name == "properties" and isinstance(before, dict) and isinstance(member, dict):
                self._describe(before, member)
            elif before != member:
                self._lost["allOf"] = None
                found[name] = member
                self._forget(name)

    def whole(self) -> dict[str, Any]:
        """All of it as one schema."""
        if self._required is not None:
            self._found["required"] = list(self._required.values())
        if self._properties is not None:
            self._found["properties"] = {
                name: schemas[0] if len(schemas) == 1 else {"allOf": schemas}
                for name, schemas in self._properties.items()
            }
        return self._found

    def _require(self, before: list[Any], member: list[Any]) -> None:
        if self._required is None:
            self._required = {_key_of(each): each for each in before}
        for each in member:
            self._required.setdefault(_key_of(each), each)

    def _describe(self, before: dict[str, Any], member: dict[str, Any]) -> None:
        if self._properties is None:
            self._properties = {name: [schema] for name, schema in before.items()}
        for name, schema in member.items():
            schemas = self._properties.setdefault(name, [])
            if not schemas or schemas[-1] != schema:
                schemas.append(schema)

    def _forget(self, name: str) -> None:
        """A member was replaced by a value of another kind: what was merged of it is gone."""
        if name == "required":
            self._required = None
        elif name == "properties":
            self._properties = None


def _key_of(value: Any) -> str:
    """Equal for equal values of JSON; names are told apart from everything else."""
    return value if isinstance(value, str) else f"\0{value!r}"


def _is_a(kind: type, value: Any) -> bool:
    if kind is float:
        return _is_number(value)
    return isinstance(value, kind) and (kind is not int or not isinstance(value, bool))


def _is_number(value: Any) -> TypeGuard[float]:
    """A number that JSON can say: the standard library also reads infinities."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf


def _is_null(branch: Any) -> bool:
    if not isinstance(branch, dict):
        return False
    return branch.get("type") in ("null", ["null"]) or branch.get("const", 0) is None or branch.get("enum") == [None]


def _infer_type(found: dict[str, Any]) -> None:
    """The type where only its keywords say it."""
    if "type" in found or "anyOf" in found:
        return
    if "properties" in found or "additionalProperties" in found:
        found["type"] = "object"
    elif "items" in found or "prefixItems" in found:
        found["type"] = "array"
    elif "enum" in found and all(isinstance(value, str) for value in found["enum"]):
        found["type"] = "string"

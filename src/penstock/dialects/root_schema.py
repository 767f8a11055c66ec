"""A function's parameters for makers that refuse ``anyOf``, ``oneOf`` or ``allOf`` at a schema's root: Anthropic on
every host, and Nova.

MCP servers write ``{"type": "object", "properties": ..., "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}``. The
properties of all branches become the root's, and the rule is told in the function's description, where the model reads
it and nobody checks it. Source: docs/quirks.md#combinators-at-the-root.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.json_text import read_json, write_json

_COMBINATORS: Final = ("anyOf", "oneOf", "allOf")
_DEFINITIONS: Final = ("$defs", "definitions")
_LONGEST_RULE: Final = 4096
_DEEPEST: Final = 8
"""Levels of references and combinators that are looked into."""


class RootSchema(msgspec.Struct, frozen=True):
    """``data`` is the schema as JSON, ``lost`` the keywords that left the root, ``rule`` what they said, in words."""

    data: bytes
    lost: tuple[str, ...] = ()
    rule: str = ""

    def described(self, description: str) -> str:
        """A function's description with the rule."""
        return "\n\n".join(filter(None, (description, self.rule)))


def plain_root(data: bytes) -> RootSchema:
    """The schema with a plain object at its root; its own bytes where it is one already."""
    if not any(name in data for name in _MARKS):
        return RootSchema(data)
    try:
        root = read_json(data)
        if not isinstance(root, dict):
            return RootSchema(data)
        lost = tuple(name for name in _COMBINATORS if name in root)
        if not lost and root.get("type") == "object":
            return RootSchema(data)
        return _plain(root, lost)
    except (ValueError, RecursionError):
        return RootSchema(data)


_MARKS: Final = (*(f'"{name}"'.encode() for name in _COMBINATORS), b'"null"')


def _plain(root: dict[str, Any], lost: tuple[str, ...]) -> RootSchema:
    kept = {name: value for name, value in root.items() if name not in _COMBINATORS}
    own = root.get("properties")
    properties: dict[str, Any] = {**own} if isinstance(own, dict) else {}
    required = _required(root)
    for name in lost:
        branches = [_whole(branch, root, _DEEPEST) for branch in _objects(root[name])]
        for found, _ in branches:
            for member, schema in found.items():
                properties.setdefault(member, schema)
        needed = [names for _, names in branches]
        common = set().union(*needed) if name == "allOf" else set[str]().union(*needed[:1]).intersection(*needed)
        required += [each for names in needed for each in names if each in common and each not in required]
    required = list(dict.fromkeys(required))
    written = {**kept, "type": "object"}
    if properties:
        written["properties"] = properties
    if required:
        written["required"] = required
    rule = ""
    if lost:
        text = write_json({name: root[name] for name in lost}).decode("utf-8", "replace")
        rule = f"The arguments also match this JSON schema: {text}" if len(text) <= _LONGEST_RULE else ""
    return RootSchema(write_json(written), lost, rule)


def _whole(branch: Mapping[str, Any], root: Mapping[str, Any], levels: int) -> tuple[dict[str, Any], list[str]]:
    """A branch's properties and required members, with those of what it refers to."""
    found: dict[str, Any] = {}
    own = branch.get("properties")
    if isinstance(own, dict):
        found |= own
    needed = _required(branch)
    meant = _meant(branch.get("$ref"), root)
    inner = [meant] if meant is not None else []
    inner += [each for name in _COMBINATORS for each in _objects(branch.get(name))]
    for each in inner if levels else ():
        properties, more = _whole(each, root, levels - 1)
        found = {**properties, **found}
        if each is meant or each in _objects(branch.get("allOf")):
            needed += more
    return found, list(dict.fromkeys(needed))


def _meant(pointer: Any, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for name in _DEFINITIONS:
        defined, prefix = root.get(name), f"#/{name}/"
        if isinstance(pointer, str) and pointer.startswith(prefix) and isinstance(defined, dict):
            found = defined.get(pointer.removeprefix(prefix))
            return found if isinstance(found, dict) else None
    return None


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _required(schema: Mapping[str, Any]) -> list[str]:
    value = schema.get("required")
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []

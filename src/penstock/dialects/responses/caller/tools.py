"""The tools of a caller of Responses, and the choice among them.

Functions, free-text tools, tools in namespaces and tools that the caller's machine runs all become functions of unique
names; ``Tools.forms`` tells how their calls are written. Tools that OpenAI runs stay its own; some have a counterpart
elsewhere. Sources: OpenAI API reference, "Create a model response" (``tools``, ``tool_choice``); docs/responses.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.chat import NativeTool, Owner, Tool, ToolChoice, ToolForm, placed
from penstock.core.json_text import write_json
from penstock.dialects.free_text_tools import free_text_function
from penstock.dialects.malformed import Malformed, text_in
from penstock.dialects.responses.client_tools import CLIENT_TOOLS, TOOL_SEARCH, as_function

_FUNCTION_MEMBERS: Final = frozenset({"type", "name", "description", "parameters", "strict", "cache_control"})
_KINDS: Final[Mapping[str, str]] = {"web_search": "web_search", "code_interpreter": "code"}
"""The beginnings of types of tools that other makers have, too."""
_FREE: Final = frozenset({"function", "custom"})
_SEARCHES_FOR_TOOLS: Final = "Searches for more tools, which can be called afterwards."
_ENVIRONMENT: Final = "environment"
_CONTAINER: Final = "container_"
"""How the types of environments at OpenAI begin; the caller's own is ``local``."""
_LOCAL: Final[Mapping[str, Any]] = {"type": "local"}
_CHOICE: Final = 'auto, none, required, or an object such as {"type": "function", "name": NAME}'

_Named = tuple[str, str]
"""A namespace (empty for none) and a name in it."""


class Tools(msgspec.Struct, frozen=True):
    """``offered`` are all tools. ``names`` are the names of the functions among them by namespace and name; ``forms``
    those that aren't plain functions, by the function's name. ``dropped`` are paths of what is lost."""

    offered: tuple[Tool | NativeTool, ...] = ()
    names: Mapping[_Named, str] = {}
    forms: Mapping[str, ToolForm] = {}
    dropped: tuple[str, ...] = ()

    def name_of(self, namespace: str, name: str) -> str:
        """The function's name for a call that comes back. A tool that isn't offered any more keeps its own."""
        known = self.names.get((namespace, name))
        return known or (f"{namespace}__{name}" if namespace else name)


class _Declared(msgspec.Struct, frozen=True):
    """One tool as declared, with the namespace that holds it and its path."""

    namespace: str
    value: Mapping[str, Any]
    path: str

    @property
    def kind(self) -> str:
        return text_in(self.value.get("type")) or "function"

    @property
    def name(self) -> str:
        return text_in(self.value.get("name")) if self.kind in _FREE else self.kind

    @property
    def is_function(self) -> bool:
        """Whether the caller answers its calls: a shell may run in a container of OpenAI's, a search at OpenAI."""
        if self.kind == TOOL_SEARCH:
            return self.value.get("execution") == "client"
        if self.kind in CLIENT_TOOLS:
            environment = json_text.mapping(self.value, _ENVIRONMENT)
            return not text_in(environment.get("type")).startswith(_CONTAINER)
        return self.kind in _FREE


def read_tools(groups: Iterable[tuple[Any, str]]) -> Tools:
    """All tools of several lists, each with its path: the request's own, and those that its input adds. A tool that is
    declared again replaces the earlier one. Raises Malformed."""
    declared: dict[tuple[str, str, bool], _Declared] = {}
    dropped: list[str] = []
    for tools, path in groups:
        for each in _declared(tools, path, dropped):
            declared[(each.namespace, each.name, each.is_function)] = each
    counts = Counter(each.name for each in declared.values() if each.is_function)
    offered: list[Tool | NativeTool] = []
    names: dict[_Named, str] = {}
    forms: dict[str, ToolForm] = {}
    for each in declared.values():
        if not each.is_function:
            offered.append(placed(_native(each), each.path, len(offered)))
            continue
        is_plain = not each.namespace or counts[each.name] == 1
        name = each.name if is_plain else f"{each.namespace}__{each.name}"
        names[each.namespace, each.name] = name
        if each.kind != "function" or each.namespace:
            forms[name] = ToolForm(each.kind, each.name, each.namespace)
        offered.append(placed(_function(each, name), each.path, len(offered)))
    return Tools(tuple(offered), names, forms, tuple(dropped))


def _declared(tools: Any, path: str, dropped: list[str], namespace: str = "") -> Iterator[_Declared]:
    if tools is None:
        return
    if not isinstance(tools, list):
        raise Malformed(path, "an array of tools")
    for position, tool in enumerate(tools):
        place = f"{path}[{position}]"
        if not isinstance(tool, dict):
            raise Malformed(place, "an object")
        if tool.get("type") == "namespace":
            dropped += [f"{place}.description"] if tool.get("description") else []
            yield from _declared(tool.get("tools"), f"{place}.tools", dropped, text_in(tool.get("name")))
            continue
        each = _Declared(namespace, tool, place)
        if each.is_function and not each.name:
            raise Malformed(f"{place}.name", "a non-empty string")
        yield each


def _native(each: _Declared) -> NativeTool:
    """A tool of OpenAI's own; its type is the name by which a choice calls it."""
    alike = next((same for beginning, same in _KINDS.items() if each.kind.startswith(beginning)), "")
    return NativeTool(each.kind, {**each.value, "name": each.kind}, Owner.OPENAI, alike)


def _function(each: _Declared, name: str) -> Tool:
    value, path = each.value, each.path
    description = value.get("description")
    if not isinstance(description, str | None):
        raise Malformed(f"{path}.description", "a string")
    extras = {
        member: made
        for member, made in value.items()
        if member not in _FUNCTION_MEMBERS and made is not None and made != _LOCAL
    }
    if each.kind == "custom":
        free = free_text_function(name, description or "", json_text.mapping(value, "format"))
        extras.pop("format", None)
        return msgspec.structs.replace(free, extras={**free.extras, **extras})
    typed = as_function(each.kind)
    if typed is not None:
        return msgspec.structs.replace(typed, extras=extras)
    parameters = value.get("parameters")
    if not isinstance(parameters, dict | None):
        raise Malformed(f"{path}.parameters", "an object")
    schema = b"" if parameters is None else write_json(parameters)
    if each.kind == TOOL_SEARCH:
        return Tool(name, description or _SEARCHES_FOR_TOOLS, schema)
    strict, cache = value.get("strict"), value.get("cache_control")
    return Tool(
        name,
        description or "",
        schema,
        strict if isinstance(strict, bool) else None,
        cache if isinstance(cache, dict) else None,
        extras,
    )


# The choice.


def read_choice(value: Any, tools: Tools) -> ToolChoice | None:
    """The choice among the tools; None where none is made. Raises Malformed."""
    if value is None:
        return None
    if isinstance(value, str) and value in {"auto", "none", "required"}:
        return ToolChoice(value)  # type: ignore[arg-type]
    if not isinstance(value, dict):
        raise Malformed("tool_choice", _CHOICE)
    if value.get("type") == "allowed_tools":
        allowed = json_text.mappings(value.get("tools"))
        names = tuple(filter(None, (_chosen(each, tools) for each in allowed)))
        return ToolChoice("required" if value.get("mode") == "required" else "auto", names)
    name = _chosen(value, tools)
    if not name:
        raise Malformed("tool_choice", _CHOICE)
    return ToolChoice("required", (name,))


def _chosen(value: Mapping[str, Any], tools: Tools) -> str:
    """The name of the tool that a choice means: that of a function, or the type of any other."""
    kind, name = text_in(value.get("type")), text_in(value.get("name"))
    if kind not in _FREE:
        return kind or name
    namespace = text_in(value.get("namespace"))
    if namespace or ("", name) in tools.names:
        return tools.name_of(namespace, name)
    return next((flat for (_, own), flat in tools.names.items() if own == name), name)

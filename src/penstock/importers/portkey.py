"""Configs that were exported from Portkey: they are taken as they are (docs/configs.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core.json_text import UNREADABLE
from penstock.importers.imported import Conversion, Hosts, Imported, Names
from penstock.importers.report import Report

MOST_FILES: Final = 1000
_REFUSED: Final = frozenset("default_input_guardrails default_output_guardrails prompt_id".split())
"""Members that a config of Penstock's is refused for (docs/configs.md#one-target)."""
_GUARDS: Final = frozenset(
    """
    input_guardrails output_guardrails before_request_hooks after_request_hooks input_mutators output_mutators
    """.split()
)
"""Members that hold guards, which are taken over; those that are saved apart are named."""
_CREDENTIALS: Final = re.compile(r"api_?key|.*(secret|private_?key).*|.*token|.*account_?json", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_VIRTUAL_KEYS: Final = frozenset({"virtual_key", "virtualKey"})


def convert(documents: Mapping[str, Any], hosts: Hosts) -> Conversion:
    """What decoded configs by the names of their files would create, and the report."""
    imported, report, names = Imported(), Report(), Names()
    wanted: dict[str, str] = {}
    for file, document in documents.items():
        name, config, around = _config(document)
        if config is None:
            report.lost(file, "expected a config, or an object with one in its member config")
            continue
        if _is_refused(config, file, report):
            continue
        if (status := around.get("status", "active")) != "active":
            report.near(f"{file}.status", f"a config that is {str(status)[:64]} serves nobody there: it is left out")
            continue
        text = name or file
        is_free = _NAME.fullmatch(text) and all(text != each["name"] for each in imported.configs)
        slug = text if is_free else names.unique(text)
        imported.configs.append({"name": slug, "config": config})
        report.exact(file, f"config {slug}, as it is")
        if around.get("is_default"):
            report.near(
                f"{file}.is_default", f"to make it the default here: penstock config put {slug} --default --file FILE"
            )
        if around.get("name", text) != text:
            report.near(f"{file}.name", f"the config is shown as {slug}")
        _tell(config, file, report)
        for key, path in _virtual_keys(config, hosts):
            wanted.setdefault(key, f"{file}.{path}")
    for key, path in wanted.items():
        report.near(path, f"create the virtual key {key} before the config is used")
    imported.to_create = list(wanted)
    return Conversion(imported, report)


def _tell(config: dict[str, Any], file: str, report: Report) -> None:
    """Tell of the members that don't do what they did, or that need something done first."""
    for path in _semantic_caches(config):
        report.near(f"{file}.{path}", "served as exact matches")
    for path, name in _saved_guardrails(config):
        report.near(
            f"{file}.{path}", f"save the guardrail {name} first: without it requests with the config are refused"
        )
    for path in _clear_credentials(config):
        report.near(f"{file}.{path}", "a credential in clear: a virtual key would keep it out of the file")


def _config(document: Any) -> tuple[str | None, dict[str, Any] | None, dict[str, Any]]:
    """The name and the config of an export, and the members around it: it is the config itself, or what
    ``GET /configs/{slug}`` answers."""
    if not isinstance(document, dict):
        return None, None, {}
    inner = document.get("config", document.get("data"))
    if isinstance(inner, dict) and "config" in inner:
        return _config(inner)
    name = document.get("slug") or document.get("name")
    name = name if isinstance(name, str) else None
    if inner is None:
        return name, document, {}
    if isinstance(inner, str):
        try:
            inner = msgspec.json.decode(inner)
        except UNREADABLE:
            return name, None, {}
    return name, inner if isinstance(inner, dict) else None, document


def _is_refused(config: dict[str, Any], file: str, report: Report) -> bool:
    """Whether the config holds what Penstock refuses; its checks are not taken away in silence."""
    found = [path for path, key, value in _members(config) if key in _REFUSED and value]
    for path in found:
        report.lost(f"{file}.{path}", "Penstock refuses it: the config is left out")
    return bool(found)


def _virtual_keys(config: dict[str, Any], hosts: Hosts) -> Iterator[tuple[str, str]]:
    """The virtual keys that a config names, and where."""
    for path, key, value in _members(config):
        if not isinstance(value, str):
            continue
        if key in _VIRTUAL_KEYS:
            yield value.removeprefix("@"), path
        elif key == "provider" and value.startswith("@") and hosts.slug(value[1:]) is None:
            yield value[1:], path
        elif key == "model" and value.startswith("@") and "/" in value:
            slug = value[1:].partition("/")[0]
            if hosts.slug(slug) is None:
                yield slug, path


def _saved_guardrails(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The saved guardrails that a config names, and where."""
    for path, key, value in _members(config):
        for index, item in enumerate(value if key in _GUARDS and isinstance(value, list) else ()):
            if isinstance(item, str):
                yield f"{path}[{index}]", item


def _semantic_caches(config: dict[str, Any]) -> Iterator[str]:
    for path, key, value in _members(config):
        if key == "cache" and isinstance(value, dict) and value.get("mode") == "semantic":
            yield f"{path}.mode"


def _clear_credentials(config: dict[str, Any]) -> Iterator[str]:
    for path, key, value in _members(config):
        if isinstance(value, str) and value and _CREDENTIALS.fullmatch(key):
            yield path


def _members(config: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """All members at any depth: path, name, value."""
    left: list[tuple[str, Any]] = [("", config)]
    while left:
        path, value = left.pop()
        if isinstance(value, list):
            left += [(f"{path}[{index}]", item) for index, item in reversed(list(enumerate(value)))]
        elif isinstance(value, dict):
            for key, inner in value.items():
                where = f"{path}.{key}" if path else key
                yield where, key, inner
                left.append((where, inner))

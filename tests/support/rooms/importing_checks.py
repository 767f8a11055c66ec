"""What must hold of everything that an importer makes, whatever its source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from penstock.importers.imported import Imported
from penstock.importers.report import Report
from penstock.limits.validate import LimitOwner, Reading

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def check_bodies(imported: Imported) -> None:
    """Limits are valid, references lead somewhere, names are names and there once."""
    integrations = [each["slug"] for each in imported.integrations]
    providers = [each["slug"] for each in imported.providers]
    configs = [each["name"] for each in imported.configs]
    for names in (integrations, providers, configs, [each["name"] for each in imported.api_keys]):
        assert len(set(names)) == len(names)
    assert all(SLUG.fullmatch(name) for name in (*integrations, *providers))
    assert {each["integration_id"] for each in imported.providers} <= set(integrations)
    assert {each["integration"] for each in imported.models} <= set(integrations)
    assert imported.default_config is None or imported.default_config in configs
    for key in imported.api_keys:
        assert DIGEST.fullmatch(key["digest"])
        assert key["defaults"].get("config_id") in {None, *configs}
    for body in (*imported.providers, *imported.api_keys, imported.workspace):
        check_limits(body)
    for policy in imported.usage_policies:
        check_limits({"usage_limits": {key: policy[key] for key in policy.keys() - {"name", "conditions", "group_by"}}})
    for policy in imported.rate_policies:
        check_limits(
            {"rate_limits": [{key: policy[key] for key in policy.keys() - {"name", "conditions", "group_by"}}]}
        )


def check_limits(body: dict[str, Any]) -> None:
    reading = Reading(LimitOwner("api_key", "k"))
    reading.usage_limits(body.get("usage_limits"))
    reading.rate_limits(body.get("rate_limits"))
    reading.concurrency_limit(body.get("concurrency_limit"))
    assert reading.problems == []


def unreported(values: Any, report: Report) -> list[str]:
    """The paths of a document's values that no line of a report is about: the value, what it stands in, or a part."""
    told = {line.path for line in report.lines}
    around = {above for path in told for above in _above(path)}
    return [path for path in _paths(values, "") if path not in around and not told & {path, *_above(path)}]


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for index, item in enumerate(value):
            yield from _paths(item, f"{path}[{index}]")
    elif value is not None:
        yield path


def _above(path: str) -> Iterator[str]:
    while path:
        yield path
        path = re.sub(r"(\.[^.\[]*|\[\d+\]|^[^.\[]+)$", "", path)

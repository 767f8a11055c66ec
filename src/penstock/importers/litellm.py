"""LiteLLM's config.yaml as what Penstock would create. Source: https://docs.litellm.ai/docs/proxy/configs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from penstock.importers.accounts import References
from penstock.importers.imported import Conversion, DigestOf, Hosts, Imported, api_key
from penstock.importers.litellm_branches import MOST_TARGETS, Branches
from penstock.importers.litellm_deployments import Deployment, DeploymentReader
from penstock.importers.litellm_hosts import variable_in
from penstock.importers.litellm_rows import CONFIG, RowReader, Rows
from penstock.importers.litellm_settings import SettingsReader, default_concurrency
from penstock.importers.report import Report
from penstock.importers.routes import LONGEST_PATTERNS, MOST_PATTERNS
from penstock.importers.section import Section

_SHORT: Final = 20
"""Characters of a key that nobody guesses."""
_MASTER_KEY: Final = "litellm-master"
_LOST: Final = {
    "include": "other files are not read: put them together first",
    "guardrails": "guardrails are set up anew: docs/guardrails.md has the checks",
    "prompts": "prompts are not built",
    "mcp_servers": "tools of MCP servers are not served",
    "vector_store_registry": "vector stores are not served",
    "search_tools": "search tools are not served",
    "files_settings": "files go to the provider that a request names, with its credential",
    "finetune_settings": "jobs go to the provider that a request names, with its credential",
    "callback_settings": "there are no callbacks",
}


def convert(document: Any, hosts: Hosts, digest_of: DigestOf, rows: Rows | None = None) -> Conversion:
    """What a decoded config.yaml would create, and the report. ``digest_of`` is asked for the master key; ``rows`` are
    those of LiteLLM's database."""
    imported, report = Imported(), Report()
    if not isinstance(document, dict):
        report.lost("config.yaml", "expected an object")
        return Conversion(imported, report)
    root = Section(document, "", report)
    branches = _branches(root, hosts, imported)
    config = branches.config()
    if config is not None:
        imported.configs.append({"name": CONFIG, "config": config, "is_default": 1})
        imported.default_config = CONFIG
    elif "model_list" not in root:
        report.lost("model_list", "the file lists no models")
    _master_key(root, imported, digest_of)
    if rows is not None:
        RowReader(rows, branches, imported, report).read()
    return Conversion(imported, report)


def _branches(root: Section, hosts: Hosts, imported: Imported) -> Branches:
    report = root.report
    references = References(imported, report, variable_in)
    reader = DeploymentReader(hosts, imported, report, references)
    for section in root.sections("credential_list"):
        _credential(section, reader)
    concurrency = default_concurrency(root)
    if concurrency is not None:
        path, number = concurrency
        reader.concurrency = number
        report.exact(path, "concurrency_limit of every provider without one of its own")
        _drop(root, path)
    deployments = _usable(reader.read(root), report)
    settings = SettingsReader(imported, report, {each.name for each in deployments})
    routing = settings.read(root)
    environment = root.section("environment_variables")
    for name in environment.values:
        environment.value(name)
        report.near(environment.at(name), "set it where the gateway starts")
    root.lose(_LOST, needs_consent=True)
    root.value("general_settings")
    root.finish()
    return Branches(deployments, routing, report)


def _drop(root: Section, path: str) -> None:
    """Take a member out that is read already."""
    name, _, key = path.partition(".")
    root.values[name] = {other: value for other, value in root.values[name].items() if other != key}


def _credential(section: Section, reader: DeploymentReader) -> None:
    name, values = section.text("credential_name"), section.value("credential_values")
    if name is None or not isinstance(values, dict):
        section.report.lost(section.path, "a credential needs credential_name and credential_values")
        return
    reader.credentials[name] = values
    section.report.exact(section.path, "credential of the deployments that name it")
    section.finish_near("a description")


def _usable(deployments: Sequence[Deployment], report: Report) -> list[Deployment]:
    """As many deployments, and as many wildcards, as a config can have."""
    found: list[Deployment] = []
    wildcards: set[str] = set()
    for each in deployments:
        more = {*wildcards, each.name} if each.name.endswith("*") else wildcards
        if len(found) == MOST_TARGETS:
            report.lost("model_list", f"there are more than {MOST_TARGETS} deployments: {each.name} is left out")
        elif len(more) > MOST_PATTERNS or sum(map(len, more)) * 2 > LONGEST_PATTERNS:
            report.lost("model_list", f"there are more wildcards than a config can have: {each.name} is left out")
        else:
            found.append(each)
            wildcards = more
    return found


def _master_key(root: Section, imported: Imported, digest_of: DigestOf) -> None:
    """The key that LiteLLM's administrators have and that calls models, too. Without one LiteLLM asks nobody."""
    values = root.values.get("general_settings")
    value = values.get("master_key") if isinstance(values, dict) else None
    path, report = "general_settings.master_key", root.report
    if value is None:
        report.near(path, "LiteLLM asks nobody for a key; Penstock then serves this machine only, unless open is set")
        return
    imported.blocks_callers = True
    variable = variable_in(value) if isinstance(value, str) else None
    if not isinstance(value, str):
        report.lost(path, "expected text", needs_consent=True)
        return
    digest = hashlib.sha256(value.encode()).hexdigest() if variable is None else digest_of(variable)
    if digest is None:
        text = f"{variable} is not set here: set it and import again, so that its holder is let in"
        report.lost(path, text, needs_consent=True)
        return
    weak = "" if variable is not None or len(value) >= _SHORT else "; it is short: replace it by a longer one"
    report.near(path, f"the key calls models as before, and administers nothing{weak}")
    imported.api_keys.append(api_key(_MASTER_KEY, digest, imported.default_config))

"""What is imported as rows of the control plane's database. What it can't hold is a line of the report."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import msgspec

from penstock.importers.accounts import in_clear
from penstock.importers.imported import Body, Conversion, Imported
from penstock.importers.report import Report

_MOST_LABELS: Final = 20
_LONGEST_LABEL: Final = 64
_LONGEST_METADATA: Final = 128
_STORED: Final = "it stands in the file in clear; it is stored encrypted"


def fit_database(conversion: Conversion, is_past: Callable[[str], bool]) -> Imported:
    """What can be stored of an import; ``is_past`` judges a time as text. Adds to the report."""
    imported, report = conversion.imported, conversion.report
    for provider in imported.identities:
        text = "keys of the database don't borrow the gateway's own identity: give its integration a credential"
        report.lost(f"database {provider}", text)
    if imported.default_config is not None and not imported.api_keys:
        text = f"callers need a gateway key here; {imported.default_config} is the default of those you make"
        report.near("database", text, needs_consent=True)
    balances = [each for each in imported.opening_balances if "owner" in each]
    if len(balances) < len(imported.opening_balances):
        report.near("database policies", "what was used before is counted for keys, teams and end users alone")
    if balances:
        report.near("database", "what was used before counts from the gateway's next start on, with counters in memory")
    _tell_stored(report, [in_clear(name) for name in imported.secrets])
    return msgspec.structs.replace(
        imported,
        models=[_models(each, report) for each in imported.models],
        api_keys=[key for each in imported.api_keys if (key := _key(each, report, is_past)) is not None],
        default_config=None if imported.api_keys else imported.default_config,
        opening_balances=balances,
    )


def _tell_stored(report: Report, remarks: Collection[str]) -> None:
    """Have the lines with these remarks say what becomes of the credential here."""
    for index, line in enumerate(report.lines):
        remark = next((each for each in remarks if each in line.text), None)
        if remark is not None:
            report.lines[index] = msgspec.structs.replace(line, text=line.text.replace(remark, _STORED))


def _models(each: Body, report: Report) -> Body:
    body = each["body"]
    disabled = [model["slug"] for model in body["models"] if not model["enabled"]]
    if not body["allow_all_models"] or not disabled:
        return each
    text = f"single models can't be taken away from all of them: {', '.join(disabled)}"
    report.lost(f"database integrations.{each['integration']}", text, needs_consent=True)
    kept = [model for model in body["models"] if model["enabled"]]
    return {**each, "body": {**body, "models": kept}}


def _key(body: Body, report: Report, is_past: Callable[[str], bool]) -> Body | None:
    path = f"database keys.{body['name']}"
    expires_at = body.get("expires_at")
    if expires_at is not None and is_past(expires_at):
        report.exact(path, f"left out: it expired at {expires_at}")
        return None
    body = {**body, "defaults": dict(body["defaults"])}
    for place, name, longest in ((body, "labels", _LONGEST_LABEL), (body["defaults"], "metadata", _LONGEST_METADATA)):
        if place.get(name):
            place[name] = _fitting(place[name], longest, f"{path} {name}", report)
    return body


def _fitting(values: Mapping[str, Any], longest: int, path: str, report: Report) -> dict[str, Any]:
    fitting = {name: value for name, value in values.items() if name and max(len(name), len(value)) <= longest}
    fitting = dict(list(fitting.items())[:_MOST_LABELS])
    if len(fitting) < len(values):
        report.near(path, f"{_MOST_LABELS} at most, of {longest} characters")
    return fitting

"""What a saved guardrail must be: a guard that judges requests, answers, or either."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from penstock.core.json_text import write_json
from penstock.stores.catalogue import NAME, SavedGuardrail
from penstock.stores.config_definitions import Check
from penstock.stores.definition import REFERENCES, Definition, Unusable

_PHASES: Final = ("before_request_hooks", "after_request_hooks")


def problem_of(guardrail: Mapping[str, Any], check: Check | None) -> str | None:
    """Why a guardrail can't be used, neither for requests nor for answers; None if it can."""
    if check is None:
        return None
    problems = [check(write_json({phase: [{"checks": [], **_flat(guardrail)}]}), {}) for phase in _PHASES]
    return problems[0] if all(problems) else None


def _flat(guardrail: Mapping[str, Any]) -> dict[str, Any]:
    """A guardrail whose actions stand beside its checks, as in a config."""
    members = {name: value for name, value in guardrail.items() if name != "actions"}
    actions = guardrail.get("actions")
    return {**actions, **members} if isinstance(actions, dict) else members


def saved_guardrails(
    definitions: Iterable[Definition], check: Check | None, resolve: Callable[[str], str]
) -> dict[str, SavedGuardrail]:
    """The guardrails of the operator's file, by name and by id. ``resolve`` fetches what a reference in their
    credentials (``env:LAKERA_API_KEY``) leads to, or raises Unusable."""
    guardrails: dict[str, SavedGuardrail] = {}
    for definition in definitions:
        values = {name: value for name, value in definition.values.items() if name != "id"}
        try:
            values = _with_credentials(values, resolve, is_credential=False)
        except Unusable as unusable:
            definition.complain(str(unusable), "credentials")
            continue
        try:
            body = write_json(values)
        except (TypeError, msgspec.MsgspecError):
            definition.complain("it holds a value that JSON has no word for")
            continue
        problem = problem_of(values, check)
        if problem is not None:
            definition.complain(problem)
        saved = SavedGuardrail(definition.name, body)
        guardrails[definition.name] = saved
        id_ = definition.text("id")
        if id_ is not None and NAME.fullmatch(id_):
            guardrails.setdefault(id_, saved)
        elif id_ is not None:
            definition.complain("an id has letters, digits, dots, dashes and underscores", "id")
    return guardrails


def _with_credentials(value: Any, resolve: Callable[[str], str], *, is_credential: bool) -> Any:
    """A value in which the references below ``credentials`` are what they lead to."""
    if isinstance(value, dict):
        return {
            name: _with_credentials(each, resolve, is_credential=is_credential or name == "credentials")
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_with_credentials(each, resolve, is_credential=is_credential) for each in value]
    is_reference = is_credential and isinstance(value, str) and value.startswith(REFERENCES)
    return resolve(value) if is_reference else value

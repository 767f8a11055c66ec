"""What a saved guardrail must be: a guard that judges requests, answers, or either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from penstock.core.json_text import write_json
from penstock.stores.catalogue import NAME, SavedGuardrail
from penstock.stores.validate import Check, Definition

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


def saved_guardrails(definitions: Iterable[Definition], check: Check | None) -> dict[str, SavedGuardrail]:
    """The guardrails of the operator's file, by name and by id."""
    guardrails: dict[str, SavedGuardrail] = {}
    for definition in definitions:
        values = {name: value for name, value in definition.values.items() if name != "id"}
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

from typing import Any

import pytest

from judging import hooks_of
from penstock.guards.plan import HookType, StreamMode
from penstock.guards.stream_modes import alters, mode_problems

WORDS: dict[str, Any] = {"contains": {"words": ["bad"], "operator": "none"}}
LONG: dict[str, Any] = {"wordCount": {"maxWords": 9}}
REPLACE: dict[str, Any] = {"regexReplace": {"rule": "/bad/g"}}
WEBHOOK: dict[str, Any] = {"webhook": {"webhookURL": "https://a.example/"}}
AFTER, HOLD, WINDOW = StreamMode.AFTER, StreamMode.HOLD, StreamMode.WINDOW


@pytest.mark.parametrize(
    ("hook", "kind", "is_altering", "impossible"),
    [
        (WORDS, HookType.GUARDRAIL, False, set()),
        (LONG, HookType.GUARDRAIL, False, {HOLD}),
        (REPLACE, HookType.GUARDRAIL, True, {AFTER, WINDOW}),
        (WEBHOOK, HookType.GUARDRAIL, False, {HOLD, WINDOW}),
        (WEBHOOK, HookType.MUTATOR, True, {AFTER, HOLD, WINDOW}),
        ({**REPLACE, **LONG}, HookType.GUARDRAIL, True, {AFTER, HOLD, WINDOW}),
    ],
)
def test_modes(hook: dict[str, Any], kind: HookType, is_altering: bool, impossible: set[StreamMode]) -> None:
    _, [made] = hooks_of({"output_guardrails": [hook]})
    assert alters(kind, made.checks) is is_altering
    assert set(mode_problems(made.checks, is_altering=is_altering)) == impossible

"""What guards of a config say and can hardly mean."""

from __future__ import annotations

from typing import Any

import pytest

from commands import run
from config_commands import written

ECHO: dict[str, Any] = {"provider": "echo"}
NONE = {"words": ["a"], "operator": "none"}


def suspected(config: dict[str, Any]) -> list[str]:
    result = run("check", written("c.json", config))
    assert result.exit_code == 0, result.output
    return [line.split("warning: ")[1] for line in result.output.splitlines() if "warning: " in line]


@pytest.mark.parametrize(
    ("config", "path", "text"),
    [
        (
            {**ECHO, "output_guardrails": [{"regexReplace": {"rule": "a"}}]},
            "output_guardrails[0].regexReplace.rule",
            "flag g",
        ),
        (
            {
                **ECHO,
                "before_request_hooks": [{"checks": [{"id": "default.regexReplace", "parameters": {"rule": "/a/i"}}]}],
            },
            "before_request_hooks[0].checks[0].parameters.rule",
            "flag g",
        ),
        (
            {"targets": [{**ECHO, "input_guardrails": [{"wordCount": {"minWords": "2"}}]}]},
            "targets[0].input_guardrails[0].wordCount.minWords",
            "counts as the number",
        ),
        (
            {**ECHO, "output_guardrails": [{"id": "mine", "wordCount": {"maxWords": 9}, "deny": True}]},
            "config",
            "the guard mine: it denies no stream",
        ),
    ],
)
def test_a_suspicion(config: dict[str, Any], path: str, text: str) -> None:
    [told] = suspected(config)
    assert told.removeprefix("config.").startswith(f"{path}: ")
    assert text in told


@pytest.mark.parametrize(
    "config",
    [
        {**ECHO, "output_guardrails": [{"regexReplace": {"rule": "/a/g"}}]},
        {**ECHO, "output_guardrails": [{"contains": NONE, "deny": True}]},
        {**ECHO, "output_guardrails": [{"wordCount": {"maxWords": 9}, "deny": True, "stream": "buffer"}]},
        {**ECHO, "output_guardrails": [{"wordCount": {"maxWords": 9}}]},
        {**ECHO, "output_guardrails": [{"wordCount": {"maxWords": 9}, "deny": True, "mode": "shadow"}]},
        {
            **ECHO,
            "input_guardrails": [{"wordCount": {"maxWords": 9}, "deny": True, "on_fail": {"feedback": {"value": 1}}}],
        },
    ],
)
def test_no_suspicion(config: dict[str, Any]) -> None:
    assert suspected(config) == []

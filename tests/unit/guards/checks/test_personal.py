"""The check for personal data: its streams, and what its parameters refuse (detect/ tests what it finds)."""

from __future__ import annotations

from judging import guards_of, hooks_of, prepared, refused
from penstock.guards.plan import StreamMode


def test_a_check_that_only_looks_may_judge_in_any_mode() -> None:
    for mode in StreamMode:
        hooks_of({"output_guardrails": [{"penstock.pii": {}, "stream": mode.value}]})
    _, problems = guards_of({"output_guardrails": [{"penstock.pii": {"redact": True}, "stream": "after"}]})
    assert problems == ["config.output_guardrails[0].stream"]


def test_it_sees_the_whole_conversation_unless_told_otherwise() -> None:
    [hook], _ = hooks_of({"input_guardrails": [{"penstock.pii": {}}]})
    assert hook.checks[0].scope.of == "all"
    [hook], _ = hooks_of({"input_guardrails": [{"penstock.pii": {"scope": "last"}}]})
    assert hook.checks[0].scope.of == "last"


def test_two_that_restore_run_one_after_the_other() -> None:
    two = {"penstock.pii": {"redact": True, "restore": True}, "penstock.secrets": {"redact": True, "restore": True}}
    assert guards_of({"input_guardrails": [two]})[1] == ["config.input_guardrails[0].sequential"]
    assert guards_of({"input_guardrails": [{**two, "sequential": True}]})[1] == []
    answers = {"output_guardrails": [{"penstock.pii": {"redact": True, "restore": True}}]}
    assert guards_of(answers)[1] == ["config.output_guardrails[0].penstock.pii.restore"]


def test_parameters() -> None:
    assert prepared("penstock.pii", {"redact": True, "restore": True}).restores
    assert refused("penstock.pii", {"allow": ["/(/"]}) == "p.allow"
    assert refused("penstock.pii", {"entity": ["email"]}) == "p.entity"

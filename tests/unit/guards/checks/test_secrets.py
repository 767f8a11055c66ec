"""The check for credentials (detect/ tests what it finds)."""

from __future__ import annotations

from judging import hooks_of, judged, refused

KEY = "ghp_" + "a1B2" * 9


def test_kinds_are_those_of_credentials() -> None:
    assert judged("penstock.secrets", {"kinds": ["jwt"]}, KEY).verdict
    assert not judged("penstock.secrets", {"kinds": ["GITHUB-TOKEN"]}, KEY).verdict
    assert refused("penstock.secrets", {"kinds": ["text"]}) == "p.kinds"
    [hook], _ = hooks_of({"input_guardrails": [{"penstock.secrets": {"kinds": ["jwt"]}, "kinds": ["text"]}]})
    assert hook.checks[0].scope.kinds is not None


def test_a_credential_is_masked() -> None:
    judgement = judged("penstock.secrets", {"redact": True}, f"use {KEY}")
    assert judgement.verdict
    assert [edit.replacement for edit in judgement.edits] == ["[GITHUB_TOKEN]"]

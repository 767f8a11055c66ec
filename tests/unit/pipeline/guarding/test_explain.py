"""Guards in explanations and in tests of configs: which judge, what they say, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commands import run
from penstock.cli.rehearsal import Ask, Rehearsal
from penstock.routing.explain import Explanation


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(word: str, **more: Any) -> dict[str, Any]:
    return {"default.contains": {"words": [word], "operator": "none"}, **more}


ONE = {"provider": "openai", "api_key": "k"}
MASK = {"default.regexReplace": {"rule": "/[0-9]{3}/g"}, "id": "mask"}


def explained(config: dict[str, Any], text: str | None = "bad", answer: Any = None, **more: Any) -> Explanation:
    body = None if text is None else {"model": "m", "messages": [{"role": "user", "content": text}]}
    ask = Ask(json.dumps(config).encode(), request=None if body is None else json.dumps(body).encode(), answer=answer)
    for name, value in more.items():
        ask = type(ask)(**{each: getattr(ask, each) for each in ask.__struct_fields__} | {name: value})
    found = Rehearsal.here().explain(ask)
    assert isinstance(found, Explanation), found
    return found


def verdicts(found: Explanation) -> list[tuple[str, str, str | None]]:
    return [(each.target, each.guard, each.verdict) for each in found.guards]


def test_a_denied_request() -> None:
    found = explained({**ONE, "input_guardrails": [words("bad", id="g", deny=True)]})
    assert (found.status, found.result, verdicts(found)) == (446, "hooks_failed", [("config", "g", "denied")])
    found = explained({**ONE, "input_guardrails": [words("bad", id="g", deny=True, soft_deny_200=True)]})
    assert (found.status, found.result) == (200, "hooks_failed")


def test_a_fallback_after_a_denial() -> None:
    targets = [{**ONE, "input_guardrails": [words("bad", id="g", deny=True)]}, ONE]
    found = explained({"strategy": {"mode": "fallback"}, "targets": targets})
    assert (found.status, found.target) == (200, "targets[1]")


def test_a_marked_answer_and_a_denied_one() -> None:
    found = explained({**ONE, "output_guardrails": [words("bad", id="g")]}, "hi", "so bad")
    assert (found.status, verdicts(found)) == (246, [("config", "g", "failed")])
    found = explained({**ONE, "output_guardrails": [words("bad", id="g", deny=True)]}, "hi", "so bad")
    assert (found.status, verdicts(found)) == (446, [("config", "g", "denied")])


def test_a_verdict_on_an_answer_is_asked_for_again() -> None:
    retry = {"attempts": 1, "on_status_codes": [446]}
    found = explained({**ONE, "retry": retry, "output_guardrails": [words("bad", deny=True)]}, "hi", "so bad")
    assert found.attempts == 2
    found = explained({**ONE, "retry": retry, "input_guardrails": [words("bad", deny=True)]})
    assert found.attempts == 1


def test_what_guards_leave() -> None:
    config = {**ONE, "input_mutators": [MASK], "output_guardrails": [{**MASK, "id": "out"}]}
    found = explained(config, "call 123", b'{"choices": [{"index": 0, "message": {"content": "456"}}]}')
    assert [(each.guard, each.verdict, each.changed) for each in found.guards] == [
        ("mask", "changed", "call [REDACTED]"),
        ("out", "changed", "[REDACTED]"),
    ]


def test_nobody_is_asked() -> None:
    hook = {"default.webhook": {"webhookURL": "https://hook.test"}, "id": "g", "deny": True}
    config = {**ONE, "input_guardrails": [hook]}
    assert verdicts(explained(config)) == [("config", "g", "unknown")]
    assert explained(config).status == 200
    told = explained(config, verdicts={"default.webhook": False})
    assert (told.status, verdicts(told)) == (446, [("config", "g", "denied")])
    assert verdicts(explained(config, verdicts={"default.webhook": "down"})) == [("config", "g", "passed")]


def test_guards_that_judge_nothing() -> None:
    guards = [words("bad", id="a", deny=True, mode="shadow"), words("bad", id="b", **{"async": True})]
    found = explained({**ONE, "input_guardrails": guards})
    assert (found.status, verdicts(found)) == (200, [("config", "a", "would_deny"), ("config", "b", "would_fail")])
    assert [each.manner for each in found.guards] == ["shadow", "async"]
    assert verdicts(explained({**ONE, "input_guardrails": guards[:1]}, None)) == [("config", "a", None)]


def test_the_commands(folder: Path) -> None:
    guards = {"input_guardrails": [words("internal", id="internal", deny=True)], "output_guardrails": [MASK]}
    (folder / "guarded.json").write_text(json.dumps({**ONE, **guards}))
    asked = {"model": "m", "messages": [{"role": "user", "content": "An internal matter"}]}
    (folder / "request.json").write_text(json.dumps(asked))
    told = run("explain", "guarded.json", "--request", "request.json").output
    assert "  request internal (default.contains) denies: denied\n" in told
    assert "  answer mask (default.regexReplace) marks, streams: hold\n" in told
    (folder / "t.toml").write_text("""
config = "guarded.json"

[[test]]
name = "denied"
request = { model = "m", messages = [{ role = "user", content = "internal" }] }
guards = { internal = "denied" }
status = 446

[[test]]
name = "masked"
request = { model = "m", messages = [{ role = "user", content = "hi" }] }
answer = "It is 123."
guards = { internal = "passed", mask = "changed" }
given = "It is [REDACTED]."

[[test]]
name = "wrong"
request = { model = "m", messages = [{ role = "user", content = "hi" }] }
guards = { internal = "denied", other = "passed" }
sent = "ho"
""")
    result = run("test", "t.toml")
    assert result.output.splitlines() == [
        "ok    denied",
        "ok    masked",
        "FAIL  wrong",
        "      guard internal: expected denied, found passed",
        "      guard other: expected passed, found no such guard",
        "      sent: expected 'ho', found no change",
        "2 passed, 1 failed",
    ]

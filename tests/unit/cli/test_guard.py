"""``penstock guard backtest``: verdicts over lines of the past, and files that are no good."""

import json
from pathlib import Path

import pytest

from commands import run

SETTINGS = """
[guardrails.words]
checks = [
    { id = "contains", parameters = { words = ["bad"], operator = "none" } },
    { id = "regexReplace", parameters = { rule = "/Ann/g" } },
    { id = "webhook", parameters = { webhookURL = "https://hook.test" } },
]
deny = true
sequential = true

[guardrails.models]
checks = [{ id = "modelWhitelist", parameters = { models = ["m"] } }]
"""


def asks(text: str) -> dict[str, object]:
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "penstock.toml").write_text(SETTINGS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_a_guard_would_have_done(folder: Path) -> None:
    answer = {"choices": [{"message": {"role": "assistant", "content": "a bad answer"}}]}
    lines = [asks("good"), asks("bad"), asks("I am Ann"), {"request": asks("good"), "response": answer}]
    log = "\n".join(json.dumps(line) for line in lines) + "\n"
    (folder / "log.jsonl").write_text(log, encoding="utf-8")
    done = run("guard", "backtest", "words", "--log", "log.jsonl")
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "5 judged: 2 (40.0%) denied, 1 (20.0%) changed",
        (
            "default.contains: 2 (40.0%) failed, 0 (0.0%) changed, 0 (0.0%) could not judge; "
            "fails at line 2 (request), line 4 (answer)"
        ),
        "default.regexReplace: 0 (0.0%) failed, 1 (20.0%) changed, 0 (0.0%) could not judge",
        "default.webhook: 0 (0.0%) failed, 0 (0.0%) changed, 5 (100.0%) could not judge",
    ]
    assert run("guard", "backtest", "words", "--log", "-", stdin=log).output == done.output


def test_no_text_is_shown(folder: Path) -> None:
    assert folder.exists()
    log = json.dumps(asks("a bad canary-4711, Ann")) + "\n" + json.dumps(asks("canary-4711")) + "\n{canary-4711\n"
    done = run("guard", "backtest", "words", "--log", "-", stdin=log)
    assert "canary" not in done.output


def test_no_lines(folder: Path) -> None:
    assert folder.exists()
    done = run("guard", "backtest", "models", "--log", "-", stdin="\n")
    assert (done.exit_code, done.output) == (0, "0 judged: 0 denied, 0 changed\n")


BAD_ANSWERS = {
    "chat": {"choices": [{"message": {"role": "assistant", "content": "bad"}}]},
    "gemini": {"candidates": [{"content": {"parts": [{"text": "bad"}]}}]},
    "messages": {"content": [{"type": "text", "text": "bad"}]},
    "converse": {"output": {"message": {"role": "assistant", "content": [{"text": "bad"}]}}},
    "responses": {"output": [{"type": "message", "content": [{"type": "output_text", "text": "bad"}]}]},
    "complete": {"choices": [{"text": "bad"}]},
}


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (asks("bad"), "chat"),
        ({"contents": [{"parts": [{"text": "bad"}]}]}, "gemini"),
        ({"messages": [], "system": "bad"}, "messages"),
        ({"messages": [], "system": [{"text": "bad"}]}, "converse"),
        ({"input": "bad"}, "responses"),
        ({"input": ["good", "bad", [1, 2]]}, None),
        ({"prompt": "bad"}, "complete"),
        ({"query": "good", "documents": [{"text": "bad"}]}, None),
    ],
)
def test_every_wire_is_read_also_as_text(folder: Path, request_: dict[str, object], answer: str | None) -> None:
    assert folder.exists()
    response = None if answer is None else BAD_ANSWERS[answer]
    written = json.dumps(response) if response is not None else None
    pairs = {"request": request_, "response": response}, {"request": json.dumps(request_), "response": written}
    done = run("guard", "backtest", "words", "--log", "-", stdin="\n".join(map(json.dumps, pairs)))
    judged = 2 if response is None else 4
    assert done.output.startswith(f"{judged} judged: {judged} (100.0%) denied")


def test_what_holds_no_text_is_told(folder: Path) -> None:
    assert folder.exists()
    lines = [{"status": 200, "model": "m"}, {"input": [[1, 2]]}, {"messages": {"role": "user"}}, asks("good")]
    log = "\ufeff" + "\r\n".join(map(json.dumps, lines))
    done = run("guard", "backtest", "words", "--log", "-", stdin=log)
    assert done.exit_code == 0
    assert "3 (75.0%) hold no text that a guard reads" in done.output


@pytest.mark.parametrize(
    ("name", "log", "why"),
    [
        ("wrods", "", "there is no saved guardrail 'wrods'"),
        ("words", '{"a": 1}\nnothing', "-:2: expected an object"),
        ("words", "[]", "-:1: expected an object"),
        ("words", '{"messages": ' + "[" * 100_000 + "]" * 100_000 + "}", "-:1: expected an object"),
    ],
)
def test_what_can_not_be_used(folder: Path, name: str, log: str, why: str) -> None:
    assert folder.exists()
    done = run("guard", "backtest", name, "--log", "-", stdin=log)
    assert done.exit_code == 2
    assert why in done.output


def test_one_check(tmp_path: Path) -> None:
    file = tmp_path / "check.json"
    check = {"id": "contains", "parameters": {"words": ["bad"], "operator": "none"}}
    for text, code in (("fine", 0), ("bad", 1)):
        file.write_text(json.dumps({**check, "context": {"request": {"text": text}}}), encoding="utf-8")
        got = run("guard", "check", str(file))
        assert (got.exit_code, json.loads(got.output)["verdict"]) == (code, code == 0)
    file.write_text("{}", encoding="utf-8")
    assert run("guard", "check", str(file)).exit_code == 2

"""Hooks whose checks ask nobody: what each check sees, and what becomes of a check that fails."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from judging import hooks_of
from penstock.dialects.openai.caller.texts import TEXTS
from penstock.guards.base import Context, Edit, Judgement, Phase
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.plan import Hook
from penstock.pipeline.guarding.at_once import judged_at_once
from penstock.pipeline.guarding.subject import Subject

WORDS: dict[str, Any] = {"words": ["bad"], "operator": "none"}


def subject(*texts: str) -> Subject:
    def read(value: Any) -> Any:
        return TEXTS.request("chatComplete", value)

    raw = json.dumps({"messages": [{"role": "user", "content": text} for text in texts]}).encode()
    return Subject(Phase.BEFORE, "chatComplete", "openai", GuardedBody(raw, read), read, lambda _: None)


def hook_of(*judges: Any, **members: Any) -> Hook:
    [hook], _ = hooks_of({"input_guardrails": [{"contains": WORDS, **members}]})
    [check] = hook.checks
    checks = [
        msgspec.structs.replace(check, prepared=msgspec.structs.replace(check.prepared, judge=judge))
        for judge in judges
    ]
    return msgspec.structs.replace(hook, checks=tuple(checks))


def test_checks_of_one_scope_share_a_context() -> None:
    seen: list[Context] = []

    def judge(context: Context) -> Judgement:
        seen.append(context)
        return Judgement(verdict=context.text == "two")

    runs, after = judged_at_once([hook_of(judge, judge), hook_of(judge)], before := subject("one", "two"))
    assert [run.verdict for run in runs] == [True, True]
    assert len(seen) == 3
    assert len(set(map(id, seen))) == 1
    assert after is before


def test_a_check_that_fails_says_nothing_of_the_text(caplog: pytest.LogCaptureFixture) -> None:
    def breaks(context: Context) -> Judgement:
        raise RuntimeError(context.text)

    def late(_: Context) -> Judgement:
        raise TimeoutError

    [run], _ = judged_at_once([hook_of(breaks, late, deny=True)], subject("canary"))
    assert [(each.was_thrown, each.judgement.error.name) for each in run.checks if each.judgement.error] == [
        (True, "Check error"),
        (False, "TimeoutError"),
    ]
    assert (run.verdict, run.denies) == (True, False)
    for judge in (breaks, late):
        closed = hook_of(judge, deny=True)
        closed = msgspec.structs.replace(closed, checks=(msgspec.structs.replace(closed.checks[0], fails_closed=True),))
        [run], _ = judged_at_once([closed], subject("canary"))
        assert (run.verdict, run.denies) == (False, True)
    assert "RuntimeError" in caplog.text
    assert "canary" not in caplog.text


def test_a_change_that_nobody_expected_is_told_and_goes_nowhere() -> None:
    def changes(context: Context) -> Judgement:
        return Judgement(verdict=True, edits=(Edit(context.segments[0].pointer, 0, 3, "***"),))

    before = subject("one")
    [run], after = judged_at_once([hook_of(changes)], before)
    assert run.transformed
    assert after is before


def test_hooks_that_change_a_text_do_so_in_their_order() -> None:
    mask = {"regexReplace": {"rule": "/bad/g", "redactText": "good"}}
    hooks, _ = hooks_of({"input_mutators": [mask], "input_guardrails": [{"contains": WORDS}]})
    runs, after = judged_at_once(sorted(hooks, key=lambda hook: not hook.transforms), subject("a bad word"))
    assert [run.verdict for run in runs] == [True, False]
    assert b"a good word" in after.request.raw


@pytest.mark.parametrize(
    ("rule", "redact_text", "scope", "is_changed"),
    [("/word/g", "***", "last", True), ("/word/g", "$&", "last", False), ("/o/g", "o", "last", False),
     ("/find/g", "***", "all", False), ("/a|word/", "a", "last", False), ("/a|word/g", "a", "last", True)],
)  # fmt: skip
def test_what_changes_no_text_is_not_told_as_a_change(
    rule: str, redact_text: str, scope: str, is_changed: bool
) -> None:
    """A text in its own place, and names of tools, which stay."""
    guard = {"regexReplace": {"rule": rule, "redactText": redact_text, "failOnDetection": True}, "scope": scope}
    hooks, _ = hooks_of({"input_guardrails": [guard]})
    before = subject("a word")
    value = {**before.body.json, "tools": [{"type": "function", "function": {"name": "find"}}]}
    before = before.changed(json.dumps(value).encode())
    [run], after = judged_at_once(hooks, before)
    assert (run.verdict, run.transformed, after is not before) == (False, is_changed, is_changed)


def test_a_whole_body_that_says_the_same_keeps_the_bytes() -> None:
    before = subject("one")
    for body, is_changed in ((b'{ "messages":[{"role":"user","content":"one"}]}', False), (b'{"messages":[]}', True)):
        hook = hook_of(lambda _, body=body: Judgement(verdict=True, body=body))
        [run], after = judged_at_once([msgspec.structs.replace(hook, sequential=True)], before)
        assert run.transformed is is_changed
        assert after is before  # a hook that is not there to change

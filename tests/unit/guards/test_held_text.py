"""One text under several rules: a rule that is too slow is passed over, a change is seen by the rules behind it."""

from __future__ import annotations

import pytest

from judging import hooks_of, prepared
from penstock.guards.held_text import RuledText, StreamRule
from penstock.guards.hold import HoldRule


def rule(name: str, **parameters: object) -> StreamRule:
    hold = prepared(name, dict(parameters)).hold
    assert hold is not None
    return StreamRule(hold)


def test_a_rule_sees_what_the_one_before_it_made() -> None:
    first = rule("default.regexReplace", rule="/b+/g", redactText="bad")
    second = rule("penstock.words", words=["bad"], redact=True)
    ruled = RuledText([first, second])
    assert ruled.feed("a b")[0] + ruled.feed("b c")[0] + ruled.feed(" d", last=True)[0] == "a [WORD] c d"
    assert (first.found, second.found, first.changed, second.changed) == (1, 1, True, True)


def test_a_rule_that_takes_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> int:
        raise TimeoutError

    slow, words = rule("default.regexReplace", rule="/b/g"), rule("penstock.words", words=["x"], redact=True)
    monkeypatch.setattr(HoldRule, "idle_until", late)
    monkeypatch.setattr("penstock.guards.hold.HeldText.feed", late)
    ruled = RuledText([slow, words])
    assert ruled.feed("a b x ")[0] + ruled.feed("", last=True)[0] == "a b [WORD] "
    assert slow.has_failed


def ruled_by(*guards: dict[str, object]) -> tuple[RuledText, list[StreamRule]]:
    _, hooks = hooks_of({"output_guardrails": [{**guard, "stream": "hold"} for guard in guards]})
    rules = [
        StreamRule(check.prepared.hold, hook, check) for hook in hooks for check in hook.checks if check.prepared.hold
    ]
    return RuledText(rules), rules


@pytest.mark.parametrize("pieces", [["abcd, bad"], ["abcd, ba", "d"], ["ab", "cd, b", "ad"]])
def test_what_stands_before_a_denial_is_changed_by_the_rules_behind_it(pieces: list[str]) -> None:
    ruled, _ = ruled_by(
        {"contains": {"words": ["bad"], "operator": "none"}, "deny": True},
        {"regexReplace": {"rule": "/abcd/g", "redactText": "[gone]"}},
    )
    ready, is_denied = "", False
    for piece in pieces:
        assert not is_denied
        part, is_denied = ruled.feed(piece)
        ready += part
    assert (ready, is_denied) == ("[gone], ", True)


def test_what_waits_at_a_later_rule_is_found_once() -> None:
    text = "ghp_abcdefghijklmnopqrstuvwxyz0123456789 bad me@a.example"
    guards: list[dict[str, object]] = [
        {"contains": {"words": ["bad", "badem"], "operator": "none"}},
        {"penstock.pii": {}},
        {"penstock.secrets": {}},
    ]
    for size in range(1, 12):
        ruled, rules = ruled_by(*guards)
        for at in range(0, len(text), size):
            ruled.feed(text[at : at + size])
        ruled.feed("", last=True)
        assert [each.found for each in rules] == [1, 1, 1]

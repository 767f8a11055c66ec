"""One text under several rules: a rule that is too slow is passed over, a change is seen by the rules behind it."""

from __future__ import annotations

import pytest

from judging import prepared
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

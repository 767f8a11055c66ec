"""One text under several rules: a rule that is too slow is passed over, a change is seen by the rules behind it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judging import hooks_of, prepared
from penstock.guards.detect.spans import DetectRule
from penstock.guards.held_text import RuledText, StreamRule
from penstock.guards.hold import HoldRule
from trials import WITH_TIME, trials

pytestmark = WITH_TIME
BETWEEN = b'"}}]}\n\ndata: {"choices":[{"delta":{"content":"'


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


RULES: dict[str, list[dict[str, object]]] = {
    "words": [{"contains": {"words": ["bad word", "worse", "be"], "operator": "none"}}],
    "one word": [{"contains": {"words": ["bad"], "operator": "none"}}],
    "words of one letter": [{"contains": {"words": ["x", "xa", "b"], "operator": "none"}}],
    "a pattern": [{"regexMatch": {"rule": r"\b\d{3}-\d{2}\b", "not": True}}],
    "a pattern beside ASCII": [{"regexMatch": {"rule": "é+", "not": True}}],
    "credentials": [{"penstock.secrets": {}}],
    "several": [
        {"contains": {"words": ["bad word", "worse"], "operator": "none"}},
        {"regexMatch": {"rule": r"\d{3}-\d{2}", "not": True}},
        {"penstock.secrets": {}},
    ],
    "personal data": [{"penstock.pii": {}}],
    "a list": [{"penstock.words": {"words": ["bad"], "redact": True}}],
}
PIECES = st.lists(
    st.one_of(
        st.text('12-ab worsxk_"\\\n/é\U0001f600', max_size=6),
        st.sampled_from(["tide ", " the", "bad ", "word", "AK", "sk-", "gh", "x", "12", "3-12"]),
    ),
    max_size=8,
)


def written(text: str, *, ascii_only: bool = False) -> bytes:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode()


@pytest.mark.parametrize("name", RULES)
@trials(60)
@given(pieces=PIECES, ascii_only=st.booleans(), sizes=st.lists(st.integers(1, 3), min_size=8, max_size=8))
def test_what_is_told_of_json_is_told_of_its_text(
    name: str, pieces: list[str], ascii_only: bool, sizes: list[int]
) -> None:
    """Of one text, or of several with the same bytes between them; where nothing is told, nothing is done."""
    told, texts = ruled_by(*RULES[name])[0], ruled_by(*RULES[name])[0]
    while pieces:
        several, pieces, sizes = pieces[: sizes[0]], pieces[sizes[0] :], sizes[1:] or [1]
        number = told.idles_in_json(BETWEEN.join([written(each, ascii_only=ascii_only) for each in several]), BETWEEN)
        if number >= 0:
            assert number == len("".join(several))
            assert texts.idles("".join(several))
        else:
            for piece in several:
                assert told.feed(piece) == texts.feed(piece)


def test_what_is_plain_is_told() -> None:
    told, _ = ruled_by(*RULES["several"])
    assert [told.idles_in_json(each, BETWEEN) for each in (b"tide ", b"tide " + BETWEEN + b"and", b"")] == [5, 8, 0]
    for odd in (b'a"b', b"a\\n", "é".encode(), b"a\tb", b"sk-", b"12", b"wor"):
        assert told.idles_in_json(odd, BETWEEN) == -1
    assert told.feed(" wor") == (" ", False)
    assert told.idles_in_json(b"tide ", BETWEEN) == -1


@pytest.mark.parametrize("character", ["a", "-", "c", "~"])
@pytest.mark.parametrize("signs", [("[a-]", "[c~]"), ("[c~]", "[-a]"), (r"[~\-]", "[ca]")])
def test_sets_of_signs_are_one_that_has_them_all(signs: tuple[str, str], character: str) -> None:
    """As packages write them, too."""
    rules = [StreamRule(DetectRule((), trigger=re.compile(each))) for each in signs]
    between = b'"}\n\ndata: {"content":"'
    assert not RuledText(rules).idles(f"x{character}x")
    assert RuledText(rules).idles_in_json(f"x{character}x".encode(), between) == -1
    assert RuledText(rules).idles("xbx")
    assert RuledText(rules).idles_in_json(b"xbx", between) == 3

import contextlib
import gc
import json
import resource
from itertools import count
from pathlib import Path

import pytest

from judging import context, judged, prepared, refused
from penstock.guards.checks import matching
from penstock.guards.edits import edited


def test_a_match_and_its_details() -> None:
    judgement = judged("regexMatch", {"rule": r"(?<year>\d{4})-(\d\d)"}, "\U0001f600 in 2026-01")
    assert judgement.verdict
    assert judgement.data["matchDetails"] == {
        "matchedText": "2026-01",
        "index": 6,
        "groups": {"year": "2026"},
        "captures": ["2026", "01"],
    }
    assert not judged("regexMatch", {"rule": "x", "not": True}, "axb").verdict
    assert judged("regexMatch", {"regex": "x"}, "axb").verdict
    assert judged("regexMatch", {"rule": "/x/i"}, "aXb").data["matchDetails"] is None


def test_no_text_and_bad_patterns() -> None:
    assert judged("regexMatch", {"rule": "x"}, "").error is not None
    assert refused("regexMatch", {"rule": "("}) == "p.rule"
    assert refused("regexMatch", {}) == "p.rule"
    for rule in ("a++", "/a/gg", r"/\p{Nothing}/u", r"/\-/u"):
        assert refused("regexReplace", {"rule": rule}) == "p.rule"


def test_what_takes_long_to_compile_is_refused_or_weighs_more() -> None:
    assert refused("regexMatch", {"rule": r"\S" * 5000}) == "p.rule"
    classes, letters = (prepared("regexMatch", {"rule": each * 500}).size for each in (r"\S", "xx"))
    assert classes > 4 * letters


def test_a_pattern_that_takes_too_long() -> None:
    with pytest.raises(TimeoutError):
        judged("regexMatch", {"rule": "^(a|a|aa)+$"}, "a" * 60 + "!")


@pytest.mark.parametrize(
    ("rule", "text", "replacement", "result"),
    [
        ("secret", "a secret secret", "[REDACTED]", "a [REDACTED] secret"),
        ("/secret/g", "a secret secret", "[REDACTED]", "a [REDACTED] [REDACTED]"),
        ("/SECRET/gi", "a secret", "", "a "),
        (r"/(\w+)@(\w+)/g", "me@home", "$2 at $1, $& $$", "home at me, me@home $"),
        (r"/^b/gm", "a\nb", "x", "a\nx"),
        (r"/a.b/s", "a\nb", "x", "x"),
        ("nothing", "a", "x", "a"),
        ("/müller/gi", "Herr MÜLLER", "x", "Herr x"),
        (r"/\p{Lu}\p{Ll}+/gu", "so Élan Ωμέγα a", "x", "so x x a"),
        (r"/[\u{1F600}-\u{1F64F}]/gu", "a\U0001f600", "x", "ax"),
        ("/secret/y", "a secret", "x", "a secret"),
        ("/secret /y", "secret secret ", "x", "xsecret "),
        ("/secret /gy", "secret secret a secret ", "x", "xxa secret "),
        # Behind a match of nothing the next one begins a character later, as in JavaScript.
        ("/a*/g", "aab", "-", "--b-"),
        ("/a*?/g", "aab", "-", "-a-a-b-"),
        (r"/.??/gu", "a\U0001f600", "-", "-a-\U0001f600-"),
        (r"/|\d/g", "a1", "-", "-a-1-"),
        ("/x?/gy", "axa", "-", "-a--a-"),
        ("/x*?/y", "axa", "-", "-axa"),
        ("/(?<n>a)|b/g", "abc", "[$<n>$<m>$<n]", "[a$<n][$<n]c"),
        ("/(?<$n>a)|b/g", "abc", "[$<$n>$<n>]", "[a][]c"),
        ("/(a)/g", "a", "$<$1>", "$<a>"),
    ],
)
def test_replacing(rule: str, text: str, replacement: str, result: str) -> None:
    judge = prepared("regexReplace", {"rule": rule, "redactText": replacement}).judge
    assert judge is not None
    subject = context(text)
    judgement = judge(subject)
    assert judgement.verdict
    changed = edited(subject.request, judgement.edits)
    assert json.loads(changed)["messages"][0]["content"] == result


def test_each_string_of_a_call_is_a_text_of_its_own() -> None:
    arguments = json.dumps({"a": "secret", "b": ["secret secret", 1], "secret": "x"})
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    subject = context({"messages": [{"role": "assistant", "content": "x", "tool_calls": [call]}]})
    subject.chosen = subject.request.segments
    for rule, left in (
        ("^secret", {"a": "*", "b": ["* secret", 1], "*": "x"}),
        (r"/\s*secret/g", {"a": "*", "b": ["**", 1], "*": "x"}),
        (r"/\n\w+/g", {"a": "secret", "b": ["secret secret", 1], "secret": "x"}),
    ):
        judge = prepared("regexReplace", {"rule": rule, "redactText": "*"}).judge
        assert judge is not None
        changed = json.loads(edited(subject.request, judge(subject).edits))
        assert json.loads(changed["messages"][0]["tool_calls"][0]["function"]["arguments"]) == left


def test_matches_of_nothing_have_one_time_limit() -> None:
    moments = count(0.0, 0.001)
    parameters, text = {"rule": "/x*?/g", "redactText": "-"}, "x" * 1000
    assert len(judged("regexReplace", parameters, text).edits) == 1001
    with pytest.raises(TimeoutError):
        judged("regexReplace", parameters, text, clock=lambda: next(moments))


def test_a_detection_may_fail() -> None:
    parameters = {"rule": "secret", "failOnDetection": True}
    assert not judged("regexReplace", parameters, "a secret").verdict
    assert judged("regexReplace", parameters, "nothing").verdict


def test_what_can_be_held_back() -> None:
    for rule, can in [(r"\bab\b", True), (r"^ab", False), (r"ab(?=c)", False), ("a*", False), (r"\d{3}-\d{2}", True)]:
        assert (prepared("regexReplace", {"rule": rule}).hold is not None) is can, rule
    assert prepared("regexMatch", {"rule": "ab", "not": True}).hold is not None
    assert prepared("regexMatch", {"rule": "ab"}).hold is None
    assert prepared("regexReplace", {"rule": "ab", "redactText": "$`"}).hold is None


@pytest.mark.parametrize(("name", "most"), [("_MOST_EDITS", 100), ("_LONGEST_EDITS", 5000)])
@pytest.mark.parametrize("replacement", ["x" * 50, "$`", "$'"])
def test_changes_without_end_are_an_error(
    name: str, most: int, replacement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, name, most)
    judgement = judged("regexReplace", {"rule": "/a/g", "redactText": replacement}, "a" * 101)
    assert judgement.error is not None
    assert "would change" in judgement.error.message
    assert not judgement.edits


@pytest.mark.parametrize("check", ["regexMatch", "regexReplace"])
def test_a_search_leaves_no_memory_with_its_pattern(check: str) -> None:
    """Patterns live as long as their config is remembered."""
    made = [prepared(check, {"rule": f"(a|a )+b{index}$"}) for index in range(12)]
    needed = " ".join([f"b{index}" for index in range(12)])  # a text without it is not searched
    asked = context(f"{needed} {'a ' * 500_000}")
    before = resident()
    for each in made:
        assert each.judge is not None
        with contextlib.suppress(TimeoutError):
            each.judge(asked)
    gc.collect()
    assert resident() - before < 64 << 20


def resident() -> int:
    """Bytes of memory that the process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_a_groups_name_has_its_dollar_signs() -> None:
    details = judged("regexMatch", {"rule": r"(?<$word>\w+)"}, "- so").data["matchDetails"]
    assert details["groups"] == {"$word": "so"}

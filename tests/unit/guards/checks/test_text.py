import tracemalloc
from time import process_time
from typing import Any

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from judging import hooks_of, judged, prepared, refused
from penstock.guards.detect.words import ascii_folded
from penstock.guards.held_text import RuledText, StreamRule
from penstock.guards.hold import HoldRule


@pytest.mark.parametrize(
    ("operator", "text", "verdict", "found"),
    [
        ("any", "a dog", True, ["dog"]),
        ("any", "nothing", False, []),
        ("all", "dog and cat", True, ["dog", "cat"]),
        ("all", "dog", False, ["dog"]),
        ("none", "bird", True, []),
        ("none", "Dogma dogma", False, ["dog"]),
        ("none", "", True, []),
    ],
)
def test_contains(operator: str, text: str, verdict: bool, found: list[str]) -> None:
    judgement = judged("contains", {"words": ["dog", "cat"], "operator": operator}, text)
    assert (judgement.verdict, judgement.data["foundWords"], judgement.data["operator"]) == (verdict, found, operator)
    assert judgement.data["missingWords"] == [word for word in ("dog", "cat") if word not in found]


def test_contains_of_whole_words_in_any_case() -> None:
    parameters = {"words": ["dog"], "operator": "any", "wholeWord": True, "caseSensitive": False}
    assert judged("contains", parameters, "a DOG.").verdict
    assert not judged("contains", parameters, "dogma").verdict


MANY = ["dog", "og", "Dogma", "CAT", "at a", "k", "ss", "i", "-", "o_", *(f"w{number}" for number in range(10))]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("matches_case", [False, True])
@pytest.mark.parametrize("more", [[], ["\u00dfa"], ["\ud800"]], ids=["ascii", "others", "halves"])
@given(
    st.lists(
        st.sampled_from([*MANY, " ", "D", "O", "G", "\u212a", "\u017f", "\u0130", "\u00df", "\ud800", "é", "_"]),
        max_size=8,
    )
)
def test_many_words_are_found_as_few_are(more: list[str], matches_case: bool, whole: bool, parts: list[str]) -> None:
    """Lists of many words are searched at once, and nothing is found in another way."""
    text, parameters = "".join(parts), {"operator": "none", "caseSensitive": matches_case, "wholeWord": whole}
    words = [*MANY, *more]
    found = judged("contains", {"words": words, **parameters}, text).data["foundWords"]
    assert found == [
        word for word in words if judged("contains", {"words": [word], **parameters}, text).data["foundWords"]
    ]
    glance = prepared("contains", {"words": words, **parameters}).glance
    assert glance is not None
    assert glance(text) is None or not found
    assert whole or (glance(text) is None) is bool(found)


def test_a_letter_of_ascii_stands_for_what_patterns_take_for_it() -> None:
    every = "".join(map(chr, range(0x110000)))
    for letter in "abcdefghijklmnopqrstuvwxyz0_-":
        alike = {
            each
            for cased in {letter, letter.upper()}
            for each in regex.findall(regex.escape(cased), every, regex.IGNORECASE)
        }
        assert alike == {each for each in every if ascii_folded(each) == letter}
    assert len(ascii_folded(every)) == len(every)


OVERLAPPING = [*MANY[:6], "abi", "b", "bIc", "ab-"]


@example(["ab\u0131"], False)
@example(["ab", "\u0131c"], False)
@given(
    st.lists(st.sampled_from([*OVERLAPPING, " ", "D", "o", "g", "ma", "a", "\u0130", "\u0131"]), max_size=10),
    st.booleans(),
)
def test_many_words_in_a_stream(pieces: list[str], matches_case: bool) -> None:
    """What a list takes for a word and a pattern doesn't hides no other word."""
    parameters = {"operator": "none", "caseSensitive": matches_case}
    many, few = ({"words": [*OVERLAPPING, *more], **parameters} for more in ([f"none{at}" for at in range(20)], []))
    released = []
    for check in (many, few):
        rule = prepared("contains", check).hold
        assert rule is not None
        hooks = hooks_of({"output_guardrails": [{"contains": check, "deny": True}]})[1]
        ruled = RuledText([StreamRule(rule, hooks[0], hooks[0].checks[0])])
        passed, denied = "", False
        for piece in [*pieces, None]:
            ready, denied = ruled.feed(piece or "", last=piece is None)
            passed += ready
            if denied:
                break
        released.append((passed, denied))
    assert released[0] == released[1]


@pytest.mark.parametrize(("operator", "verdict"), [("any", False), ("all", True), ("none", True)])
def test_no_words(operator: str, verdict: bool) -> None:
    assert judged("contains", {"words": [], "operator": operator}, "x").verdict is verdict


def test_a_long_word_is_searched_for_at_once() -> None:
    """As a run of letters in a pattern it would take the library minutes."""
    word, began = "a" * 9000, process_time()
    for more in ({"wholeWord": True}, {"caseSensitive": False}):
        assert not judged("contains", {"words": [word], "operator": "none", **more}, f"- {word} -").verdict
    rule = prepared("contains", {"words": [word], "operator": "none"}).hold
    assert isinstance(rule, HoldRule)
    assert rule.pattern.search(f"- {word}", timeout=60) is not None
    assert process_time() - began < 30


def test_what_of_the_parameters_is_refused() -> None:
    assert refused("contains", {"words": ["a"]}) == "p.operator"
    assert refused("contains", {"operator": "any"}) == "p.words"
    assert refused("contains", {"words": ["a"], "operator": "some"}) == "p.operator"
    assert refused("contains", {"words": "a, b", "operator": "any"}) == "p.words"
    assert refused("contains", {"words": ["a"], "operator": "any", "wrods": []}) == "p.wrods"
    assert refused("wordCount", {}) == "p.minWords"
    assert refused("wordCount", {"minWords": "many"}) == "p.minWords"
    assert refused("wordCount", {"minWords": 1.5}) == "p.minWords"
    assert refused("characterCount", {"maxCharacters": "2.5"}) == "p.maxCharacters"
    assert refused("endsWith", {}) == "p.suffix"


@pytest.mark.parametrize(
    ("name", "parameters", "text", "verdict", "count"),
    [
        ("wordCount", {"minWords": 2, "maxWords": "3"}, " one\u00a0two ", True, 2),
        ("wordCount", {"minWords": 3}, "one two", False, 2),
        ("wordCount", {"maxWords": 1, "not": True}, "one two", True, 2),
        ("sentenceCount", {"minSentences": 1, "maxSentences": 2}, "a. b!", True, 2),
        ("sentenceCount", {"minSentences": 1}, "", False, 0),
        ("sentenceCount", {"minSentences": 0.5, "maxSentences": 2}, "a.", True, 1),
        ("wordCount", {"minWords": -5, "maxWords": 5}, "one", True, 1),
        ("characterCount", {"maxCharacters": -1}, "one", False, 3),
        ("sentenceCount", {"maxSentences": 2}, "Well ...", False, 3),
        ("characterCount", {"minCharacters": 2, "maxCharacters": 2}, "\U0001f600", True, 2),
        ("characterCount", {"maxCharacters": 1}, "ab", False, 2),
    ],
)
def test_counts(name: str, parameters: dict[str, Any], text: str, verdict: bool, count: int) -> None:
    judgement = judged(name, parameters, text)
    assert judgement.verdict is verdict
    assert judgement.data[name] == count
    assert judgement.data["verdict"] is verdict
    assert judgement.data["textExcerpt"] == (text.strip() if name == "wordCount" else text)


def test_names_of_bounds() -> None:
    data = judged("sentenceCount", {"minSentences": 0, "maxSentences": 9}, "a.").data
    assert (data["minCount"], data["maxCount"]) == (0, 9)


@pytest.mark.parametrize("name", ["wordCount", "characterCount", "alluppercase", "endsWith"])
def test_no_text_is_an_error(name: str) -> None:
    every: dict[str, dict[str, Any]] = {
        "wordCount": {"minWords": 1},
        "characterCount": {"minCharacters": 1},
        "alluppercase": {},
        "endsWith": {"suffix": "x"},
    }
    judgement = judged(name, every[name], "")
    assert judgement.error is not None
    assert not judgement.verdict


@pytest.mark.parametrize(
    ("name", "text", "verdict"),
    [
        ("allUppercase", "ABC 1", True),
        ("alluppercase", "ABc", False),
        ("isAllLowerCase", "abc é", True),
        ("alllowercase", "Abc", False),
        ("alllowercase", "123", True),
    ],
)
def test_case(name: str, text: str, verdict: bool) -> None:
    assert judged(name, {}, text).verdict is verdict
    assert judged(name, {"not": True}, text).verdict is not verdict


@pytest.mark.parametrize(("text", "verdict"), [("the end", True), ("the end.", True), ("the end ", False)])
def test_ends_with(text: str, verdict: bool) -> None:
    assert judged("endsWith", {"suffix": "end"}, text).verdict is verdict


def test_only_words_that_must_not_be_there_can_be_held_back() -> None:
    assert prepared("contains", {"words": ["a"], "operator": "none"}).hold is not None
    assert prepared("contains", {"words": ["a"], "operator": "any"}).hold is None
    assert prepared("wordCount", {"minWords": 1}).hold is None


@pytest.mark.parametrize("text", ["ab cd ", "ab\u00a0\ncd\t", "x" * 70_000 + " ", "a " * 40_000])
def test_words_are_counted_a_slice_at_a_time(text: str) -> None:
    whole = text * (400_000 // len(text))
    tracemalloc.start()
    try:
        data = judged("wordCount", {"minWords": 1}, whole).data
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert data["wordCount"] == len(whole.split())
    assert peak < 16 * len(whole)

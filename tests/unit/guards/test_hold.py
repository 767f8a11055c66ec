"""Any chunking of a text gives what the whole text gives."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from judging import prepared
from penstock.guards import hold
from penstock.guards.held_text import RuledText, StreamRule
from penstock.guards.hold import HeldText, HoldRule, replaced
from penstock.routing.javascript_regex import read_pattern
from trials import WITH_TIME, trials

pytestmark = WITH_TIME
ALPHABET = "abc1 -"


@st.composite
def patterns(draw: st.DrawFn, depth: int = 0) -> str:
    """Patterns of a small grammar, without assertions."""
    atoms = st.sampled_from(["a", "b", "c", "1", "-", ".", "[ab]", "[^a]", r"\d", r"\w"])
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        atom = draw(atoms) if depth > 1 or draw(st.booleans()) else f"(?:{draw(patterns(depth + 1))})"
        parts.append(atom + draw(st.sampled_from(["", "", "?", "*", "+", "{1,2}", "+?", "*?"])))
    text = "".join(parts)
    return f"{text}|{draw(patterns(depth + 1))}" if depth < 2 and draw(st.booleans()) else text


def chunked(rule: HoldRule, text: str, cuts: list[int], limit: int = 4096) -> tuple[str, HeldText]:
    held = HeldText(rule, limit)
    places = [0, *sorted({cut % (len(text) + 1) for cut in cuts}), len(text)]
    parts = [held.feed(text[start:end]) for start, end in itertools.pairwise(places)]
    parts.append(held.feed("", last=True))
    return "".join(parts), held


def passed_on(rule: HoldRule, text: str, cuts: list[int]) -> str:
    """The text in pieces, of which those without a beginning of a match take the short way."""
    ruled = RuledText([StreamRule(rule)])
    places = [0, *sorted({cut % (len(text) + 1) for cut in cuts}), len(text)]
    parts = [ruled.feed(text[start:end])[0] for start, end in itertools.pairwise(places)]
    return "".join([*parts, ruled.feed("", last=True)[0]])


@pytest.fixture(autouse=True, scope="module")
def patience() -> Iterator[None]:
    """A slow machine fails no test: a search has a minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hold, "SECONDS", 60.0)
        yield


@trials(1000)
@given(patterns(), st.text(ALPHABET, max_size=24), st.lists(st.integers(0, 40), max_size=8), st.booleans())
def test_any_chunking_of_a_text(source: str, text: str, cuts: list[int], is_once: bool) -> None:
    pattern = regex.compile(source, regex.ASCII)
    if pattern.match("") is not None:
        return
    rule = HoldRule(pattern, lambda match: f"<{match[0].upper()}>", is_once=is_once)
    whole, found = replaced(rule, text)
    assert whole == pattern.sub(lambda match: f"<{match[0].upper()}>", text, count=1 if is_once else 0)
    chunks, held = chunked(rule, text, cuts)
    assert (chunks, held.found > 0) == (whole, found)
    assert passed_on(rule, text, cuts) == whole


BOUNDED = [r"\b\d{3}-\d{2}-\d{4}\b", r"\b[a-c]+@[a-c]+\.[a-c]{2,}", r"\bcab\b", r"sk-[a-c1]{4,8}"]


@pytest.mark.parametrize("source", BOUNDED)
def test_patterns_with_boundaries_beside_words(source: str) -> None:
    read = read_pattern(source)
    assert read is not None
    assert read.is_local
    assert read.compile()
    rule = HoldRule(read.compiled, lambda _: "#")
    chance = random.Random(7)
    for _ in range(3000):
        text = "".join(chance.choice("abc1234567890-@. sk") for _ in range(chance.randrange(30)))
        text = text.replace("1 ", "123-45-6789").replace("@ ", "a@b.ca").replace("k ", "sk-abc1")
        cuts = [chance.randrange(40) for _ in range(chance.randrange(6))]
        assert chunked(rule, text, cuts)[0] == replaced(rule, text)[0]
        assert passed_on(rule, text, cuts) == replaced(rule, text)[0]


@pytest.mark.parametrize(
    ("source", "flags"),
    [(r"\bmü+k\b", "i"), (r"\p{L}+@ü[k-s]*", "u"), (r"[\p{Lu}k]+\.ü", "iu"), (r"ü(?:is|ß)?k{2}", "i")],
)
def test_patterns_of_letters_beyond_ascii(source: str, flags: str) -> None:
    read = read_pattern(source, flags)
    assert read is not None
    assert read.is_local
    assert read.compile()
    rule = HoldRule(read.compiled, lambda match: f"<{len(match[0])}>")
    chance = random.Random(7)
    for _ in range(3000):
        text = "".join(chance.choice("MmÜüKkSsßi\u212aſ@. 1") for _ in range(chance.randrange(30)))
        text = text.replace("M ", "Mük").replace("@.", "é@Ük").replace("1S", "ÜISKK")
        cuts = [chance.randrange(40) for _ in range(chance.randrange(6))]
        assert chunked(rule, text, cuts)[0] == replaced(rule, text)[0]
        assert passed_on(rule, text, cuts) == replaced(rule, text)[0]


def test_only_what_may_be_part_of_a_match_waits() -> None:
    rule = HoldRule(regex.compile("secret"), lambda _: "#")
    held = HeldText(rule)
    assert held.feed("nothing of it") == "nothing of it"
    assert held.feed(" a sec") == " a "
    assert held.held == 3
    assert held.feed("ond") == "second"
    assert held.feed("secret") == ""
    assert held.feed("", last=True) == "#"


@pytest.mark.parametrize(
    ("source", "pieces", "result"),
    [
        ("a+", ["a", "a", "b"], "#b"),
        ("a.*b", ["ab", "cb", "d"], "#d"),
        ("abcd|c", ["abc", "d"], "#"),
        ("abcd|c", ["abc", "e"], "ab#e"),
    ],
)
def test_the_traps(source: str, pieces: list[str], result: str) -> None:
    held = HeldText(HoldRule(regex.compile(source), lambda _: "#"))
    assert "".join([held.feed(piece) for piece in pieces]) + held.feed("", last=True) == result


def test_a_denial_ends_the_text() -> None:
    held = HeldText(HoldRule(regex.compile("bad"), first_end_is_final=True), denies=True)
    assert (held.feed("so b"), held.denied) == ("so ", False)
    assert (held.feed("ad, and more"), held.denied) == ("", True)
    assert held.feed("x") == held.feed("", last=True) == ""


def test_a_detection_that_does_not_deny_leaves_the_text() -> None:
    held = HeldText(HoldRule(regex.compile("bad")))
    assert held.feed("so bad", last=True) == "so bad"
    assert (held.found, held.denied, held.changed) == (1, False, False)


def test_more_than_may_wait() -> None:
    rule = HoldRule(regex.compile("<.*>"), lambda _: "#")
    text, held = chunked(rule, "<" + "a" * 100, [10, 20, 30, 40], limit=16)
    assert text == "<" + "a" * 100
    assert held.overflowed


def test_words_are_held_back() -> None:
    hold = prepared("contains", {"words": ["bad", "badly"], "operator": "none", "caseSensitive": False}).hold
    assert isinstance(hold, HoldRule)
    held = HeldText(hold, denies=True)
    assert held.feed("B") + held.feed("A") == ""
    assert held.feed("nd") == "BAnd"
    assert held.feed("bAd") == ""
    assert held.denied


@pytest.mark.parametrize(
    ("source", "flags", "text", "place"),
    [
        ("cab|bad", 0, "so ca", 3),
        ("cab|bad", 0, "so x", 4),
        ("cab|bad", 0, "a bad b", -1),
        ("cab|bad", regex.IGNORECASE, "so CA", 3),
        (r"\d{3}", 0, "so x", 4),
        (r"\d{3}", 0, "a 12", 2),
        ("[^a]b", 0, "aaé", 2),
        ("é", 0, "so", 2),
    ],
)
def test_where_a_match_may_begin(source: str, flags: int, text: str, place: int) -> None:
    assert HoldRule(regex.compile(source, flags)).idle_until(text, 0) == place


@pytest.mark.parametrize(("replacement", "changed"), [("b", False), ("*", True)])
def test_what_replaces_itself_is_no_change(replacement: str, changed: bool) -> None:
    held = HeldText(HoldRule(regex.compile("b"), lambda _: replacement))
    assert (held.feed("abc", last=True), held.found, held.changed) == (f"a{replacement}c", 1, changed)

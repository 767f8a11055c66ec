"""Any chunking of a text gives what the whole text gives, for every built-in detector and check that looks for one.

A run of the suite makes a few thousand trials; tests/support/suite/trials.py says how to make more.
"""

from __future__ import annotations

import functools
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judging import prepared
from penstock.guards.detect.personal import PERSONAL
from penstock.guards.detect.secrets import SECRETS
from penstock.guards.detect.spans import DetectedText, DetectRule
from penstock.guards.held_text import RuledText, StreamRule
from penstock.guards.hold import HoldRule
from personal_data import EXAMPLES, SECRET_EXAMPLES
from trials import WITH_TIME, trials

pytestmark = WITH_TIME
CHECKS: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"pii {kind}": ("penstock.pii", {"entities": [kind], "redact": True, "mask": "numbered"}) for kind in PERSONAL},
    **{f"secrets {kind}": ("penstock.secrets", {"kinds": [kind], "redact": True}) for kind in SECRETS},
    "pii": ("penstock.pii", {"redact": True}),
    "pii, allowed": ("penstock.pii", {"redact": True, "allow": ["a@b.de", "/4111.*/"], "contextWords": ["my", "ssn"]}),
    "secrets": ("penstock.secrets", {"redact": True}),
    "words": ("penstock.words", {"words": ["bad", "bad word", "word", "a b", "ssn"], "redact": True}),
    "words, parts": ("penstock.words", {"words": ["bad", "adw", "w", "1 2"], "redact": True, "wholeWord": False}),
    "words, alike": ("penstock.words", {"words": ["bad", "scope"], "redact": True, "normalise": True}),
    "invisible": ("penstock.invisible", {"strip": True}),
    "contains": ("default.contains", {"words": ["bad", "word", "wo"], "operator": "none"}),
    "regexReplace": ("default.regexReplace", {"rule": r"/\b\d{3}-\d{2}-\d{4}\b/g"}),
}
NOISE = [
    *("", " ", ".", ",", "-", "a", "B", "bad", "word", "wo", "x@", "@b.de", "+", "(", ")", ":", "/", "\n", "é", "4"),
    *(
        "12",
        "345",
        "6789 ",
        "my ",
        "ssn ",
        "DE",
        "GB ",
        "sk-",
        "SK",
        "-----",
        "BEGIN ",
        "\u200b",
        "\u200d",
        "ｂａｄ",
        "а",
    ),
    *("\U0001f3f4", "\U000e0067", "\U000e007f", "\U0001f469", "scope", "adw", "a b", "_", "AB ", "3 May ", "://"),
    *(
        "'",
        "`",
        "{",
        "ü",
        "u\u0308",
        "я",
        "例",
        "=",
        "'o'neil@b.de",
        "ü@ü.de",
        "-" * 62,
        "\u00a0",
        "\u2011",
        " - ",
        "1.1-",
        "+(",
        "1:2:3:4:5:6:7::",
        "b+",
        "-12-",
        "SRS0=",
        "prvs=",
        "b+ann=b.de@b.de",
        "l-1-ann=b.de@b.de",
        "SRS0=a=b=b.de=ann@b.de",
        "gith",
        "gh",
        "p_",
        "AK",
        "ya2",
        "9.",
        "xoxb",
        "=",
    ),
]


@st.composite
def texts(draw: st.DrawFn, examples: list[str]) -> str:
    """A text with whole examples, broken ones, and noise between them."""
    parts = []
    for part in draw(st.lists(st.sampled_from([*examples * 2, *NOISE]), max_size=7)):
        if part and draw(st.integers(0, 4)) == 0:
            at = draw(st.integers(0, len(part) - 1))
            part = part[:at] + draw(st.sampled_from(NOISE)) + part[at + draw(st.integers(0, 1)) :]
        parts.append(part + draw(st.sampled_from(["", "", " ", ". "])))
    return "".join(parts)


CUTS = st.one_of(st.just(None), st.lists(st.integers(0, 400), max_size=8))
"""Where a text is cut; None: behind each character."""


def whole_of(rule: DetectRule, text: str) -> str:
    mask = None if rule.masks is None else rule.masks()
    parts, at = [], 0
    for span in rule.spans(text):
        value = text[span.start : span.end]
        parts += [text[at : span.start], value if mask is None else mask(span.kind, value)]
        at = span.end
    return "".join([*parts, text[at:]])


def chunks_of(cuts: list[int] | None, text: str) -> list[str]:
    places = range(len(text)) if cuts is None else sorted(cut % (len(text) + 1) for cut in cuts)
    return [text[start:end] for start, end in itertools.pairwise([0, *places, len(text)])]


def fed(ruled: RuledText, chunk: str) -> str:
    """What goes on of a chunk, told as a stream's events tell it: fast where it goes on as it is."""
    written = json.dumps(chunk, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")
    if ruled.idles_in_json(written, b'"}, {"') >= 0:
        return chunk
    return chunk if ruled.idles(chunk) else ruled.feed(chunk)[0]


@functools.cache
def rule_of(name: str) -> HoldRule | DetectRule:
    check, parameters = CHECKS[name]
    rule = prepared(check, parameters).hold
    assert rule is not None
    return rule


@pytest.mark.parametrize("name", CHECKS)
@trials(32)
@given(st.data())
def test_any_chunking_of_a_text(name: str, data: st.DataObject) -> None:
    rule, kind = rule_of(name), name.split()[-1]
    own = [each for each in (EXAMPLES.get(kind), SECRET_EXAMPLES.get(kind)) if each]
    examples = [*own, own[0], "a@b.de"] if own else [*EXAMPLES.values(), *SECRET_EXAMPLES.values()]
    text, cuts = data.draw(texts(examples)), data.draw(CUTS)
    ruled, one = RuledText([StreamRule(rule)]), RuledText([StreamRule(rule)])
    passed = "".join([fed(ruled, chunk) for chunk in chunks_of(cuts, text)]) + ruled.feed("", last=True)[0]
    assert passed == one.feed(text, last=True)[0]
    if isinstance(rule, DetectRule):
        slow = DetectedText(rule, 1 << 20, mask=None if rule.masks is None else rule.masks())
        slowly = "".join([slow.feed(chunk) for chunk in chunks_of(cuts, text)]) + slow.feed("", last=True)
        assert slowly == passed == whole_of(rule, text)


def test_finds_at_the_same_place_have_one_name_whole_and_in_pieces() -> None:
    rule, text = rule_of("pii"), "passport number BSN 111222333"
    assert isinstance(rule, DetectRule)
    ruled = RuledText([StreamRule(rule)])
    assert ruled.feed(text, last=True)[0] == whole_of(rule, text) == "passport number BSN [NL_BSN]"


@trials(60)
@given(texts([*EXAMPLES.values(), *SECRET_EXAMPLES.values()]), CUTS)
def test_several_checks_one_after_the_other(text: str, cuts: list[int] | None) -> None:
    rules = [rule_of(name) for name in ("pii", "words", "secrets")]
    expected = text
    for rule in rules:
        assert isinstance(rule, DetectRule)
        expected = whole_of(rule, expected)
    ruled = RuledText([StreamRule(rule) for rule in rules])
    passed = "".join([fed(ruled, chunk) for chunk in chunks_of(cuts, text)]) + ruled.feed("", last=True)[0]
    assert passed == expected


def test_a_find_that_waited_is_not_told_at_another_place() -> None:
    """A rule that begins anew with what waits forgets where its finds were before."""
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"
    rules = [prepared(*CHECKS[name]).hold for name in ("pii", "words", "secrets")]
    ruled = RuledText([StreamRule(rule) for rule in rules if rule is not None])
    text = f"AKIAQRSTUVWX234567AB{key}912-70-1234. "
    passed = "".join([ruled.feed(character)[0] for character in text]) + ruled.feed("", last=True)[0]
    assert passed == "[AWS_ACCESS_KEY][PRIVATE_KEY][US_ITIN]. "


@pytest.mark.parametrize("text", ["b+ann=b.d{}@b.de", "l-1-ann=b.{}de@b.de", "SRS0=a=b=b.de=ann{}@b.de", "ann{}@b.de"])
@pytest.mark.parametrize("number", [0, 55, 60, 61, 62, 63, 64, 100, 190, 200, 500])
def test_a_name_of_any_length_begins_where_it_does_in_pieces(text: str, number: int) -> None:
    """In the name of a forwarder's address more than 64 characters may stand behind the equals sign."""
    rule, text = rule_of("pii email"), f"so {text.format('-' * number)}. "
    assert isinstance(rule, DetectRule)
    ruled = RuledText([StreamRule(rule)])
    passed = "".join([fed(ruled, character) for character in text]) + ruled.feed("", last=True)[0]
    assert passed == whole_of(rule, text)


@pytest.mark.parametrize("size", [1, 12, 100])
def test_a_find_that_waits_for_other_detectors_is_not_looked_for_anew(size: int) -> None:
    """The quotation mark before the address has gone on, and belongs to the pattern's match."""
    rule, text = rule_of("pii"), "'o'neil@b.de4111 1111 1111 1111"
    assert isinstance(rule, DetectRule)
    ruled, pieces = RuledText([StreamRule(rule)]), [text[at : at + size] for at in range(0, len(text), size)]
    passed = "".join([fed(ruled, piece) for piece in pieces]) + ruled.feed("", last=True)[0]
    assert passed == whole_of(rule, text) == "'[EMAIL]4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("text", "place"), [("tide ", 5), ("tide", 0), ("so AB ", 3), ("so ABC ", 7), ("so A ", 3), ("so 1 ", -1)]
)
def test_where_a_find_may_begin(text: str, place: int) -> None:
    rule = prepared("penstock.pii", {"redact": True}).hold
    assert isinstance(rule, DetectRule)
    assert rule.idle_until(text, 0) == place


def test_harmless_text_waits_for_no_more_than_its_last_word() -> None:
    rule = prepared("penstock.pii", {"redact": True}).hold
    assert rule is not None
    ruled = RuledText([StreamRule(rule)])
    assert ruled.feed("Reef the mainsail")[0] == "Reef the "
    assert ruled.feed(" before")[0] == "mainsail "


def test_finds_that_overlap_are_one() -> None:
    rule = prepared("penstock.pii", {"entities": ["card", "email"], "redact": True}).hold
    assert isinstance(rule, DetectRule)
    assert whole_of(rule, "to 4111111111111111@bank.example now") == "to [EMAIL] now"


def test_a_text_that_waits_too_long_is_decided() -> None:
    rule = prepared("penstock.secrets", {"redact": True}).hold
    assert isinstance(rule, DetectRule)
    held = rule.holding(100, denies=False, mask=None)
    key = "-----BEGIN PRIVATE KEY-----" + "A" * 200
    assert held.feed(key) == key
    assert held.overflowed

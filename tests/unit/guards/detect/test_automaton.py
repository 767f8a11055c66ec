import json
from typing import Any

import pytest
from ahocorasick_rs import AhoCorasick

from judging import guards_of
from penstock.core.body import Body
from penstock.dialects.openai.caller.texts import TEXTS
from penstock.guards.base import Phase
from penstock.guards.detect.automaton import places
from penstock.guards.detect.words import WordList
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.held_events import HeldEvents
from penstock.pipeline.guarding.at_once import judged_at_once
from penstock.pipeline.guarding.subject import Subject


def test_half_of_a_pair_among_the_words_hides_no_other_word() -> None:
    words = WordList(("first", "no \ud800", "last"))
    for text in ("the first", "the last", "no \ud800"):
        assert words.holds(text)
    assert not words.holds("no one")


HALVES = ["\ud800", "\udfff", "\ude00\ud83d"]
FINDING: list[dict[str, Any]] = [
    {"penstock.pii": {}},
    {"penstock.secrets": {}},
    {"penstock.words": {"words": ["forbidden"]}},
    {"penstock.words": {"words": ["forbidden"], "caseSensitive": True}},
    {"contains": {"words": ["forbidden"], "operator": "none"}},
    {"contains": {"words": ["forbidden"], "operator": "none", "caseSensitive": False}},
    {"regexMatch": {"rule": "forbidden", "not": True}},
]
BAD = "It is forbidden: mail ann@mail.test, use ghp_abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.mark.parametrize("half", HALVES)
def test_places_are_those_of_the_text(half: str) -> None:
    text = f"{half} bad {half}"
    assert [text[start:end] for _, start, end in places(AhoCorasick(["bad"]), text)] == ["bad"]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("check", FINDING, ids=lambda check: next(iter(check)))
def test_half_of_a_surrogate_pair_hides_nothing(check: dict[str, Any], half: str) -> None:
    plan, problems = guards_of({"input_guardrails": [{**check, "deny": True}]})
    assert plan is not None, problems
    for text in (f"{half}{BAD}", f"{BAD}{half}", f"It is {half} {BAD}"):
        body = Body.parse(json.dumps({"messages": [{"role": "user", "content": text}]}).encode())

        def read(value: Any) -> Any:
            return TEXTS.request("chatComplete", value)

        guarded = GuardedBody(body, read, lambda _: ["messages"], TEXTS.read_plain_chat)
        [run], _ = judged_at_once(
            plan.deciding, Subject(Phase.BEFORE, "chatComplete", "", guarded, read, lambda _: None)
        )
        assert run.denies


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("check", FINDING, ids=lambda check: next(iter(check)))
def test_it_hides_nothing_in_a_stream(check: dict[str, Any], half: str) -> None:
    plan, problems = guards_of({"output_guardrails": [{**check, "deny": True, "stream": "hold"}]})
    assert plan is not None, problems
    held = HeldEvents(plan.after, TEXTS, "chatComplete")
    for text in (half, "It ", *BAD.split("is")[1].partition("@"), half):
        delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
        held.feed(b"data: " + json.dumps(delta).encode() + b"\n\n")
    held.finish()
    assert held.denied

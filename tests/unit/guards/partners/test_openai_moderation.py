from typing import Any

import pytest

from judging import refused
from partnering import KEY, Recorded, told

KEYS: dict[str, Any] = {"credentials": {"apiKey": KEY}}
URL = "https://api.openai.com/v1/moderations"


def moderated(flagged: dict[str, bool], scores: dict[str, float] | None = None, asks: Any = "hello") -> Recorded:
    result = {"flagged": any(flagged.values()), "categories": flagged, "category_scores": scores or {}}
    reply = {"id": "modr-1", "model": "omni-moderation-latest", "results": [result]}
    shown = {"authorization": f"Bearer {KEY}"}
    return Recorded(URL, {"model": "omni-moderation-latest", "input": asks}, reply, shown)


@pytest.mark.parametrize(
    ("parameters", "recorded", "verdict"),
    [
        ({}, moderated({"hate": False, "violence": False}), True),
        ({}, moderated({"hate": True, "violence": False}), False),
        ({"categories": ["violence"]}, moderated({"hate": True, "violence": False}), True),
        ({"categories": ["violence"]}, moderated({"hate": True, "violence": True}), False),
        ({"not": True}, moderated({"hate": True}), True),
        ({"threshold": 0.4}, moderated({"hate": False}, {"hate": 0.5}), False),
        ({"threshold": 0.6}, moderated({"hate": True}, {"hate": 0.5}), True),
        (
            {"threshold": {"hate": 0.4}},
            moderated({"hate": False, "violence": False}, {"hate": 0.3, "violence": 0.9}),
            True,
        ),
        ({"threshold": {"violence": "0.4"}}, moderated({"hate": False, "violence": False}, {"violence": 0.9}), False),
    ],
)
def test_a_moderation(parameters: dict[str, Any], recorded: Recorded, verdict: bool) -> None:
    judgement = told("openai.moderation", {**KEYS, **parameters}, "hello", recorded)
    assert (judgement.verdict, judgement.error, judgement.data["verdict"]) == (verdict, None, verdict)


def test_images_are_judged_too() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a.test/x.png"}}
    message = {"role": "user", "content": [{"type": "text", "text": "look"}, image]}
    recorded = moderated({"violence": True}, asks=[{"type": "text", "text": "look"}, image])
    assert not told("openai.moderation", KEYS, {"messages": [message]}, recorded).verdict
    other = {"type": "image_url", "image_url": {"url": "https://a.test/y.png"}}
    second = moderated({"violence": True}, asks=[other])
    first = moderated({"violence": False}, asks=[{"type": "text", "text": "look"}, image])
    two = {"role": "user", "content": [{"type": "text", "text": "look"}, image, other, image]}
    assert not told("openai.moderation", KEYS, {"messages": [two]}, first, second).verdict


@pytest.mark.parametrize("reply", [{}, {"results": [{}]}, {"results": [{"flagged": "no", "categories": {}}]}])
def test_a_reply_without_a_verdict(reply: Any) -> None:
    recorded = moderated({})
    recorded.reply = reply
    for name in ("openai.moderation", "portkey.moderateContent"):
        recorded = Recorded(recorded.url, recorded.body, reply)
        assert told(name, KEYS, "hello", recorded).error is not None


@pytest.mark.parametrize("parameters", [{"threshold": 0.4}, {"threshold": {"hate": 0.4}}])
def test_a_reply_without_the_scores_that_are_asked_for_tells_no_verdict(parameters: dict[str, Any]) -> None:
    recorded = moderated({"hate": True}, {"violence": 0.1})
    assert told("openai.moderation", {**KEYS, **parameters}, "hello", recorded).error is not None


def test_portkeys_check_of_the_same() -> None:
    recorded = moderated({"hate": True, "violence": False})
    judgement = told("portkey.moderateContent", {**KEYS, "categories": ["violence"]}, "hello", recorded)
    assert judgement.verdict
    assert judgement.data == {
        "verdict": True,
        "not": False,
        "explanation": judgement.data["explanation"],
        "flaggedCategories": [],
        "restrictedCategories": ["violence"],
        "allFlaggedCategories": ["hate"],
        "moderationResults": recorded.reply["results"][0],
        "textExcerpt": "hello",
    }
    refuses = told("portkey.moderateContent", {**KEYS, "categories": ["hate"]}, "hello", moderated({"hate": True}))
    assert not refuses.verdict


def test_what_is_refused() -> None:
    assert refused("openai.moderation", {}) == "p.credentials.apiKey"
    assert refused("openai.moderation", {**KEYS, "threshold": {"hate": "much"}}) == "p.threshold.hate"
    assert refused("portkey.moderateContent", {**KEYS, "threshold": 1}) == "p.threshold"

from typing import Any

import pytest

from judging import refused
from partnering import KEY, Recorded, told
from penstock.guards.base import Phase

KEYS: dict[str, Any] = {"credentials": {"apiKey": KEY}}
SHOWN = {"authorization": f"Bearer {KEY}"}


def moderated(flagged: list[str], **more: Any) -> Recorded:
    names = ("sexual", "pii", "law")
    reply = {"results": [{"categories": {name: name in flagged for name in names}, "category_scores": {}}]}
    body = {"model": "mistral-moderation-latest", "input": [[{"role": "user", "content": "hello"}]], **more}
    return Recorded("https://api.mistral.ai/v1/chat/moderations", body, reply, SHOWN)


@pytest.mark.parametrize(
    ("categories", "flagged", "told_flagged"),
    [(None, [], []), (None, ["law"], ["law"]), (["pii"], ["law"], []), (["pii", "sexual"], ["pii"], ["pii"])],
)
def test_a_chat(categories: Any, flagged: list[str], told_flagged: list[str]) -> None:
    parameters = {**KEYS, **({"categories": categories} if categories else {})}
    judgement = told("mistral.moderateContent", parameters, "hello", moderated(flagged))
    assert (judgement.verdict, judgement.data) == (not told_flagged, {"flagged_categories": told_flagged})


def test_the_last_message_is_judged_with_what_stands_before_it() -> None:
    """Mistral judges the last message of a conversation, by the others."""
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": [{"type": "text", "text": "three"}, {"type": "text", "text": "four"}]},
    ]
    last = {"role": "user", "content": "three\nfour"}
    recorded = moderated(["law"], input=[[*messages[:3], last]])
    assert not told("mistral.moderateContent", KEYS, {"messages": messages}, recorded, is_last_alone=True).verdict


def test_of_several_messages_each_is_the_last_of_a_conversation() -> None:
    messages = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    recorded = moderated([], input=[[messages[0]], messages])
    recorded.reply["results"] *= 2
    assert told("mistral.moderateContent", KEYS, {"messages": messages}, recorded).verdict
    recorded.reply["results"].pop()
    assert told("mistral.moderateContent", KEYS, {"messages": messages}, recorded).error is not None


def test_an_answer_is_a_text() -> None:
    recorded = moderated(["pii"], input=["hello"], model="m")
    recorded.url = "https://api.mistral.ai/v1/moderations"
    parameters = {**KEYS, "model": "m"}
    assert not told("mistral.moderateContent", parameters, "hello", recorded, phase=Phase.AFTER).verdict


def test_what_is_refused() -> None:
    assert refused("mistral.moderateContent", {**KEYS, "categories": ["nonsense"]}) == "p.categories"


@pytest.mark.parametrize("categories", [{}, [], {"pii": "yes"}, {"pii": None}])
def test_a_reply_without_a_verdict(categories: Any) -> None:
    recorded = moderated([])
    recorded.reply = {"results": [{"categories": categories}]}
    assert told("mistral.moderateContent", KEYS, "hello", recorded).error is not None

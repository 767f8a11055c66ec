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

from typing import Any

import pytest

from judging import Way, asked, refused
from partnering import KEY, Recorded, told
from penstock.core.segments import Segment
from penstock.guards.base import CheckError
from penstock.guards.partners.exchange import grouped, inside, objects, pieces, rewritten, walked

MISTRAL: dict[str, Any] = {"credentials": {"apiKey": KEY}}
URL = "https://api.mistral.ai/v1/chat/moderations"
ASKED = {"model": "mistral-moderation-latest", "input": [[{"role": "user", "content": "hello"}]]}


@pytest.mark.parametrize(
    ("reply", "status", "name"),
    [
        ({"message": "hello is bad"}, 401, "HttpError"),
        (b"<html>hello</html>", 200, "Error"),
        ([], 200, "Error"),
        ({"results": []}, 200, "Error"),
        ({"results": [{"categories": None}]}, 200, "Error"),
    ],
)
def test_a_partner_that_does_not_decide(reply: Any, status: int, name: str) -> None:
    judgement = told("mistral.moderateContent", MISTRAL, "hello", Recorded(URL, ASKED, reply, status=status))
    assert judgement.error is not None
    assert (judgement.verdict, judgement.error.name) == (False, name)
    assert "Mistral" in judgement.error.message
    assert "hello" not in repr(judgement)


def test_a_partner_that_can_not_be_asked() -> None:
    late = Way(lambda _: CheckError("late", "TimeoutError"))
    judgement = asked("mistral.moderateContent", MISTRAL, "hello", late)
    assert judgement.error == CheckError("Mistral: late", "TimeoutError")


def test_no_text_is_an_error_and_nobody_is_asked() -> None:
    assert told("mistral.moderateContent", MISTRAL, "").error is not None


def test_texts_that_need_too_many_calls_are_an_error() -> None:
    parameters = {"analyzerUrl": "https://presidio.test"}
    message = {"role": "user", "content": [{"type": "text", "text": "a"}] * 65}
    judgement = told("presidio.pii", parameters, {"messages": [message]})
    assert judgement.error is not None
    assert "64 calls" in judgement.error.message


def test_the_time_limit_is_the_checks() -> None:
    way = Way(lambda _: CheckError("late"))
    asked("mistral.moderateContent", {**MISTRAL, "timeout": 1500}, "hello", way)
    asked("mistral.moderateContent", MISTRAL, "hello", way)
    assert [request.timeout for request in way.sent] == [1.5, 5.0]


def test_missing_credentials_are_told_by_path() -> None:
    assert refused("mistral.moderateContent", {}) == "p.credentials.apiKey"
    assert refused("mistral.moderateContent", {"credentials": {"apiKey": 1}}) == "p.credentials.apiKey"
    assert refused("mistral.moderateContent", {"credentials": "x"}) == "p.credentials"


def test_pieces_of_a_text() -> None:
    assert pieces("", 10) == []
    assert pieces("a" * 25, 10) == ["a" * 10, "a" * 10, "a" * 5]
    text = "word " * 1000
    assert "".join(pieces(text, 300)) == text
    assert all(piece.endswith(" ") for piece in pieces(text, 300))


def test_parts_of_replies() -> None:
    assert grouped([1, 2, 3], 2) == [[1, 2], [3]]
    assert objects([1, {"a": 1}]) == [{"a": 1}]
    assert objects("x") == []
    assert inside({"a": {"b": 1}}, "a", "b") == 1
    assert inside({"a": []}, "a", "b") is None
    assert {each.get("a") for each in walked([{"a": 1, "b": [{"a": 2}]}])} == {1, 2}
    segment = Segment(("x",), "old")
    assert rewritten([segment], ["new", "more"]) is None
    assert rewritten([segment], [None]) is None
    assert rewritten([segment], ["old"]) == ()

"""A config's parameters where other wires have their own names for them."""

import json
from typing import Any

import pytest

from penstock.core.body import Body, BodyError
from penstock.core.chat import ChatRequest
from penstock.dialects.caller import FittedRequest
from penstock.dialects.config_members import limit_wins, renamed, within
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import CALLERS

NAMES = {"max_tokens": "limit", "stop": "ends"}


def body(**members: Any) -> Body:
    return Body.parse(json.dumps(members).encode())


def test_members_move_into_an_object_and_win() -> None:
    found = within(body(options={"limit": 9, "x": 1}, stop="a", max_tokens=3), "options", NAMES)
    assert json.loads(found.encode()) == {"options": {"limit": 3, "x": 1, "ends": ["a"]}}
    assert json.loads(within(body(options=None, stop=["a"]), "options", NAMES).encode()) == {"options": {"ends": ["a"]}}
    untouched = body(options={"limit": 9})
    assert within(untouched, "options", NAMES) is untouched
    with pytest.raises(BodyError):
        within(body(options=3, stop="a"), "options", NAMES)


@pytest.mark.parametrize("wire", ["cohere", "ollama", "ollama_generate"])
@pytest.mark.parametrize("member", ["max_tokens", "stop", "temperature", "messages", "x"])
def test_a_body_that_a_rule_tells_to_stay_stays(wire: str, member: str) -> None:
    relay, given = CALLERS[wire].relay, body(model="m", **{member: "a"})
    rule = relay.fits(WriteContext("m"))
    assert rule is not None
    fitted = relay.fit_request(given, WriteContext("m"))
    assert isinstance(fitted, FittedRequest)
    assert rule.holds(given) is (member in {"messages", "x"} or fitted.body is given)


def test_members_take_other_names_and_win() -> None:
    found = renamed(body(limit=9, max_tokens=3, stop="a"), NAMES)
    assert json.loads(found.encode()) == {"limit": 3, "ends": ["a"]}


def test_the_older_limit_of_a_config_wins_over_the_callers() -> None:
    parameters = {"max_completion_tokens": 9, "max_tokens": 3}
    limit_wins(body(max_tokens=3), parameters)
    assert parameters == {"max_tokens": 3}
    both = {"max_completion_tokens": 9, "max_tokens": 3}
    limit_wins(body(max_tokens=3, max_completion_tokens=9), both)
    limit_wins(body(), both)
    assert len(both) == 2


@pytest.mark.parametrize(
    ("wire", "members"),
    [
        ("gemini", {"contents": [{"parts": [{"text": "Hi"}]}], "generationConfig": {"maxOutputTokens": 9}}),
        ("responses", {"input": "Hi", "max_output_tokens": 9}),
        ("bedrock_converse", {"messages": [{"role": "user", "content": []}], "inferenceConfig": {"maxTokens": 9}}),
        ("ollama", {"messages": [{"role": "user", "content": "Hi"}], "options": {"num_predict": 9}}),
        ("cohere", {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}),
        ("anthropic", {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}),
    ],
)
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_every_callers_wire_lets_a_config_set_the_limit(wire: str, members: dict[str, Any], name: str) -> None:
    if wire == "bedrock_converse":
        members = {**members, "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    request = CALLERS[wire].reading.request(body(**{**members, name: 3}))
    assert isinstance(request, ChatRequest), request
    limits = [request.parameters.get(each) for each in ("max_completion_tokens", "max_tokens")]
    assert next(limit for limit in limits if limit is not None) == 3

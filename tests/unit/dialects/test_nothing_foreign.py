"""Requests that pass as they are, known by one look."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.body import Body
from penstock.dialects.caller import CallerDialect, FittedRequest
from penstock.dialects.dialect import WriteContext
from penstock.dialects.envelope import MARK
from penstock.dialects.nothing_foreign import NothingForeign, addressed_wire
from penstock.dialects.registry import CALLERS
from penstock.traits.resolve import resolve

RULE = NothingForeign("input", frozenset({"stop"}))


def body(**members: Any) -> Body:
    return Body.parse(json.dumps(members).encode())


@pytest.mark.parametrize(
    ("members", "holds"),
    [
        ({"input": "Hi", "model": "m"}, True),
        ({"model": "m"}, True),
        ({"input": [{"encrypted_content": f"{MARK}AA=="}]}, False),
        ({"input": f"about {MARK}"}, True),
        ({"other": MARK, "input": "Hi"}, True),
        ({"input": "Hi", "stop": None}, False),
    ],
)
def test_what_has_nothing_foreign(members: dict[str, Any], holds: bool) -> None:
    assert RULE.holds(body(**members)) is holds


def test_a_body_is_sent_as_it_is() -> None:
    as_it_is = body(input="Hi", model="m")
    assert RULE.sent(as_it_is) is as_it_is


def test_what_the_address_says_is_not_in_the_body() -> None:
    rule = addressed_wire("contents", ["stop"])
    assert rule.sent(body(model="m", contents=[], stream=True)).encode() == b'{"contents":[]}'
    assert not rule.holds(body(stop="x"))


CONVERSATIONS: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Hi"}],
    "contents": [{"role": "model", "parts": [{"text": "Hi", "thoughtSignature": f"{MARK}AA=="}]}],
    "input": [{"type": "reasoning", "encrypted_content": f"{MARK}AA=="}],
    "system_instruction": {"parts": [{"text": "Hi"}]},
    "generationConfig": {"maxOutputTokens": 3},
    "options": {"num_predict": 3},
    "temperature": 0.5,
    "max_tokens": 3,
    "stop": ["x"],
    "stream": True,
    "k": 2,
}


@pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)
@given(
    names=st.sets(st.sampled_from([*CONVERSATIONS])), provider=st.sampled_from(["openai", "groq", "google", "ollama"])
)
def test_what_a_rule_lets_pass_is_what_the_wire_makes_of_it(
    dialect: CallerDialect, names: set[str], provider: str
) -> None:
    context = WriteContext("m", provider, resolve("m", provider))
    rule = dialect.relay.fits(context)
    given_body = body(model="m", **{name: CONVERSATIONS[name] for name in sorted(names)})
    if rule is None or not rule.holds(given_body):
        return
    fitted = dialect.relay.fit_request(given_body, context)
    assert isinstance(fitted, FittedRequest)
    assert (fitted.body.encode(), fitted.dropped) == (rule.sent(given_body).encode(), ())

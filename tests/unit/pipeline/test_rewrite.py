"""A body for a target: the same in this process and in another, for every provider and both callers' wires."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

import calling
from calling import CHAT
from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.dialects.registry import CALLERS
from penstock.pipeline import prepare, rewrite
from penstock.pipeline.call import Call
from penstock.pipeline.rewrite import LIGHT, RewriteSpec, Rewritten, body_digest, read_places, rewrite_large
from penstock.pipeline.target_route import TargetBinder, TargetRoute
from penstock.providers.registry import PROVIDERS

TEXT = "x" * (2 * LIGHT)


def carried(value: Any) -> Any:
    """The value as another process gets it."""
    beside: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(value, 5, buffer_callback=beside.append)
    assert len(pickled) < LIGHT
    return pickle.loads(pickled, buffers=[bytes(buffer.raw()) for buffer in beside])  # noqa: S301


def draft_of(call: Call, route: TargetRoute) -> prepare._Draft | Failure:
    assert call.request is not None
    return prepare._draft(call, route, call.request)


def spec_for(provider: str, dialect: str) -> RewriteSpec | None:
    """What is done to a chat's body for a provider; None for one that needs more than a key."""
    options = {option.name: "a-1" for option in PROVIDERS[provider].options if option.required}
    to = calling.target(provider, options=options)
    bound = TargetBinder(PROVIDERS, calling.LIMITS, {}).bind(to, Operation.CHAT)
    if isinstance(bound, Failure):
        return None
    draft = draft_of(calling.call(CHAT, CALLERS[dialect]), bound)
    return draft.spec if isinstance(draft, prepare._Draft) else None


@pytest.mark.parametrize("dialect", list(CALLERS))
@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_every_spec_can_be_given_to_another_process(provider: str, dialect: str) -> None:
    spec = spec_for(provider, dialect)
    if spec is None:
        pytest.skip("it needs more than a key")
    messages = [{"role": "user", "content": TEXT}]
    body = Body.parse(json.dumps({**CHAT, "messages": messages}).encode())
    here = rewrite.rewrite(spec, body)
    there = carried(rewrite_large(*carried((spec, body, False))))
    if isinstance(here, Failure):
        assert there == here
        return
    assert (there.payload, there.dropped, there.headers) == (here.payload, here.dropped, here.headers)
    assert "messages" not in there.body
    assert there.body.raw("model") == here.body.raw("model")


def test_most_providers_are_tried() -> None:
    specs = [spec_for(provider, "openai_chat") for provider in PROVIDERS]
    assert sum(spec is not None for spec in specs) > 0.7 * len(PROVIDERS)


def test_a_spec_holds_no_credential() -> None:
    route = calling.route(calling.target("anthropic", api_key=Secret("sk-canary")))
    assert isinstance(route, TargetRoute)
    draft = draft_of(calling.call(CHAT), route)
    assert isinstance(draft, prepare._Draft)
    assert b"sk-canary" in draft.headers
    assert b"sk-canary" not in pickle.dumps(draft.spec)


@pytest.mark.parametrize(
    "data",
    [
        b'{"model":"m","messages":[{"role":"user"}],"stream":true}',
        b' { "model" : "m" ,\n"messages":[ ] , "a\\"b" : 1.10 } ',
        b'{"model":"m","messages":[],"model":"n"}',
        b'{"messages":[{"content":"\\ud83d"}],"model":"m"}',
        b'\xef\xbb\xbf{"model":"m"}',
        b"{}",
    ],
)
def test_a_body_that_was_read_elsewhere_is_the_same(data: bytes) -> None:
    expected = CALLERS["openai_chat"].reading.body(data)
    found = rewrite.located(data, carried(read_places(memoryview(data))))
    assert not isinstance(expected, Failure)
    assert not isinstance(found, Failure)
    assert found.body.encode() == expected.body.encode()
    assert (found.model, found.stream) == (expected.model, expected.stream)


@pytest.mark.parametrize("data", [b"[]", b"{", b'{"model":7}', b'{"model":"%b"}' % (b"m" * 3000)])
def test_a_body_that_is_refused_elsewhere(data: bytes) -> None:
    found = rewrite.located(data, carried(read_places(memoryview(data))))
    assert found == CALLERS["openai_chat"].reading.body(data)
    assert isinstance(found, Failure)


def test_the_cache_tells_bodies_apart_by_what_they_ask() -> None:
    def digest(text: str) -> bytes:
        return body_digest(Body.parse(text.encode()))

    same = digest('{"model":"m","messages":[{"a":1}],"stream":true}')
    assert same == digest('{"messages": [ {"a": 1} ], "model":"m", "stream_options":{}}')
    assert same != digest('{"messages":[{"a":2}],"model":"m"}')
    assert body_digest(None) == digest("{}")


def test_a_digest_comes_with_the_body_where_it_is_wanted() -> None:
    spec = spec_for("openai", "openai_chat")
    assert spec is not None
    body = Body.parse(b'{"model":"m","messages":[]}')
    plain, keyed = rewrite_large(spec, body, False), rewrite_large(spec, body, True)
    assert isinstance(plain, Rewritten)
    assert isinstance(keyed, Rewritten)
    assert (plain.digest, keyed.digest) == (b"", body_digest(body))

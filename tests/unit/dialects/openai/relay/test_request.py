"""A request on lane 1: what a host of OpenAI's wire refuses or calls otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.core.traits import Traits
from penstock.dialects.chat_quirks import ChatQuirks, Drop, Rename
from penstock.dialects.dialect import WriteContext
from penstock.dialects.openai.relay.request import fit_request, fits_of, without_refused
from penstock.providers.registry import PROVIDERS
from penstock.traits.resolve import resolve

BODY = Body.parse(b'{"model":"m","messages":[{"role":"developer","content":"x"}],"seed":7,"user":null,"logprobs":true}')
LINK = ("a reason", "https://example.com")


def test_a_host_without_quirks_gets_the_body_as_it_is() -> None:
    assert without_refused(BODY, ChatQuirks(developer_role=True))[0] is BODY


def test_renames_and_drops_are_reported() -> None:
    quirks = ChatQuirks(
        renames=(Rename("seed", "random_seed", *LINK), Rename("absent", "x", *LINK)),
        drops=(Drop("logprobs", *LINK), Drop("n", *LINK)),
        developer_role=True,
    )
    changed, dropped = without_refused(BODY, quirks)
    assert list(changed) == ["model", "messages", "random_seed", "user"]
    assert dropped == ("logprobs",)


def test_a_name_that_is_there_already_gives_way_and_is_named() -> None:
    body = Body.parse(b'{"max_tokens":1,"max_completion_tokens":2}')
    quirks = ChatQuirks(renames=(Rename("max_completion_tokens", "max_tokens", *LINK),))
    changed, dropped = without_refused(body, quirks)
    assert changed.encode() == b'{"max_tokens":2}'
    assert dropped == ("max_tokens",)


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        (b'[{"role": "developer", "content": 1.10}]', b'[{"role":"system","content":1.10}]'),
        (b'[ {"role":"user","content":"\\"developer\\""} ]', b'[ {"role":"user","content":"\\"developer\\""} ]'),
        (b'[{"name":"developer","role":"user"}]', b'[{"name":"developer","role":"user"}]'),
        (b'[{"role":"developer"}, 5]', b'[{"role":"developer"}, 5]'),
        (b'["developer"]', b'["developer"]'),
    ],
)
def test_the_developer_role_gets_its_older_name(messages: bytes, sent: bytes) -> None:
    changed, _ = without_refused(Body.parse(b'{"messages":' + messages + b"}"), ChatQuirks())
    assert changed.raw("messages") == sent


def test_the_limits_of_a_model_apply_where_the_host_says_so() -> None:
    body = Body.parse(b'{"model":"m","temperature":2,"messages":[]}')
    traits = Traits(refuses=frozenset({"temperature"}))
    for applies, dropped in ((True, ("temperature",)), (False, ())):
        context = WriteContext("m", "unit", traits, quirks=ChatQuirks(applies_model_limits=applies))
        fitted = fit_request(body, context)
        assert not hasattr(fitted, "kind")
        assert fitted.dropped == dropped


SYSTEM, ASK = {"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hi"}
CALLING = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}]}
MODELS = [
    "m",
    "gpt-4o-mini",
    "o3-mini",
    "gpt-5.2",
    "o1-mini",
    "deepseek-reasoner",
    "qwen3-32b",
    "kimi-k2-thinking",
    "glm-4.6",
    "grok-4",
    "claude-sonnet-4-5",
    "mistral-small-latest",
    "magistral-small",
    "llama-3.3-70b",
    "gemma-3-27b-it",
]
ASKED: list[dict[str, Any]] = [
    {},
    {"temperature": 0.5, "top_p": 0.9, "presence_penalty": 1, "frequency_penalty": 1, "logit_bias": {}},
    {"max_tokens": 9},
    {"max_completion_tokens": 9, "seed": 7, "user": "u", "n": 1},
    {"reasoning_effort": "low"},
    {"reasoning_effort": "none", "stream": True},
    {"thinking": {"type": "enabled"}, "enable_thinking": False},
    {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto", "parallel_tool_calls": True},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}, "logprobs": True},
    {"cache_control": {"type": "ephemeral"}, "store": True, "metadata": {}, "service_tier": "flex", "made_up": 1},
]
TOLD: list[list[Any]] = [
    [ASK],
    [SYSTEM, ASK],
    [{"role": "developer", "content": "Be brief"}, ASK],
    [ASK, CALLING, {"role": "tool", "tool_call_id": "c", "content": "7"}],
    [{"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}],
    [ASK, {"role": "assistant", "content": "Hi", "reasoning": "x", "annotations": []}, ASK],
    [ASK, {"role": "assistant", "content": "Hi"}, {"role": "assistant", "content": "!"}],
]


@pytest.mark.parametrize("provider", list(PROVIDERS))
def test_what_one_look_tells_of_a_request_is_so(provider: str) -> None:
    quirks = PROVIDERS[provider].quirks
    for model in MODELS:
        context = WriteContext(model, provider, resolve(model, provider), quirks=quirks)
        rule = fits_of(context)
        for asked in ASKED:
            for messages in TOLD:
                body = Body.parse(json.dumps({"model": model, "messages": messages, **asked}).encode())
                if rule is not None and rule.holds(body):
                    fitted = fit_request(body, context)
                    assert not isinstance(fitted, Failure)
                    assert (fitted.body.encode(), fitted.dropped, fitted.headers) == (body.encode(), (), ())


def test_most_requests_are_told_by_one_look() -> None:
    def holds(provider: str) -> bool:
        rule = fits_of(WriteContext("m", provider, resolve("m", provider), quirks=PROVIDERS[provider].quirks))
        body = Body.parse(json.dumps({"model": "m", "messages": [SYSTEM, ASK], "temperature": 1, "stop": "x"}).encode())
        return rule is not None and rule.holds(body)

    assert sum(map(holds, PROVIDERS)) > 0.8 * len(PROVIDERS)
    assert not holds("cerebras")  # it refuses what it doesn't know

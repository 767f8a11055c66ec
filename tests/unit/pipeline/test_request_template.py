"""Templates of requests: which lane, what model, and whether the host serves it at all."""

from __future__ import annotations

import json

import msgspec
import pytest

from calling import ANTHROPIC, CHAT, OPENAI, call, prepared, refused, route, target
from penstock.core.failure import Kind
from penstock.core.operation import Operation
from penstock.dialects.caller import CallerDialect


@pytest.mark.parametrize(
    ("dialect", "provider", "lane"),
    [
        (OPENAI, "groq", 1),
        (ANTHROPIC, "anthropic", 1),
        (OPENAI, "dashscope", 1),
        (ANTHROPIC, "dashscope", 1),
        (OPENAI, "anthropic", 2),
        (ANTHROPIC, "cerebras", 2),
    ],
)
def test_the_lane_is_the_hosts_wires_to_choose(dialect: CallerDialect, provider: str, lane: int) -> None:
    request = prepared(call(CHAT, dialect), route(target(provider)))
    assert request.lane == lane
    assert (request.context is None, request.translation is None) == (lane == 2, lane == 1)
    assert (request.method, request.dialect, request.model) == (b"POST", dialect, "m")


def test_each_wire_of_a_host_has_its_own_place() -> None:
    ours, theirs = (prepared(call(CHAT, dialect), route(target("dashscope"))) for dialect in (OPENAI, ANTHROPIC))
    assert ours.target == b"/compatible-mode/v1/chat/completions"
    assert theirs.target == b"/apps/anthropic/v1/messages"


def test_a_place_may_want_its_own_word_for_the_model() -> None:
    azure = {"resource_name": "r", "deployment_id": "d", "api_version": "v1"}
    request = prepared(call(CHAT), route(target("azure-openai", options=azure)))
    assert json.loads(request.payload)["model"] == "d"
    assert request.model == "m"


def test_a_deployments_model_is_named() -> None:
    options = {"resource_name": "res", "deployment_id": "prod", "api_version": "v1"}
    asked = call({**CHAT, "model": "prod", "max_tokens": 10, "temperature": 0.2})
    named = prepared(asked, route(target("azure-openai", options={**options, "base_model": "gpt-5"})))
    assert json.loads(named.payload)["max_completion_tokens"] == 10
    assert named.dropped == ("temperature",)
    by_deployment = prepared(asked, route(target("azure-openai", options={**options, "deployment_id": "gpt-5-mini"})))
    assert json.loads(by_deployment.payload)["max_completion_tokens"] == 10
    hidden = prepared(asked, route(target("azure-openai", options=options)))
    assert json.loads(hidden.payload)["max_tokens"] == 10


@pytest.mark.parametrize(
    ("dialect", "operation", "provider"),
    [
        (OPENAI, Operation.COUNT_TOKENS, "anthropic"),
        (ANTHROPIC, Operation.EMBEDDINGS, "openai"),
        (ANTHROPIC, Operation.MODELS, "openai"),
    ],
)
def test_only_chats_are_translated(dialect: CallerDialect, operation: Operation, provider: str) -> None:
    body = CHAT if operation.has_body else None
    failure = refused(call(body, dialect, operation), route(target(provider), operation))
    assert failure.kind is Kind.UNSUPPORTED_OPERATION
    assert dialect.name in failure.message


@pytest.mark.parametrize(
    ("dialect", "operation", "provider", "path"),
    [
        (ANTHROPIC, Operation.COUNT_TOKENS, "anthropic", b"/v1/messages/count_tokens"),
        (OPENAI, Operation.EMBEDDINGS, "openai", b"/v1/embeddings"),
    ],
)
def test_in_the_hosts_own_wire_other_operations_pass(
    dialect: CallerDialect, operation: Operation, provider: str, path: bytes
) -> None:
    request = prepared(call(CHAT, dialect, operation), route(target(provider), operation))
    assert (request.lane, request.target, json.loads(request.payload)) == (1, path, CHAT)


def test_a_request_names_its_model() -> None:
    failure = refused(call({"messages": []}), route())
    assert (failure.kind, failure.param) == (Kind.INVALID_REQUEST, "model")
    assert prepared(call({"messages": []}), route(target(default_params={"model": b'"d"'}))).model == "d"


def test_a_virtual_key_may_allow_some_models_only() -> None:
    to = route(target(models=("gpt-*",), virtual_key="v"))
    failure = refused(call(CHAT), to)
    assert (failure.kind, failure.param) == (Kind.MODEL_NOT_ALLOWED, "model")
    assert prepared(call({**CHAT, "model": "gpt-5"}), to).model == "gpt-5"


def test_an_aliased_model_counts_by_its_own_name() -> None:
    aws = {"aws_region": "eu-west-1"}
    to = route(target("bedrock", options=aws))
    body = {**CHAT, "model": "arn:aws:bedrock:eu-west-1:1:application-inference-profile/a", "top_k": 5}
    assert prepared(call(body), to).dropped == ("top_k",)
    aliased = msgspec.structs.replace(to, aliased_model="anthropic.claude-3-haiku-20240307-v1:0")
    assert prepared(call(body), aliased).dropped == ()

"""The type of each request, and which checks judge those without texts."""

from __future__ import annotations

import pytest

from judging import guards_of
from penstock.core.body import Body
from penstock.core.operation import Operation
from penstock.dialects.caller import RequestBody
from penstock.dialects.registry import CALLERS
from penstock.guards.checks.access import _TYPES
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.pipeline.call import Call
from penstock.pipeline.guarding.request_types import hooks_without_texts, request_type


def call(operation: Operation, method: str = "POST", path: str = "/v1/x", model: str | None = None) -> Call:
    request = None if model is None else RequestBody(Body({}), model, stream=False)
    account = Account(Records(), method, path)
    return Call(operation, CALLERS["openai_chat"], [], {}, b"", b"", account, path, request=request)


@pytest.mark.parametrize("operation", [each for each in Operation if not each.lists_models])
def test_every_operation_has_a_type_that_guards_know(operation: Operation) -> None:
    assert request_type(call(operation)) in _TYPES


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/v1/files", "uploadFile"),
        ("GET", "/v1/files/file-1", "retrieveFile"),
        ("GET", "/v1/files/file-1/content", "retrieveFileContent"),
        ("DELETE", "/v1/files/file-1", "deleteFile"),
        ("POST", "/v1/batches", "createBatch"),
        ("GET", "/v1/messages/batches", "listBatches"),
        ("POST", "/v1/batches/b/cancel", "cancelBatch"),
        ("GET", "/v1/fine_tuning/jobs", "listFinetunes"),
        ("POST", "/v1/threads", "proxy"),
        ("PUT", "/v1/files", "proxy"),
    ],
)
def test_what_providers_keep(method: str, path: str, name: str) -> None:
    assert request_type(call(Operation.PROXY, method, path)) == name
    assert name in _TYPES


@pytest.mark.parametrize(
    ("operation", "dialect", "name"),
    [
        (Operation.COUNT_TOKENS, "anthropic", "messages"),
        (Operation.COUNT_TOKENS, "gemini", "generateContent"),
        (Operation.RESPONSE_TOKENS, "responses", "createModelResponse"),
    ],
)
def test_counting_is_of_the_type_of_what_it_counts_for(operation: Operation, dialect: str, name: str) -> None:
    one = call(operation)
    one.dialect = CALLERS[dialect]
    assert request_type(one) == name


def test_checks_that_need_no_texts() -> None:
    hook = {
        "allowedRequestTypes": {"allowedTypes": ["embed"]},
        "modelWhitelist": {"models": ["m"]},
        "contains": {"words": ["a"], "operator": "none"},
    }
    plan, problems = guards_of({"input_guardrails": [hook, {**hook, "async": True}]})
    assert plan is not None
    assert problems == []

    def chosen(one: Call) -> list[list[str]]:
        return [[check.id for check in hook.checks] for hook in hooks_without_texts(plan.before, one)]

    assert chosen(call(Operation.PROXY)) == [["default.allowedRequestTypes"]]
    named = call(Operation.IMAGE_VARIATIONS, model="m")
    assert chosen(named) == [["default.allowedRequestTypes", "default.modelWhitelist"]]

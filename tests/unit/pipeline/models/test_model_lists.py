"""Lists of models against bodies; tests/e2e/test_gateway_keys.py runs the table of bypasses through whole requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calling import target
from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.pipeline.models.model_lists import ModelLists, model_lists, names_model
from penstock.providers.registry import PROVIDERS

MINI = ModelLists(by_gateway_key=("mini", "@v/*"))


def refused(body: Any, lists: ModelLists = MINI, *, needs_model: bool = True) -> Failure | None:
    return lists.refused_body(Body.parse(json.dumps(body).encode()), {"mini"}, needs_model=needs_model)


def test_without_a_list_nothing_is_judged() -> None:
    assert model_lists(target("openai"), PROVIDERS["openai"], {}) is None
    assert model_lists(target("openai", models=()), PROVIDERS["openai"], {}) == ModelLists(by_virtual_key=())


def test_settings_that_choose_a_model_are_judged_with_it() -> None:
    options = {"deployment_id": "big", "resource_name": "r"}
    lists = model_lists(target("azure-openai", key_models=("mini",)), PROVIDERS["azure-openai"], options)
    assert lists == ModelLists(by_gateway_key=("mini",), settings=("big",))
    for model in ("mini", None):
        failure = lists.refused(model)
        assert failure is not None
        assert failure.message == "Your gateway key does not allow the model 'big': choose another."


@pytest.mark.parametrize(
    ("lists", "model", "may"),
    [
        (MINI, "mini", True),
        (MINI, "other", False),
        (MINI, None, False),
        (ModelLists("v", by_gateway_key=("@v/*",)), "anything", True),
        (ModelLists("w", by_gateway_key=("@v/*",)), "anything", False),
        (ModelLists("v", ("m*",), ("mini",)), "mini", True),
        (ModelLists("v", ("m*",), ("mini",)), "max", False),
        (ModelLists("v", ("x",), ("mini",)), "mini", False),
        (ModelLists("v", ("m*",)), "mini,max", True),
        (ModelLists("v", ("m*",)), "mini,other", False),
    ],
)
def test_a_model_needs_every_list(lists: ModelLists, model: str | None, may: bool) -> None:
    failure = lists.refused(model)
    assert (failure is None) is may
    assert failure is None or failure.kind is Kind.MODEL_NOT_ALLOWED


def test_the_body_must_name_the_model_that_was_judged() -> None:
    assert refused({"model": "mini"}) is None
    assert refused({"messages": []}) is not None
    assert refused({"messages": []}, needs_model=False) is None
    for model in ("max", None, ["mini"], 7):
        failure = refused({"model": model})
        assert failure is not None
        assert failure.param == "model"


@pytest.mark.parametrize("depth", [1, 50, 400])
def test_depth_hides_nothing_and_breaks_nothing(depth: int) -> None:
    nested: Any = {"models": ["max"]}
    for level in range(depth):
        nested = {"a": nested} if level % 2 else [nested]
    failure = refused({"model": "mini", "options": nested})
    assert failure is not None
    assert failure.param == "options"


@pytest.mark.parametrize("kind", [[], {}, ["function"]])
def test_a_tool_whose_type_is_no_text_hides_nothing(kind: Any) -> None:
    assert refused({"model": "mini", "tools": [{"type": kind, "name": "f"}]}) is None
    assert refused({"model": "mini", "tools": [{"type": kind, "model": "max"}]}) is not None


def test_switches_and_null_name_no_model() -> None:
    assert refused({"model": "mini", "models": None, "use_model": True, "x": {"model": [False, None]}}) is None
    assert refused({"model": "mini", "models": [1]}) is not None


def test_headers_that_may_choose_a_model() -> None:
    assert [
        name for name in ("x-model", "azureml-model-deployment", "x-portkey-config", "x-team") if names_model(name)
    ] == [
        "x-model",
        "azureml-model-deployment",
        "x-portkey-config",
    ]

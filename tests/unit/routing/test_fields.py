"""Reading an object of a config: spellings, types, and what a refusal says."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from penstock.core.failure import Failure, Kind
from penstock.core.outcome import ErrorClass
from penstock.routing.fields import Fields, settled

Read = Callable[[Fields], Any]


def refusal(read: Read, values: dict[str, Any]) -> Failure:
    fields = Fields(values, "config.targets[0]")
    read(fields)
    failure = fields.budget.problems.failure()
    assert failure is not None
    return failure


def reading(name: str) -> Read:
    """The method of that name, asked for the key ``k``."""
    return lambda fields: getattr(fields, name)("k")


# Spellings.


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("api_key", "api_key"),
        ("apiKey", "api_key"),
        ("onStatusCodes", "on_status_codes"),
        ("strictOpenAiCompliance", "strict_open_ai_compliance"),
        ("strictOpenaiCompliance", "strict_open_ai_compliance"),
        ("strict_openai_compliance", "strict_open_ai_compliance"),
        ("useRetryAfterHeader", "use_retry_after_header"),
        ("use_retry_after_headers", "use_retry_after_header"),
        ("useRetryAfterHeaders", "use_retry_after_header"),
        ("awsS3Bucket", "aws_s3_bucket"),
        ("isOpen", "is_open"),
        ("$and", "$and"),
        ("URL", "URL"),
        ("", ""),
    ],
)
def test_both_spellings_are_one_key(written: str, known: str) -> None:
    assert settled({written: 1}) == {known: 1}
    assert settled([{"targets": [{written: {written: None}}]}]) == [{"targets": [{known: {known: None}}]}]


def test_the_spelling_with_the_capitals_of_openai() -> None:
    assert settled({"strictOpenAICompliance": False}) == {"strict_open_ai_compliance": False}


@pytest.mark.parametrize(
    "key", ["override_params", "default_params", "metadata", "conditions", "vertex_service_account_json"]
)
def test_what_is_sent_or_matched_as_it_is_keeps_its_keys(key: str) -> None:
    first, *rest = key.split("_")
    camel = first + "".join(word.capitalize() for word in rest)
    value = {"maxTokens": 1, "inner": [{"topP": 2}]}
    assert settled({key: value}) == settled({camel: value}) == {key: value}


# Types.

WRONG = {"string": "x", "number": 3, "boolean": True, "array": [], "object": {}}


TYPES = {
    "text": "string",
    "switch": "boolean",
    "number": "number",
    "array": "array",
    "texts": "array",
    "object": "object",
    "status_codes": "array",
    "error_classes": "array",
}


@pytest.mark.parametrize(
    ("method", "given", "expected"),
    [
        ("text", "x", "x"),
        ("text", "", ""),
        ("text", None, None),
        ("switch", False, False),
        ("switch", None, None),
        ("number", 3, 3.0),
        ("number", -0.5, -0.5),
        ("number", 2**70, float(2**70)),
        ("number", None, None),
        ("array", [1, None], [1, None]),
        ("array", None, None),
        ("texts", ["a"], ("a",)),
        ("texts", [], ()),
        ("texts", None, None),
        ("object", None, None),
        ("status_codes", [429, "500", 503.0, 429], frozenset({429, 500, 503})),
        ("status_codes", [], frozenset()),
        ("status_codes", None, None),
        ("error_classes", ["auth", "timeout"], frozenset({ErrorClass.AUTH, ErrorClass.TIMEOUT})),
        ("error_classes", [], frozenset()),
        ("error_classes", None, None),
    ],
)
def test_reading_a_key(method: str, given: Any, expected: Any) -> None:
    assert reading(method)(Fields({"k": given}, "config")) == expected


@pytest.mark.parametrize("method", TYPES)
def test_an_absent_key_is_none(method: str) -> None:
    assert reading(method)(Fields({}, "config")) is None


def test_an_object_knows_where_it_stands() -> None:
    inner = Fields({"k": {"a": 1}}, "config").object("k")
    assert inner is not None
    assert (inner.values, inner.path, inner.at("a")) == ({"a": 1}, "config.k", "config.k.a")


@pytest.mark.parametrize(
    ("method", "received"), [(method, name) for method, fits in TYPES.items() for name in WRONG if name != fits]
)
def test_another_type_is_told_in_the_references_words(method: str, received: str) -> None:
    expected = TYPES[method]
    failure = refusal(reading(method), {"k": WRONG[received]})
    assert (failure.kind, failure.status, failure.param) == (Kind.INVALID_CONFIG, 400, "config.targets[0].k")
    assert failure.plain == "Invalid config passed"
    assert failure.details == (f"path: targets,0,k, message: Expected {expected}, received {received}",)
    assert (
        failure.message == f"The config is not valid at config.targets[0].k: Expected {expected}, received {received}."
    )


@pytest.mark.parametrize(
    ("method", "given", "index", "reason"),
    [
        ("texts", ["a", 1], 1, "Expected string, received number"),
        ("texts", [None], 0, "Expected string, received null"),
        ("status_codes", [429, "many"], 1, "Expected number, received string"),
        ("status_codes", ["4.5"], 0, "Expected number, received string"),
        ("status_codes", ["-1"], 0, "Expected number, received string"),
        ("status_codes", ["²"], 0, "Expected number, received string"),
        ("status_codes", [True], 0, "Expected number, received boolean"),
        ("status_codes", [4.5], 0, "Expected number, received number"),
        ("status_codes", [[429]], 0, "Expected number, received array"),
        ("status_codes", [None], 0, "Expected number, received null"),
        ("error_classes", ["rate_limits"], 0, "there is no such class of errors: did you mean 'rate_limit'?"),
        ("error_classes", ["auth", 5], 1, "Expected string, received number"),
    ],
)
def test_a_bad_item_is_named_by_its_index(method: str, given: Any, index: int, reason: str) -> None:
    failure = refusal(reading(method), {"k": given})
    assert failure.param == f"config.targets[0].k[{index}]"
    assert failure.details == (f"path: targets,0,k,{index}, message: {reason}",)


def test_an_unheard_of_class_of_errors_gets_the_list() -> None:
    failure = refusal(reading("error_classes"), {"k": ["zzz"]})
    assert all(error.value in failure.message for error in ErrorClass)


@pytest.mark.parametrize(("value", "fine"), [(0, True), (1e9, True), (-0.1, False), (-5, False)])
def test_a_number_has_a_least_value(value: float, fine: bool) -> None:
    def read(fields: Fields) -> float | None:
        return fields.number("k", least=0)

    if fine:
        assert read(Fields({"k": value}, "config")) == value
    else:
        assert "at least 0" in refusal(read, {"k": value}).message


def test_an_integer_too_large_for_a_float_is_refused() -> None:
    assert refusal(reading("number"), {"k": 10**400}).kind is Kind.INVALID_CONFIG


@pytest.mark.parametrize("status", ["9" * 5000, math.inf, math.nan, 429.5])
def test_a_status_that_is_no_whole_number_is_refused(status: Any) -> None:
    assert refusal(reading("status_codes"), {"k": [status]}).kind is Kind.INVALID_CONFIG


# Keys.


@pytest.mark.parametrize(
    ("key", "only", "hint"),
    [
        ("atempts", False, "did you mean 'attempts'?"),
        ("on_status_code", False, "did you mean 'on_status_codes'?"),
        ("atmpt", True, "did you mean 'attempts'?"),
        ("zzz", True, "there are attempts, on_status_codes"),
    ],
)
def test_a_slip_of_the_pen_is_refused_with_what_was_meant(key: str, only: bool, hint: str) -> None:
    failure = refusal(lambda fields: fields.check_keys(["on_status_codes", "attempts"], only=only), {key: 1})
    assert failure.param == f"config.targets[0].{key}"
    assert failure.message.removesuffix(".").endswith(f"there is no such setting: {hint}")


@pytest.mark.parametrize("values", [{}, {"attempts": None}, {"zzz": 1}, {"openai_project": 1}, {"atmpt": 1}])
def test_keys_that_may_be_anything_are_let_pass(values: dict[str, Any]) -> None:
    Fields(values, "config").check_keys(["on_status_codes", "attempts"])


def test_a_misspelt_key_is_not_missing() -> None:
    fields = Fields({"atempts": 1}, "config.retry")
    fields.check_keys(["attempts"])
    fields.missing("attempts", "Required")
    failure = fields.budget.problems.failure()
    assert failure is not None
    assert (failure.param, failure.parts) == ("config.retry.atempts", ())


# Several problems.


def test_reading_goes_on_behind_a_problem() -> None:
    fields = Fields({"a": 1, "b": "x", "c": [1, "y", None], "d": -1}, "config")
    assert (fields.text("a"), fields.number("b"), fields.texts("c"), fields.number("d", least=0)) == (
        None,
        None,
        ("y",),
        None,
    )
    failure = fields.budget.problems.failure()
    assert failure is not None
    assert [each.param for each in failure.parts] == ["config.a", "config.b", "config.c[0]", "config.c[2]", "config.d"]


def test_an_inherited_key_stands_where_it_is_written() -> None:
    outer = Fields({"retry": 1, "strategy": {"mode": "fallback", "cb_config": 5}}, "config")
    inner = Fields(
        {"retry": 1, "cb_config": 5, "weight": 1}, "config.targets[0]", outer.budget, {"weight": 1}, None, outer
    )
    below = Fields({"retry": 1, "weight": 2}, "config.targets[0].targets[1]", outer.budget, {"weight": 2}, None, inner)
    assert [inner.at(key) for key in ("retry", "cb_config", "weight", "absent")] == [
        "config.retry", "config.strategy.cb_config", "config.targets[0].weight", "config.targets[0].absent",
    ]  # fmt: skip
    assert (below.at("retry"), below.at("weight")) == ("config.retry", "config.targets[0].targets[1].weight")

from typing import Any

import pytest

from judging import judged, refused
from penstock.guards.registry import check_of


def asked_for(model: str | None) -> dict[str, Any]:
    return {"messages": []} if model is None else {"model": model, "messages": []}


def test_they_fail_closed() -> None:
    names = "modelWhitelist modelRules requiredMetadataKeys requiredMetadataKeyPairs allowedRequestTypes"
    for name in names.split():
        check = check_of(name)
        assert check is not None
        assert check.fails_closed


@pytest.mark.parametrize(("model", "verdict"), [("a", True), ("b", False), ("openai/a", False)])
def test_model_whitelist(model: str, verdict: bool) -> None:
    judgement = judged("modelwhitelist", {"models": ["a"]}, asked_for(model))
    assert judgement.verdict is verdict
    assert (judgement.data["requestedModel"], judgement.data["allowedModels"]) == (model, ["a"])
    assert judged("modelWhitelist", {"models": ["a"], "not": True}, asked_for(model)).verdict is not verdict


def test_a_list_with_providers() -> None:
    assert judged("modelWhitelist", {"models": ["@openai/a"]}, asked_for("a")).verdict
    assert judged("modelWhitelist", {"models": ["openai/a"]}, asked_for("a")).verdict
    assert judged("modelWhitelist", {"models": ["a"]}, asked_for(None)).error is not None
    for listed, verdict in (("a", True), ("@my-key/a", True), ("my-key/a", False), ("@other/a", False)):
        assert judged("modelWhitelist", {"models": [listed]}, asked_for("@my-key/a")).verdict is verdict
    assert refused("modelWhitelist", {"models": "a"}) == "p.models"


RULES = {"defaults": ["base"], "metadata": {"team": {"a": ["x"], "b": ["y"]}, "all": {"true": ["*"]}}}


@pytest.mark.parametrize(
    ("metadata", "model", "verdict"),
    [
        ({}, "base", True),
        ({}, "x", False),
        ({"team": "a"}, "x", True),
        ({"team": "a"}, "base", False),
        ({"team": ["a", "b"]}, "y", True),
        ({"team": "c"}, "base", True),
        ({"all": True}, "anything", True),
    ],
)
def test_model_rules(metadata: dict[str, Any], model: str, verdict: bool) -> None:
    assert judged("modelRules", {"rules": RULES}, asked_for(model), metadata=metadata).verdict is verdict


def test_no_rule_is_an_error() -> None:
    assert judged("modelRules", {"rules": {"metadata": {}}}, asked_for("a")).error is not None
    assert refused("modelRules", {}) == "p.rules"
    assert refused("modelRules", {"rules": {"metdata": {}}}) == "p.rules.metdata"
    assert refused("modelRules", {"rules": {"metadata": {"team": []}}}) == "p.rules.metadata.team"


@pytest.mark.parametrize(
    ("operator", "verdict"),
    [("all", False), ("any", True), ("none", False)],
)
def test_metadata_keys(operator: str, verdict: bool) -> None:
    parameters = {"metadataKeys": ["team", "toString"], "operator": operator}
    judgement = judged("requiredMetadataKeys", parameters, "x", metadata={"team": None})
    assert judgement.verdict is verdict
    assert judgement.data["missing_metadata_keys"] == ["toString"]
    assert judgement.data["found_metadata_keys"] == ["team"]


@pytest.mark.parametrize(
    ("kind", "wanted", "given", "verdict"),
    [
        ("exact", "a", "a", True),
        ("exact", ["a", "b"], "b", True),
        ("exact", "a", "ab", False),
        ("exact", 1, 1, True),
        ("contains", "a", "xay", True),
        ("containsAll", ["a", "b"], "ab", True),
        ("containsAll", ["a", "b"], "a", False),
        ("regex", "^a+$", "aaa", True),
        ("regex", "^a+$", "ab", False),
    ],
)
def test_metadata_pairs(kind: str, wanted: Any, given: Any, verdict: bool) -> None:
    parameters = {"metadataPairs": {"k": wanted}, "matchType": kind}
    assert judged("requiredMetadataKeyPairs", parameters, "x", metadata={"k": given}).verdict is verdict


@pytest.mark.parametrize(
    ("parameters", "streams", "verdict", "mode"),
    [
        ({}, False, True, "unrestricted"),
        ({"allowedTypes": ["chatComplete"]}, False, True, "allowlist"),
        ({"allowedTypes": "embed, complete"}, False, False, "allowlist"),
        ({"blockedTypes": "chatComplete"}, False, False, "blocklist"),
        ({"allowedTypes": ["chatComplete"], "blockedTypes": ["embed"]}, False, True, "combined"),
        ({"blockedTypes": ["stream-chatComplete"]}, True, False, "blocklist"),
        ({"blockedTypes": ["stream-chatComplete"]}, False, True, "blocklist"),
    ],
)
def test_request_types(parameters: dict[str, Any], streams: bool, verdict: bool, mode: str) -> None:
    judgement = judged("allowedRequestTypes", parameters, "x", is_streaming=streams)
    assert (judgement.verdict, judgement.data["mode"]) == (verdict, mode)
    assert judgement.data["currentRequestType"] == "chatComplete"


@pytest.mark.parametrize(("allowed", "source"), [("", "default"), (None, "default"), ([], "parameters")])
def test_who_limits_the_types(allowed: Any, source: str) -> None:
    judgement = judged("allowedRequestTypes", {"allowedTypes": allowed}, "x")
    assert (judgement.verdict, judgement.data["source"]) == (True, source)


def test_only_the_operators_metadata_counts() -> None:
    theirs = {"supported_endpoints": ["embed"]}
    assert judged("allowedRequestTypes", {}, "x", metadata=theirs).verdict
    judgement = judged("allowedRequestTypes", {}, "x", operator_metadata={"supported_endpoints": "embed"})
    assert (judgement.verdict, judgement.data["source"]) == (False, "metadata")


@pytest.mark.parametrize("pairs", [{}, None, []])
def test_pairs_that_demand_nothing(pairs: Any) -> None:
    assert refused("requiredMetadataKeyPairs", {"metadataPairs": pairs}) == "p.metadataPairs"


def test_types_that_are_none_or_both() -> None:
    assert refused("allowedRequestTypes", {"allowedTypes": ["chat"]}) == "p.allowedTypes"
    both = {"allowedTypes": ["embed"], "blockedTypes": ["embed"]}
    assert refused("allowedRequestTypes", both) == "p.allowedTypes"

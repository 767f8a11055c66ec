"""Names of the semantic conventions."""

from __future__ import annotations

import math

import pytest

from penstock.observe.telemetry import conventions as named
from penstock.observe.telemetry.span import Attributes
from penstock.providers.registry import PROVIDERS


def test_every_well_known_provider_is_one_of_ours() -> None:
    assert named._PROVIDERS.keys() <= PROVIDERS.keys()
    assert named.provider_name("bedrock") == "aws.bedrock"
    assert named.provider_name("openai") == "openai"


@pytest.mark.parametrize(
    ("name", "value", "attribute"),
    [
        ("max_completion_tokens", 5, ("gen_ai.request.max_tokens", 5)),
        ("temperature", 1, ("gen_ai.request.temperature", 1.0)),
        ("stop", "a", ("gen_ai.request.stop_sequences", ("a",))),
        ("stop", ["a", "b"], ("gen_ai.request.stop_sequences", ("a", "b"))),
        ("top_k", 40, ("gen_ai.request.top_k", 40)),
        ("top_k", 40.5, None),
        ("reasoning_effort", "low", ("gen_ai.request.reasoning.level", "low")),
        ("reasoning_effort", None, None),
        ("previous_response_id", "resp_1", ("gen_ai.request.previous_response.id", "resp_1")),
        ("n", 2, ("gen_ai.request.choice.count", 2)),
        ("n", 1, None),
        ("seed", 1 << 70, None),
        ("seed", 1.5, None),
        ("seed", True, None),
        ("temperature", "hot", None),
        ("temperature", 10**400, None),
        ("top_p", -(10**400), None),
        ("top_p", math.inf, None),
        ("stop", [1], None),
        ("stop", None, None),
    ],
)
def test_parameters(name: str, value: object, attribute: object) -> None:
    assert named.parameter_attribute(name, value) == attribute


def test_an_older_version_has_fewer_names() -> None:
    latest: Attributes = {named.PROVIDER_NAME: "openai", named.CACHE_READ_TOKENS: 1, named.INPUT_TOKENS: 2}
    assert named.in_version({**latest}, "latest") == latest
    assert named.in_version({**latest}, "1.36") == {named.SYSTEM: "openai", named.INPUT_TOKENS: 2}
    older = named.in_version({named.REQUEST_TOP_K: 40, named.REASONING_LEVEL: "low"}, "1.36")
    assert older == {named.REQUEST_TOP_K: 40.0}
    assert isinstance(older[named.REQUEST_TOP_K], float)

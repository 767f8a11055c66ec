"""Names on Bedrock that don't say their model: where the control plane tells it, and what it tells."""

import json
from typing import Any

import pytest

from penstock.providers.bedrock_profiles import model_in, where_told

PROFILE = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"
CAPACITY = "arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/abc"


@pytest.mark.parametrize(
    ("name", "path"), [(PROFILE, "/inference-profiles/arn%3Aaws"), (CAPACITY, "/provisioned-model-throughput/arn%3A")]
)
def test_where_a_name_is_explained(name: str, path: str) -> None:
    url = where_told(name, {"aws_region": "eu-west-1"})
    assert url is not None
    assert url.origin.host == "bedrock.eu-west-1.amazonaws.com"
    assert url.origin.trusted
    assert url.path.startswith(path)


@pytest.mark.parametrize("name", ["amazon.nova-lite-v1:0", "", PROFILE + "/../x", "eu.anthropic.claude-sonnet-4"])
def test_other_names_say_their_model(name: str) -> None:
    assert where_told(name, {"aws_region": "eu-west-1"}) is None


@pytest.mark.parametrize(
    ("body", "model"),
    [
        ({"models": [{"modelArn": "arn:m/claude"}, {"modelArn": "arn:m/other"}]}, "arn:m/claude"),
        ({"foundationModelArn": "arn:m/nova"}, "arn:m/nova"),
        ({"models": "x"}, ""),
        ({"models": [1]}, ""),
        ({}, ""),
        ([], ""),
    ],
)
def test_the_model_in_the_answer(body: Any, model: str) -> None:
    assert model_in(json.dumps(body).encode()) == model


def test_what_is_no_json_names_no_model() -> None:
    assert model_in(b"<html>") == ""

"""Anthropic's wire at other hosts' paths: what its version and betas become where the host is another."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.dialects.anthropic.caller.hosts import RAW_PREDICT, fit_hosted
from penstock.dialects.caller import FittedRequest
from penstock.dialects.dialect import WriteContext

GIVEN = {
    "anthropic_version": "bedrock-2023-05-31",
    "anthropic_beta": ["a"],
    "messages": [],
    "model": "m",
    "stream": True,
}


def fitted(variant: str, **asked: str) -> tuple[dict[str, Any], dict[str, str]]:
    body = Body.parse(json.dumps(GIVEN).encode())
    found = fit_hosted(body, WriteContext("claude-x", "anthropic", variant=variant, asked=asked))
    assert isinstance(found, FittedRequest), found
    return json.loads(found.body.encode()), dict(found.headers)


def test_at_anthropics_own_api_they_are_header_fields() -> None:
    body, headers = fitted("")
    assert body == {"messages": [], "model": "claude-x", "stream": True}
    assert headers == {"anthropic-beta": "a"}
    assert fitted("", anthropic_beta="b")[1] == {"anthropic-beta": "b,a"}


@pytest.mark.parametrize("variant", ["bedrock", "vertex"])
def test_elsewhere_the_version_is_the_hosts(variant: str) -> None:
    body, _ = fitted(variant)
    assert body["anthropic_version"].startswith(variant)
    assert "model" not in body


def test_the_rest_is_anthropics() -> None:
    assert RAW_PREDICT.name == "anthropic"
    assert RAW_PREDICT.relay.fit_request is fit_hosted

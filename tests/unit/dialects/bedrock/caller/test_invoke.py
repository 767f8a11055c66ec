"""InvokeModel: whose a body is; Claude's in Anthropic's wire with AWS's frames, errors and header fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.dialects.bedrock.caller.errors import ERRORS
from penstock.dialects.bedrock.caller.frames import INVOKE_FORM
from penstock.dialects.bedrock.caller.invoke import GUARDRAIL, INVOKE, wire_of
from penstock.dialects.dialect import WriteContext
from penstock.traits.resolve import resolve


def test_it_is_anthropics_wire_in_aws_dress() -> None:
    assert INVOKE.name == "anthropic"
    assert INVOKE.errors is ERRORS
    assert INVOKE.delivery.stream_form is not None
    assert INVOKE.delivery.stream_form("") is INVOKE_FORM


@pytest.mark.parametrize(
    ("members", "wire"),
    [
        ({"anthropic_version": "bedrock-2023-05-31", "messages": [], "max_tokens": 1}, "invoke"),
        ({"messages": []}, "invoke"),
        ({"messages": [], "inferenceConfig": {"maxTokens": 1}}, "invoke_own"),
        ({"schemaVersion": "messages-v1", "messages": []}, "invoke_own"),
        ({"inputText": "Hi"}, "invoke_embed"),
        ({"inputImage": "aGk="}, "invoke_embed"),
        ({"inputText": "Hi", "textGenerationConfig": {}}, "invoke_own"),
        ({"texts": ["Hi"], "input_type": "search_query"}, "invoke_embed"),
        ({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {}}, "invoke_embed"),
        ({"taskType": "TEXT_IMAGE", "textToImageParams": {}}, "invoke_own"),
        ({"query": "q", "documents": ["a"], "api_version": 2}, "invoke_rerank"),
        ({"prompt": "Hi"}, "invoke_own"),
        ({"messages": None, "prompt": "Hi"}, "invoke_own"),
        ({"input_type": "search_query", "prompt": "Hi"}, "invoke_own"),
        ({"inputText": "Hi", "system": "Be rude"}, "invoke_own"),
        ({"query": "q", "documents": [], "message": "Hi"}, "invoke_own"),
        ({"model": "m", "stream": False, "inputText": "Hi", "normalize": True}, "invoke_embed"),
        ({}, "invoke_own"),
    ],
)
def test_a_body_says_whose_it_is(members: dict[str, Any], wire: str) -> None:
    assert wire_of(Body.parse(json.dumps(members).encode())) == wire


@pytest.mark.parametrize("variant", ["bedrock", ""])
def test_a_guardrail_is_never_left_out(variant: str) -> None:
    asked = {"guardrail_identifier": "g1", "guardrail_version": "2", "bedrock_trace": "ENABLED"}
    context = WriteContext("claude-x", "anthropic", resolve("claude-x", "anthropic"), variant=variant, asked=asked)
    fitted = INVOKE.relay.fit_request(Body.parse(b'{"model":"claude-x","messages":[],"max_tokens":1}'), context)
    if variant:
        assert not isinstance(fitted, Failure)
        assert (GUARDRAIL.decode(), "g1") in fitted.headers
        assert len(fitted.headers) == 3
    else:
        assert isinstance(fitted, Failure)
        assert fitted.param == GUARDRAIL.decode()

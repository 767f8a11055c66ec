"""What programs that use the official SDKs get of a denial: an error of their SDK, and never the text."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import anthropic
import cohere
import cohere.errors
import httpx
import ollama
import openai
import pytest
from botocore.exceptions import ClientError, EventStreamError
from google.genai.errors import ClientError as GoogleError

import sdks
from doors import HELLO
from running import RunningGateway
from upstream import COMPLETION, DONE, FINISH, ROLE, Upstream, chunk, events, reply

BAD = "canary-4711"
REFUSALS: dict[str, tuple[type[Exception], int]] = {
    "openai_chat": (openai.APIStatusError, 446),
    "responses": (openai.BadRequestError, 400),
    "anthropic": (anthropic.APIStatusError, 446),
    "gemini": (GoogleError, 400),
    "bedrock_converse": (ClientError, 400),
    "cohere": (cohere.errors.BadRequestError, 400),
    "ollama": (ollama.ResponseError, 400),
}
"""The error of a denial in each SDK, and its status."""


def denies(word: str, **more: Any) -> list[dict[str, Any]]:
    return [{"default.contains": {"words": [word], "operator": "none"}, "deny": True, **more}]


def header(upstream: Upstream, guards: dict[str, Any]) -> dict[str, str]:
    target = {"provider": "nvidia", "api_key": "k", "custom_host": f"{upstream.url}/v1", **guards}
    return {"x-portkey-config": json.dumps(target)}


def ask(wire: str, gateway: RunningGateway, upstream: Upstream, guards: dict[str, Any], *, stream: bool) -> sdks.Got:
    return sdks.ask(wire, gateway.url, "m", header(upstream, guards), stream=stream)


def status_of(error: Any) -> int:
    if isinstance(error, ClientError):
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return int(getattr(error, "status_code", None) or error.code)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", REFUSALS)
def test_a_denied_request(gateway: RunningGateway, upstream: Upstream, wire: str, stream: bool) -> None:
    kind, status = REFUSALS[wire]
    with pytest.raises(kind) as refused:
        ask(wire, gateway, upstream, {"input_guardrails": denies(HELLO)}, stream=stream)
    assert status_of(refused.value) == status
    assert "guardrail" in str(refused.value)
    assert upstream.received == []


@pytest.mark.parametrize("wire", REFUSALS)
def test_a_denied_answer(gateway: RunningGateway, upstream: Upstream, wire: str) -> None:
    upstream.play(reply(200, json.dumps(COMPLETION).replace('"Hi"', f'"so {BAD}"').encode()))
    kind, status = REFUSALS[wire]
    with pytest.raises(kind) as refused:
        ask(wire, gateway, upstream, {"output_guardrails": denies(BAD)}, stream=False)
    assert status_of(refused.value) == status
    assert BAD not in str(refused.value)


@pytest.mark.parametrize("wire", REFUSALS)
def test_a_stream_that_is_denied_at_once(gateway: RunningGateway, upstream: Upstream, wire: str) -> None:
    upstream.play(events(ROLE, chunk({"content": BAD}), FINISH, DONE))
    kind, status = REFUSALS[wire]
    with pytest.raises(kind) as refused:
        ask(wire, gateway, upstream, {"output_guardrails": denies(BAD)}, stream=True)
    assert status_of(refused.value) == status
    assert BAD not in str(refused.value)


BROKEN: dict[str, type[Exception]] = {
    "openai_chat": openai.APIError,
    "anthropic": anthropic.APIStatusError,
    "gemini": GoogleError,
    "ollama": ollama.ResponseError,
}
"""The error of a stream that is denied in its midst."""


def denied_midway(upstream: Upstream) -> dict[str, Any]:
    """The provider's stream, of which more comes than is read before the answer's head, and the guard that denies it."""
    fine = chunk({"content": "A fine beginning of an answer. " * 1000})
    bad = [chunk({"content": f"so {BAD[:6]}"}), chunk({"content": f"{BAD[6:]} on"})]
    upstream.play(events(ROLE, *[fine] * 60, *bad, FINISH, DONE))
    return {"output_guardrails": denies(BAD, stream="hold")}


@pytest.mark.parametrize("wire", BROKEN)
def test_a_stream_that_is_denied_in_its_midst(gateway: RunningGateway, upstream: Upstream, wire: str) -> None:
    guards = denied_midway(upstream)
    with pytest.raises(BROKEN[wire]) as broken:
        ask(wire, gateway, upstream, guards, stream=True)
    assert "guardrail" in str(broken.value)
    assert BAD not in str(broken.value)


def test_a_response_that_is_denied_in_its_midst_is_a_failed_one(gateway: RunningGateway, upstream: Upstream) -> None:
    """OpenAI's SDK wants the id of the response that began."""
    headers = header(upstream, denied_midway(upstream))
    with (
        openai.OpenAI(base_url=gateway.v1, api_key="k", default_headers=headers) as client,
        client.responses.stream(model="m", input=HELLO) as stream,
    ):
        found: list[Any] = list(stream)
    assert (found[0].type, found[-1].type) == ("response.created", "response.failed")
    assert found[-1].response.id == found[0].response.id
    assert found[-1].response.error.code == "guardrail_denied"
    assert not any(BAD in str(event) for event in found)


def test_frames_that_are_denied_in_their_midst(gateway: RunningGateway, upstream: Upstream) -> None:
    guards = denied_midway(upstream)
    text, error = "", ""
    with sdks.bedrock(gateway.url, header(upstream, guards)) as client:
        messages = [{"role": "user", "content": [{"text": HELLO}]}]
        stream = client.converse_stream(modelId="m", messages=messages)["stream"]
        with closing(stream):
            try:
                for event in stream:
                    text += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
            except EventStreamError as told:
                error = str(told)
    assert "guardrail" in error
    assert (BAD in error, BAD in text, text.startswith("A fine beginning")) == (False, False, True)


def test_coheres_stream_that_is_denied_in_its_midst(gateway: RunningGateway, upstream: Upstream) -> None:
    with httpx.Client(headers=header(upstream, denied_midway(upstream)), timeout=300, trust_env=False) as http:
        client = cohere.ClientV2(api_key="k", base_url=gateway.url, httpx_client=http)
        found = list(client.chat_stream(model="m", messages=sdks.MESSAGES))
    assert not any(BAD in str(event) for event in found)
    end: Any = found[-1]
    assert (end.type, end.delta.finish_reason) == ("message-end", "ERROR")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", REFUSALS)
def test_a_marked_answer(gateway: RunningGateway, upstream: Upstream, wire: str, stream: bool) -> None:
    upstream.play(events(ROLE, chunk({"content": "Hi"}), FINISH, DONE) if stream else reply())
    marks = [{**hook, "deny": False} for hook in denies("Hi")]
    assert ask(wire, gateway, upstream, {"output_guardrails": marks}, stream=stream)[0] == "Hi"

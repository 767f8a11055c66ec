"""Documents in base64 hide no text from guards, in the wire of any caller."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from penstock.core.encoded_text import from_base64, to_base64
from running import RunningGateway
from upstream import Upstream

BAD = "canary-4711"
DATA = to_base64(f"so {BAD} und für sich")
URL = f"data:text/plain;base64,{DATA}"
DOCUMENT = {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": DATA}}
FILE = {"type": "file", "file": {"filename": "a.txt", "file_data": URL}}
INPUT_FILE = {"type": "input_file", "filename": "a.txt", "file_data": URL}
ASKED: dict[str, tuple[str, str, Any]] = {
    "a file": ("openai", "/v1/chat/completions", {"messages": [{"role": "user", "content": [FILE]}]}),
    "a picture that is text": (
        "openai",
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": URL}}]}]},
    ),
    "a document": (
        "anthropic",
        "/v1/messages",
        {"max_tokens": 9, "messages": [{"role": "user", "content": [DOCUMENT]}]},
    ),
    "a tool's document": (
        "anthropic",
        "/v1/messages",
        {
            "max_tokens": 9,
            "messages": [
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [DOCUMENT]}]}
            ],
        },
    ),
    "an input file": ("openai", "/v1/responses", {"input": [{"role": "user", "content": [INPUT_FILE]}]}),
    "a tool's file": (
        "openai",
        "/v1/responses",
        {"input": [{"type": "function_call_output", "call_id": "c", "output": [INPUT_FILE]}]},
    ),
    "Gemini's data": (
        "google",
        "/v1beta/models/m:generateContent",
        {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "text/plain", "data": DATA}}]}]},
    ),
    "Converse's document": (
        "bedrock",
        "/model/m/converse",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"document": {"format": "txt", "name": "a", "source": {"bytes": DATA}}}],
                }
            ]
        },
    ),
}


def ask(gateway: RunningGateway, upstream: Upstream, case: str, guards: Any) -> httpx.Response:
    provider, path, body = ASKED[case]
    config = {"provider": provider, "api_key": "k", "custom_host": f"{upstream.url}/v1", **guards}
    named = {} if path.startswith(("/v1beta", "/model")) else {"model": "m"}
    headers = {"x-portkey-config": json.dumps(config)}
    return httpx.post(gateway.url + path, json={**named, **body}, headers=headers, timeout=300, trust_env=False)


@pytest.mark.parametrize("case", ASKED)
def test_a_bad_document_reaches_nobody(gateway: RunningGateway, upstream: Upstream, case: str) -> None:
    check = {"words": [BAD], "operator": "none", "scope": "all"}
    got = ask(gateway, upstream, case, {"input_guardrails": [{"default.contains": check, "deny": True}]})
    assert got.status_code in {400, 446}, got.text
    assert BAD not in json.dumps(got.json()["error"] if "error" in got.json() else got.json()["message"])
    assert upstream.received == []


@pytest.mark.parametrize("case", ASKED)
def test_a_document_is_changed(gateway: RunningGateway, upstream: Upstream, case: str) -> None:
    check = {"rule": "/canary-[0-9]+/g", "redactText": "[gone]", "scope": "all"}
    ask(gateway, upstream, case, {"input_guardrails": [{"default.regexReplace": check}]})
    [request] = upstream.received
    text = request.body.decode()
    assert DATA not in text
    changed = to_base64("so [gone] und für sich")
    assert changed in text
    assert from_base64(changed) == "so [gone] und für sich"


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
def test_a_document_whose_text_stands_as_it_is(gateway: RunningGateway, upstream: Upstream, path: str) -> None:
    """It is one text, also where its letters are those of base64."""
    source = {"type": "text", "media_type": "text/plain", "data": f"so {BAD}"}
    turns = [{"role": "user", "content": [{"type": "document", "source": source}]}]
    check = {"rule": "/canary-[0-9]+/g", "redactText": "[gone]", "scope": "all"}
    config = {"provider": "anthropic", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    headers = {"x-portkey-config": json.dumps({**config, "input_guardrails": [{"default.regexReplace": check}]})}
    said = {"input": turns} if path.endswith("responses") else {"messages": turns, "max_tokens": 9}
    body = {"model": "claude-sonnet-4-5", **said}
    httpx.post(gateway.url + path, json=body, headers=headers, timeout=300, trust_env=False)
    [request] = upstream.received
    sent = json.loads(request.body)
    assert sent["messages"][0]["content"][0]["source"] == {**source, "data": "so [gone]"}

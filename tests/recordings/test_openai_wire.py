"""Every recording whose wire is OpenAI's chat, through the real gateway: byte for byte back, unchanged in meaning up.

The replay server cuts the bytes as the test asks: whole, event by event, byte by byte, in sevens and at random.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from normalizing import mend
from penstock.core.operation import Operation
from penstock.dialects.openai.caller.errors import has_shape, translated_error
from penstock.dialects.openai.relay.normalize import normalize_reply
from penstock.providers.registry import PROVIDERS
from penstock.providers.row import OPENAI
from penstock.traits.resolve import resolve
from replaying import SPLITS, custom_host, in_every_cut, load
from replaying import exchange as send
from replaying import recordings as of_wire
from running import RunningGateway, needs_recordings

pytestmark = needs_recordings

SLUGS = {
    "azure": "azure-openai", "deepseek": "deepseek", "fireworks": "fireworks-ai", "mistral": "mistral-ai",
    "novita": "novita-ai", "perplexity": "perplexity-ai", "together": "together-ai", "xai": "x-ai", "zai": "z-ai",
}  # fmt: skip
AZURE = {
    "x-portkey-azure-resource-name": "res", "x-portkey-azure-deployment-id": "dep",
    "x-portkey-azure-api-version": "2024-10-21",
}  # fmt: skip


def recordings() -> list[Path]:
    return of_wire("openai.chat")


def slug(recording: dict[str, Any]) -> str:
    name = SLUGS.get(recording["provider"], recording["provider"])
    return (
        name
        if name in PROVIDERS
        and not PROVIDERS[name].locate
        and PROVIDERS[name].places[Operation.CHAT][0].dialect == OPENAI
        else "azure-openai"
        if name == "azure-openai"
        else "openai"
    )


def headers(recording: dict[str, Any]) -> dict[str, str]:
    return {"x-portkey-provider": slug(recording), "authorization": "Bearer test", **AZURE}


def expected_request(recording: dict[str, Any], dropped: str | None) -> dict[str, Any]:
    """What the provider must receive: the recorded request less what its row renames, drops or calls otherwise. Servers
    that operators run themselves are asked for a stream's usage at whatever address."""
    row = PROVIDERS[slug(recording)]
    body = dict(recording["request"]["body"])
    for rename in row.quirks.renames:
        if rename.parameter in body:
            body[rename.to] = body.pop(rename.parameter)
    for name in dropped.split(",") if dropped else []:
        assert name in {drop.parameter for drop in row.quirks.drops}
        del body[name]
    refused = {} if row.quirks.developer_role else {"developer": "system"}
    if row.quirks.applies_model_limits and not resolve(body.get("model", ""), row.slug).system_role:
        refused = dict.fromkeys(("developer", "system"), "user")
    if "messages" in body:
        body["messages"] = [
            {**message, "role": refused.get(message["role"], message["role"])} for message in body["messages"]
        ]
    if row.self_hosted and row.quirks.stream_usage and body.get("stream"):
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    return body


def expected_reply(recording: dict[str, Any]) -> bytes:
    """The recorded bytes, without the accent of a provider that has one (dialects/openai/relay/normalize.py);
    an error of another shape as it is told."""
    body = str(recording["response"]["body_text"]).encode("utf-8", "surrogatepass")
    if recording["response"]["status"] != 200:
        return body if has_shape(body) else translated_error(recording["response"]["status"], [], body, slug(recording))
    quirks = PROVIDERS[slug(recording)].quirks
    if recording["response"]["kind"] != "sse":
        return normalize_reply(
            body,
            has_unsaid_end=quirks.leaves_reason_out,
            completes=quirks.completes_replies or quirks.leaves_reason_out,
        )
    asked = recording["request"]["body"].get("stream_options") or {}
    return mend(body, has_unsaid_end=quirks.leaves_reason_out, moves_usage=asked.get("include_usage") is True)


async def exchange(
    client: httpx.AsyncClient, gateway: RunningGateway, replay: str, recording: dict[str, Any], options: str
) -> httpx.Response:
    host = {"x-portkey-custom-host": custom_host(recording, replay, options)}
    return await send(client, f"{gateway.v1}/chat/completions", recording, {**headers(recording), **host})


@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.stem)
async def test_replayed_byte_for_byte(path: Path, gateway: RunningGateway, replay: str) -> None:
    recording = load(path)
    body = expected_reply(recording)
    replies, seen = await in_every_cut(f"{gateway.v1}/chat/completions", recording, replay, headers(recording))
    for reply in replies:
        assert reply.status_code == recording["response"]["status"], reply.text
        assert reply.content == body
        assert reply.headers["x-portkey-provider"] == slug(recording)
        assert reply.headers["x-portkey-last-used-option-index"] == "config"
        for name in (
            "x-request-id",
            "openai-processing-ms",
            "x-ratelimit-remaining-requests",
            "retry-after",
            "content-type",
        ):
            wanted = recording["response"]["headers"].get(name)
            is_wrapped = name == "content-type" and b'"provider_response"' in body
            assert reply.headers.get(name) == ("application/json" if is_wrapped else wanted)
    for received in seen:
        assert received["body"] == expected_request(recording, replies[0].headers.get("x-penstock-dropped-params"))
        assert not [name for name in received["headers"] if name.startswith("x-portkey")]


STREAMED = [
    path for path in recordings() if load(path)["response"]["kind"] == "sse" and load(path)["response"]["status"] == 200
]


def is_prefix_then_error(content: bytes, whole: bytes, code: str) -> bool:
    """Whole events of the recording, then one error event, and no [DONE]."""
    head, _, tail = content.rpartition(b"data: ")
    error = json.loads(tail)["error"]
    return whole.startswith(head) and error["code"] == code and b"[DONE]" not in tail and tail.endswith(b"\n\n")


@pytest.mark.parametrize("path", STREAMED, ids=lambda path: path.stem)
@pytest.mark.parametrize("how", ["cut", "cut-rst", "stall"])
async def test_a_stream_that_breaks_ends_with_an_error_event(
    path: Path, how: str, impatient: RunningGateway, replay: str
) -> None:
    recording = load(path)
    whole = recording["response"]["body_text"].encode()
    at = 2 * len(whole) // 3
    options = f"{how.removesuffix('-rst')}={at};split=event" + (";rst=1" if how == "cut-rst" else "")
    async with httpx.AsyncClient(timeout=300) as client:
        reply = await exchange(client, impatient, replay, recording, options)
    if reply.status_code == 200:
        code = "idle_timeout" if how == "stall" else "upstream_truncated"
        assert is_prefix_then_error(reply.content, expected_reply(recording), code)
    else:
        # Nothing but comments, or not one whole event, had come yet: the caller gets a plain error.
        assert reply.status_code == (408 if how == "stall" else 502)
        assert reply.json()["error"]["code"] in {"idle_timeout", "upstream_truncated"}


PLAIN = [path for path in recordings() if load(path)["response"]["kind"] == "json"]


@pytest.mark.parametrize("path", PLAIN[:12], ids=lambda path: path.stem)
@pytest.mark.parametrize("how", ["cut", "stall"])
async def test_half_a_plain_reply_is_a_clean_error(
    path: Path, how: str, impatient: RunningGateway, replay: str
) -> None:
    recording = load(path)
    at = len(recording["response"]["body_text"].encode()) // 2
    async with httpx.AsyncClient(timeout=300) as client:
        reply = await exchange(client, impatient, replay, recording, f"{how}={at};split=7")
    assert reply.status_code == (408 if how == "stall" else 502)
    assert reply.json()["error"]["code"] == ("idle_timeout" if how == "stall" else "upstream_truncated")


@pytest.mark.parametrize("path", recordings()[::6], ids=lambda path: path.stem)
@pytest.mark.parametrize("split", SPLITS)
async def test_a_compressed_reply_comes_out_plain(path: Path, split: str, gateway: RunningGateway, replay: str) -> None:
    recording = load(path)
    async with httpx.AsyncClient(timeout=300) as client:
        reply = await exchange(client, gateway, replay, recording, f"split={split};gzip=1")
    assert reply.content == expected_reply(recording)
    assert "content-encoding" not in reply.headers

"""A host that ends in good order and has said nothing: a failed attempt in every wire, plain and streamed, so that
another target answers."""

from __future__ import annotations

import json

import httpx
import pytest

from calling import PLAIN
from doors import HOSTS, OF_HOSTS, door
from running import RunningGateway
from upstream import DONE, ROLE, Act, Upstream, events, reply

NOTHING = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}\n\n'
COUNTS = b'data: {"id":"c","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":0}}\n\n'
STARTED = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","content":[],"model":"c"}}\n\n'
STOPPED = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
EMPTY: dict[str, tuple[str, Act]] = {
    "the end alone": ("openai_chat", events(DONE)),
    "no choices": ("openai_chat", events(NOTHING, DONE)),
    "a role": ("openai_chat", events(ROLE, DONE)),
    "counts": ("openai_chat", events(COUNTS, DONE)),
    "no blocks": ("anthropic", events(STARTED, STOPPED)),
    "an empty choice": (
        "openai_chat",
        reply(body=b'{"choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":null}]}'),
    ),
    "empty content": (
        "bedrock_converse",
        reply(body=b'{"output":{"message":{"role":"assistant","content":[]}},"usage":{"inputTokens":1}}'),
    ),
    "no content": ("cohere", reply(body=b'{"id":"c","message":{"role":"assistant"},"usage":{}}')),
    "no candidates": ("gemini", reply(body=b'{"candidates":[],"usageMetadata":{"promptTokenCount":1}}')),
    "an empty text": ("ollama", reply(body=b'{"model":"m","message":{"role":"assistant","content":""}}')),
    "a whole one": ("anthropic", reply(body=b'{"type":"message","content":[],"stop_reason":null}')),
}


def asked(gateway: RunningGateway, upstream: Upstream, caller: str, target: str, *, stream: bool) -> httpx.Response:
    """The answer of two targets, the second of which serves OpenAI's wire."""
    provider, model, end = HOSTS[target]
    path, body = door(caller, model, stream=stream)
    settings = {
        name.removeprefix("x-portkey-").replace("-", "_"): value for name, value in OF_HOSTS.get(target, {}).items()
    }
    first = {"provider": provider, "api_key": "k", "custom_host": upstream.url + end, **settings}
    second = {"provider": "nvidia", "api_key": "k", "custom_host": upstream.url + "/v1"}
    config = {"strategy": {"mode": "fallback"}, "targets": [first, second]}
    return httpx.post(gateway.url + path, json=body, headers={"x-portkey-config": json.dumps(config)}, timeout=300)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("empty", EMPTY)
@pytest.mark.parametrize("caller", HOSTS)
@pytest.mark.parametrize("gateway", ["http1"], indirect=True)
def test_what_says_nothing_is_no_answer(
    caller: str, empty: str, stream: bool, gateway: RunningGateway, upstream: Upstream
) -> None:
    target, nothing = EMPTY[empty]
    upstream.play(nothing)
    upstream.play(reply(body=PLAIN["openai_chat"]))
    answer = asked(gateway, upstream, caller, target, stream=stream)
    assert (answer.status_code, answer.headers["x-portkey-last-used-option-index"]) == (200, "config.targets[1]")
    upstream.play(nothing)
    upstream.play(nothing)
    assert asked(gateway, upstream, caller, target, stream=stream).status_code == 502

"""What is no chat is given again from the cache, too: the very same bytes, and only where they were good and whole."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import httpx
import pytest

from running import RunningGateway
from upstream import Upstream, events, reply

NUMBERS = count()
COMPLETION = {
    "object": "text_completion", "choices": [{"text": "Hi", "index": 0, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}  # fmt: skip
VECTORS = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "m"}
ENDPOINTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "completions": ({"prompt": "x"}, COMPLETION),
    "embeddings": ({"input": "x"}, VECTORS),
    "moderations": ({"input": "x"}, {"id": "m", "results": [{"flagged": False}]}),
    "images/generations": ({"prompt": "x"}, {"created": 1, "data": [{"b64_json": "eA=="}]}),
    "rerank": ({"query": "q", "documents": ["a"]}, {"results": [{"index": 0, "relevance_score": 0.5}]}),
}


class Caller:
    """Asks for one thing that nobody has asked for, again and again."""

    def __init__(self, gateway: RunningGateway, upstream: Upstream, path: str, **more: Any) -> None:
        self.url, self.upstream = f"{gateway.v1}/{path}", upstream
        self.body = {"model": "m", "user": f"u{next(NUMBERS)}", **ENDPOINTS[path][0], **more}
        self.headers = {
            "authorization": "Bearer k", "x-portkey-custom-host": upstream.url,
            "x-portkey-provider": "jina" if path == "rerank" else "openai",
            "x-portkey-config": json.dumps({"cache": {"mode": "simple"}}),
        }  # fmt: skip

    def ask(self) -> tuple[int, str, bytes]:
        answer = httpx.post(self.url, json=self.body, headers=self.headers, timeout=300)
        return answer.status_code, answer.headers["x-portkey-cache-status"], answer.content


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_good_answer_is_given_again(path: str, gateway: RunningGateway, upstream: Upstream) -> None:
    caller = Caller(gateway, upstream, path)
    upstream.play(reply(body=json.dumps(ENDPOINTS[path][1]).encode()))
    first, second = caller.ask(), caller.ask()
    assert (first[:2], second) == ((200, "MISS"), (200, "HIT", first[2]))
    assert len(upstream.received) == 1


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("status", [200, 500])
def test_an_error_is_not(status: int, path: str, gateway: RunningGateway, upstream: Upstream) -> None:
    caller = Caller(gateway, upstream, path)
    for _ in range(2):
        upstream.play(reply(status, b'{"error":{"message":"No.","code":500}}'))
        assert caller.ask()[:2] == (500, "MISS")


@pytest.mark.parametrize(
    "change",
    [{"finish_reason": "length"}, {"finish_reason": None}, {"finish_reason": "content_filter"}, {"text": ""}],
)
def test_nor_is_a_text_that_is_not_whole(change: dict[str, Any], gateway: RunningGateway, upstream: Upstream) -> None:
    caller = Caller(gateway, upstream, "completions")
    cut = {**COMPLETION, "choices": [{**COMPLETION["choices"][0], **change}]}  # type: ignore[index]
    for _ in range(2):
        upstream.play(reply(body=json.dumps(cut).encode()))
        assert caller.ask()[:2] == (200, "MISS")


def test_nor_is_a_stream_of_what_is_no_chat(gateway: RunningGateway, upstream: Upstream) -> None:
    caller = Caller(gateway, upstream, "completions", stream=True)
    stream = b'data: {"object":"text_completion","choices":[{"text":"Hi","index":0,"finish_reason":"stop"}]}\n\n'
    for _ in range(2):
        upstream.play(events(stream, b"data: [DONE]\n\n"))
        status, cache, body = caller.ask()
        assert (status, cache, body) == (200, "MISS", stream + b"data: [DONE]\n\n")

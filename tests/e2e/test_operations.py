"""What an operator relies on: health, readiness, the access log, draining, keep-alive comments."""

import io
import json
import queue
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.observe.access_log import line
from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import Upstream, chunk, events, held, reply, send, wait_for_hang_up

CHUNK = chunk({"role": "assistant", "content": "a"})
DONE = b"data: [DONE]\n\n"


def chat(gateway: RunningGateway, upstream: Upstream, **members: Any) -> httpx.Response:
    headers = {
        "x-portkey-provider": "openai", "authorization": "Bearer sk-very-secret",
        "x-portkey-custom-host": f"{upstream.url}/v1", "x-portkey-trace-id": "trace-1",
        "x-portkey-metadata": '{"_user":"u","n":1}',
    }  # fmt: skip
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": "very private"}], **members}
    return httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/health", "ok"), ("/v1/health", "ok"), ("/ready", "ready")],
)
def test_health(path: str, status: str, gateway: RunningGateway) -> None:
    assert httpx.get(gateway.url + path, timeout=300).json()["status"] == status
    assert httpx.head(gateway.url + path, timeout=300).content == b""


def test_readiness_goes_first_when_draining(gateway: RunningGateway) -> None:
    gateway.app.pages.draining = True
    try:
        assert httpx.get(f"{gateway.url}/ready", timeout=300).status_code == 503
        assert httpx.get(f"{gateway.url}/health", timeout=300).status_code == 200
    finally:
        gateway.app.pages.draining = False


def test_the_front_page_says_hello(gateway: RunningGateway) -> None:
    assert httpx.get(gateway.url, timeout=300).status_code == 200


def records(gateway: RunningGateway) -> list[dict[str, Any]]:
    return [json.loads(line(record)) for record in gateway.recorded()]


def test_one_record_a_request_without_content_or_secrets(gateway: RunningGateway, upstream: Upstream) -> None:
    records(gateway)
    upstream.play(reply())
    upstream.play(events(CHUNK, b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6}}\n\n', DONE))
    chat(gateway, upstream)
    chat(gateway, upstream, stream=True)
    upstream.play(reply(429, b'{"error":{"message":"slow down"}}'))
    chat(gateway, upstream)
    upstream.play(events(CHUNK, end=False), lambda _, writer: _close(writer))
    chat(gateway, upstream, stream=True)
    httpx.post(f"{gateway.v1}/chat/completions", content=b"{", headers={"x-portkey-provider": "openai"}, timeout=300)
    plain, streamed, limited, cut, bad = records(gateway)
    assert plain["provider"] == "openai"
    assert plain["model"] == "gpt-x"
    assert (plain["status"], plain["prompt_tokens"], plain["completion_tokens"]) == (200, 3, 1)
    assert (plain["method"], plain["path"], plain["trace_id"]) == ("POST", "/v1/chat/completions", "trace-1")
    assert plain["metadata"] == {"_user": "u"}
    assert plain["latency_ms"] >= plain["first_byte_ms"] > 0
    assert (streamed["stream"], streamed["prompt_tokens"], streamed["completion_tokens"]) == (True, 5, 6)
    assert (limited["status"], limited["failure"]) == (429, "upstream_status")
    assert (cut["status"], cut["failure"]) == (502, "upstream_truncated")
    assert (bad["status"], bad["failure"]) == (400, "invalid_json")
    text = json.dumps([plain, streamed, limited, cut, bad])
    assert "secret" not in text
    assert "private" not in text


async def _close(writer: Any) -> None:
    writer.close()


def test_the_log_is_written_in_the_end(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out))
    with running_gateway(load({}, {}, Path("/nonexistent"))) as running:
        chat(running, upstream)
    logged = json.loads(out.getvalue())
    assert logged["status"] == 200


def test_requests_under_way_are_finished_when_the_gateway_stops(upstream: Upstream) -> None:
    release = threading.Event()
    answers: queue.Queue[httpx.Response] = queue.Queue()

    upstream.play(held(release), reply())
    with running_gateway(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent"))) as running:
        asking = threading.Thread(target=lambda: answers.put(chat(running, upstream)))
        asking.start()
        upstream.wait_for_request()
        threading.Timer(0.2, release.set).start()
    assert answers.get(timeout=60).status_code == 200
    asking.join()


def test_keep_alive_comments_while_waiting(upstream: Upstream) -> None:
    release = threading.Event()

    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_KEEPALIVE": "0.02"}
    with running_gateway(load({}, environment, Path("/nonexistent"))) as running:
        headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{upstream.url}/v1"}
        body = {"model": "m", "messages": [], "stream": True}
        for acts, ending in (
            ((events(CHUNK, DONE),), CHUNK + DONE),
            ((reply(429, b'{"error":{"message":"slow"}}'),), b'data: {"error":{"message":"slow"}}\n\n'),
            ((send(b"garbage\r\n\r\n"),), None),
        ):
            release.clear()
            upstream.play(held(release), *acts)
            with httpx.stream(
                "POST", f"{running.v1}/chat/completions", json=body, headers=headers, timeout=60
            ) as streamed:
                received = b""
                for piece in streamed.iter_bytes():
                    received += piece
                    if received.count(b": keep-alive\n") >= 2:
                        release.set()
            comments, _, rest = received.rpartition(b": keep-alive\n")
            assert set(comments.splitlines()) == {b": keep-alive"}
            assert streamed.status_code == 200
            assert rest == ending if ending else b'"invalid_response"' in rest
        # A plain request never gets a comment.
        release.clear()
        upstream.play(held(release), reply())
        threading.Timer(0.1, release.set).start()
        assert chat(running, upstream).json()["object"] == "chat.completion"


def test_without_a_wait_there_is_no_comment(upstream: Upstream) -> None:
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_KEEPALIVE": "60"}
    with running_gateway(load({}, environment, Path("/nonexistent"))) as running:
        upstream.play(events(CHUNK, DONE))
        assert chat(running, upstream, stream=True).content == CHUNK + DONE


def test_leaving_while_comments_are_sent(upstream: Upstream) -> None:
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_KEEPALIVE": "0.02"}
    with running_gateway(load({}, environment, Path("/nonexistent"))) as running:
        upstream.play(wait_for_hang_up)
        headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{upstream.url}/v1"}
        body = {"model": "m", "messages": [], "stream": True}
        with httpx.stream(
            "POST", f"{running.v1}/chat/completions", json=body, headers=headers, timeout=300
        ) as streamed:
            assert next(streamed.iter_bytes()).startswith(b": keep-alive")
        upstream.left.get(timeout=60)

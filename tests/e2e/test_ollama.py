"""Callers of Ollama's own API through the real server: on lane 1, on lane 2, in trouble, and with Ollama's client."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import httpx
import pytest

from claude_replies import args, begin, block, end, sse
from claude_replies import said as text_delta
from running import RunningGateway
from upstream import DONE, FINISH, ROLE, Act, Upstream, chunk, events, hang_up, reply, send

HI: dict[str, Any] = {"role": "user", "content": "Hi"}
ASK: dict[str, Any] = {"model": "llama3:latest", "messages": [HI]}
LINES = (
    b'{"model":"llama3","created_at":"2026-01-01T00:00:00Z", "message":{"role":"assistant","content":"He"},"done":false}\n',
    b'{"model":"llama3","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"llo"},"done":false}\n',
    (
        b'{"model":"llama3","created_at":"2026-01-01T00:00:01Z","message":{"role":"assistant","content":""},"done":true,'
        b'"done_reason":"stop","total_duration":9,"prompt_eval_count":3,"eval_count":2}\n'
    ),
)
WHOLE = b'{ "model":"llama3","message":{"role":"assistant","content":"Hello"},"done":true,"done_reason":"stop","eval_count":2}'
NDJSON = "application/x-ndjson"
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def ollama(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "ollama", "custom_host": upstream.url, **more}


def gpt(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "openai", "api_key": "sk-o", "custom_host": f"{upstream.url}/v1", **more}


def claude(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "anthropic", "api_key": "sk-a", "custom_host": f"{upstream.url}/v1", **more}


def streamed(*data: bytes, end: bool = True) -> Act:
    """A provider's stream of lines."""
    blocks = b"".join(b"%x\r\n%b\r\n" % (len(block), block) for block in data)
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {NDJSON}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return send(head + blocks + (b"0\r\n\r\n" if end else b""))


def headers_for(config: dict[str, Any]) -> dict[str, str]:
    return {"x-portkey-config": json.dumps(config)}


def post(gateway: RunningGateway, config: dict[str, Any], body: Any = ASK, path: str = "/api/chat") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {**headers_for(config), "content-type": "application/json"}
    return httpx.post(f"{gateway.url}{path}", content=content, headers=headers, timeout=300, trust_env=False)


def lines(got: httpx.Response) -> list[dict[str, Any]]:
    assert got.headers["content-type"] == NDJSON
    assert got.content.endswith(b"\n")
    return [json.loads(line) for line in got.content.splitlines()]


def said(told: list[dict[str, Any]]) -> str:
    return "".join(each.get("message", {}).get("content", "") + each.get("response", "") for each in told)


# Lane 1: the provider speaks the caller's wire.


def test_a_stream_passes_as_it_is(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(streamed(*LINES))
    body = b'{ "model": "llama3:latest", "messages": [{"role":"user","content":"Hi"}],  "options": {"num_ctx": 1024} }'
    got = post(gateway, ollama(upstream), body)
    assert (got.status_code, got.content, got.headers["content-type"]) == (200, b"".join(LINES), NDJSON)
    assert (upstream.last.target, json.loads(upstream.last.body)) == ("/api/chat", json.loads(body))


@pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded", "text/plain;charset=UTF-8"])
def test_a_body_of_curls_is_json(gateway: RunningGateway, upstream: Upstream, content_type: str | None) -> None:
    """As in each example of Ollama's documentation: ``curl -d``. A form of a page in a browser is none."""
    upstream.play(reply(body=WHOLE))
    said = {} if content_type is None else {"content-type": content_type}
    headers, body = {**headers_for(ollama(upstream)), **said}, json.dumps({**ASK, "stream": False}).encode()
    got = httpx.post(f"{gateway.url}/api/chat", content=body, headers=headers, timeout=300, trust_env=False)
    assert (got.status_code, got.content, json.loads(upstream.last.body)) == (200, WHOLE, json.loads(body))
    if content_type is not None and "form" in content_type:
        from_page = {**headers, "origin": gateway.url}
        got = httpx.post(f"{gateway.url}/api/chat", content=body, headers=from_page, timeout=300, trust_env=False)
        assert (got.status_code, len(upstream.received)) == (400, 1)
        assert "content-type: application/json" in got.json()["error"]


@pytest.mark.parametrize(("path", "body"), [("/api/chat", ASK), ("/api/generate", {"model": "m", "prompt": "Hi"})])
def test_a_plain_answer_passes_as_it_is(
    gateway: RunningGateway, upstream: Upstream, path: str, body: dict[str, Any]
) -> None:
    upstream.play(reply(body=WHOLE))
    got = post(gateway, ollama(upstream), {**body, "stream": False}, path)
    assert (got.status_code, got.content) == (200, WHOLE)
    assert upstream.last.target == path


def test_what_only_ollama_has_passes(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=b'{"model":"m","response":"","done":true,"done_reason":"load"}'))
    got = post(gateway, ollama(upstream), {"model": "m", "context": [1, 2], "stream": False}, "/api/generate")
    assert got.json()["done_reason"] == "load"
    assert upstream.last.json["context"] == [1, 2]


def test_an_error_within_a_stream_is_the_last_line(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(streamed(LINES[0], b'{"error":"an error was encountered while running the model"}\n'))
    told = lines(post(gateway, ollama(upstream)))
    assert told[-1] == {"error": "an error was encountered while running the model"}
    assert not any(each.get("done") for each in told)


@pytest.mark.parametrize("rest", [(), (LINES[1][:40],)])
def test_a_cut_stream_never_looks_finished(
    gateway: RunningGateway, upstream: Upstream, rest: tuple[bytes, ...]
) -> None:
    upstream.play(streamed(LINES[0], *rest, end=False), hang_up)
    told = lines(post(gateway, ollama(upstream)))
    assert said(told) == "He"
    assert "error" in told[-1]
    assert not any(each.get("done") for each in told)


def test_an_error_keeps_its_shape_and_status(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(404, b'{"error":"model \'x\' not found"}'))
    got = post(gateway, ollama(upstream))
    assert (got.status_code, got.json()) == (404, {"error": "model 'x' not found"})


# Lane 2.


def test_another_wire_answers_in_lines(gateway: RunningGateway, upstream: Upstream) -> None:
    parts = [chunk({"content": each}) for each in ("He", "llo")]
    upstream.play(events(ROLE, *parts, FINISH, chunk({}, None, usage=USAGE), DONE))
    got = post(gateway, gpt(upstream), {**ASK, "options": {"temperature": 0.5, "num_predict": 7, "num_ctx": 1}})
    told = lines(got)
    assert said(told) == "Hello"
    assert (told[-1]["done"], told[-1]["done_reason"], told[-1]["eval_count"]) == (True, "stop", 4)
    assert told[-1]["total_duration"] >= told[-1]["prompt_eval_duration"] > 0
    sent = upstream.last.json
    assert (sent["temperature"], sent["max_completion_tokens"], sent["stream"]) == (0.5, 7, True)
    assert got.headers["x-penstock-dropped-params"] == "options.num_ctx"


def test_a_call_of_a_tool_goes_there_and_back(gateway: RunningGateway, upstream: Upstream) -> None:
    made = block(0, "tool_use", args('{"city": "Bonn"}'), id="t1", name="weather", input={})
    upstream.play(events(sse(begin(), *made, *end("tool_use"))))
    told = lines(post(gateway, claude(upstream), {**ASK, "tools": [TOOL]}))
    call = next(each["message"]["tool_calls"][0] for each in told if each["message"].get("tool_calls"))
    assert call["function"] == {"index": 0, "name": "weather", "arguments": {"city": "Bonn"}}
    answered = {"role": "tool", "tool_name": "weather", "content": "Rain"}
    upstream.play(events(sse(begin(), *block(0, "text", text_delta("Wet"), text=""), *end("end_turn"))))
    turn = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {}}}]}
    post(gateway, claude(upstream), {"model": "m", "messages": [HI, turn, answered], "tools": [TOOL]})
    use, result = upstream.last.json["messages"][1]["content"][0], upstream.last.json["messages"][2]["content"][0]
    assert (use["name"], result["tool_use_id"]) == ("weather", use["id"])


def test_a_prompt_with_an_image(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply())
    body = {"model": "gpt-5", "prompt": "See", "system": "Be short", "images": ["iVBORw0KGgo="], "stream": False}
    got = post(gateway, gpt(upstream), {**body, "format": {"type": "object"}}, "/api/generate")
    assert (got.json()["response"], got.json()["done"]) == ("Hi", True)
    system, user = upstream.last.json["messages"]
    assert system["content"] == "Be short"
    assert user["content"][0]["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgo="
    assert upstream.last.json["response_format"]["json_schema"]["schema"] == {"type": "object"}


@pytest.mark.parametrize(
    ("body", "path", "wrong"),
    [
        ({**ASK, "messages": [{"role": "x", "content": "Hi"}]}, "/api/chat", "messages[0].role"),
        ({**ASK, "options": 3}, "/api/chat", "options"),
        ({**ASK, "options": {"temperature": "hot"}}, "/api/chat", "options.temperature"),
        ({**ASK, "format": "yaml"}, "/api/chat", "format"),
        ({"model": "m", "prompt": "Hi", "context": [1]}, "/api/generate", "context"),
        ({"model": "m", "prompt": ""}, "/api/generate", "prompt"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    gateway: RunningGateway, upstream: Upstream, body: Any, path: str, wrong: str
) -> None:
    got = post(gateway, gpt(upstream), body, path)
    assert got.status_code == 400
    assert wrong in got.json()["error"]
    assert upstream.received == []


def test_what_is_dropped_is_named_as_callers_know_it(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply())
    options = {"mirostat": 1, "num_gpu": 2, "num_ctx": 4096}
    body = {**ASK, "stream": False, "options": options, "keep_alive": "5m", "truncate": False}
    got = post(gateway, gpt(upstream), body)
    assert got.headers["x-penstock-dropped-params"] == "options.mirostat,options.num_ctx,truncate"
    assert not {"keep_alive", "truncate", "options"} & upstream.last.json.keys()


def test_a_provider_that_fails(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(429, b'{"error":{"message":"Slow down","type":"rate_limit_error"}}', **{"retry-after": "3"}))
    got = post(gateway, gpt(upstream))
    assert (got.status_code, got.json(), got.headers["retry-after"]) == (429, {"error": "Slow down"}, "3")


# Who answers, and lists.


def test_nobody_is_named(gateway: RunningGateway) -> None:
    got = httpx.post(f"{gateway.url}/api/pull", json={"model": "m"}, timeout=300, trust_env=False)
    assert got.status_code == 501
    assert isinstance(got.json()["error"], str)


def test_probes_are_answered_at_once(gateway: RunningGateway) -> None:
    version = httpx.get(f"{gateway.url}/api/version", timeout=300, trust_env=False).json()["version"]
    assert tuple(map(int, version.split("."))) >= (0, 6, 4)
    assert httpx.get(f"{gateway.url}/api/ps", timeout=300, trust_env=False).json() == {"models": []}


def test_lists_and_models(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=b'{"data":[{"id":"gpt-5"},{"id":"other"}]}'))
    config = gpt(upstream, override_params={"model": "gpt-5"})
    got = httpx.get(f"{gateway.url}/api/tags", headers=headers_for(config), timeout=300, trust_env=False)
    (model,) = got.json()["models"]
    assert (model["name"], model["model"], model["details"]["family"]) == ("gpt-5", "gpt-5", "gpt-5")
    shown = post(gateway, config, {"model": "gpt-5"}, "/api/show").json()
    assert shown["capabilities"] == ["completion", "tools", "vision", "thinking"]
    assert post(gateway, config, {"model": "absent"}, "/api/show").status_code == 404
    assert "model" in post(gateway, config, {}, "/api/show").json()["error"]


def test_a_model_of_a_host_without_a_list_is_shown_as_it_is_known(gateway: RunningGateway) -> None:
    """Clients ask before they chat; at Bedrock nobody could look the name up."""
    own = {"authorization": "Bearer k"}
    for model, headers in (
        ("anthropic.claude-sonnet-4-5", {"x-portkey-provider": "bedrock"}),
        ("@bedrock/anthropic.claude-sonnet-4-5", {}),
    ):
        url, asked = f"{gateway.url}/api/show", {"model": model}
        shown = httpx.post(url, json=asked, headers=own | headers, timeout=300, trust_env=False).json()
        assert shown["capabilities"] == ["completion", "tools", "vision", "thinking"], shown


def test_a_model_of_a_host_that_tells_no_list_now_is_shown(gateway: RunningGateway, upstream: Upstream) -> None:
    """Its list is down, or it never had one at its usual path: the model may be there all the same."""
    upstream.play(reply(404, body=b"{}"))
    headers = {
        "authorization": "Bearer k-of-no-list",
        "x-portkey-provider": "groq",
        "x-portkey-custom-host": f"{upstream.url}/v1",
    }
    asked = {"model": "llama-3.3-70b-versatile"}
    shown = httpx.post(f"{gateway.url}/api/show", json=asked, headers=headers, timeout=300, trust_env=False)
    assert shown.status_code == 200, shown.text
    assert "completion" in shown.json()["capabilities"]


def test_an_ollama_tells_its_own(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=b'{"models":[{"name":"llama3:latest","size":4}]}'))
    headers = {"x-portkey-provider": "ollama", "x-portkey-custom-host": upstream.url}
    got = httpx.get(f"{gateway.url}/api/tags", headers=headers, timeout=300, trust_env=False)
    assert got.json() == {"models": [{"name": "llama3:latest", "size": 4}]}
    assert upstream.last.target == "/api/tags"
    upstream.play(reply(body=b'{"capabilities":["completion"],"template":"x"}'))
    shown = httpx.post(
        f"{gateway.url}/api/show", json={"name": "llama3"}, headers=headers, timeout=300, trust_env=False
    )
    assert shown.json() == {"capabilities": ["completion"], "template": "x"}
    assert (upstream.last.target, upstream.last.json) == ("/api/show", {"name": "llama3"})


# Embeddings.


def test_embeddings_at_ollama_and_elsewhere(gateway: RunningGateway, upstream: Upstream) -> None:
    own = b'{"model":"m","embeddings":[[0.10,2e-1]],"prompt_eval_count":2}'
    upstream.play(reply(body=own))
    body = {"model": "m", "input": ["a"], "keep_alive": "1m"}
    assert post(gateway, ollama(upstream), body, "/api/embed").content == own
    assert upstream.last.target == "/api/embed"
    vectors = [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}]
    told = json.dumps({"data": vectors, "model": "m", "usage": {"prompt_tokens": 5, "total_tokens": 5}}).encode()
    upstream.play(reply(body=told))
    got = post(gateway, gpt(upstream), {**body, "input": ["a", "b"], "dimensions": 2}, "/api/embed").json()
    assert (got["embeddings"], got["prompt_eval_count"]) == ([[1, 2], [3, 4]], 5)
    assert upstream.last.json == {"model": "m", "input": ["a", "b"], "dimensions": 2}
    upstream.play(reply(body=json.dumps({"data": vectors[1:], "model": "m"}).encode()))
    one = post(gateway, gpt(upstream), {"model": "m", "prompt": "a"}, "/api/embeddings")
    assert one.json() == {"embedding": [1, 2]}


def test_embeddings_that_are_none(gateway: RunningGateway, upstream: Upstream) -> None:
    got = post(gateway, gpt(upstream), {"model": "m", "input": 3}, "/api/embed")
    assert (got.status_code, "input" in got.json()["error"]) == (400, True)
    upstream.play(reply(body=b'{"data":[]}'))
    got = post(gateway, gpt(upstream), {"model": "m", "input": "a"}, "/api/embed")
    assert got.status_code == 502


# Ollama's own client.


def test_ollamas_own_client(gateway: RunningGateway, upstream: Upstream) -> None:
    sdk = pytest.importorskip("ollama")
    client = sdk.Client(host=gateway.url, headers=headers_for(gpt(upstream)), trust_env=False)
    with contextlib.closing(client._client):
        upstream.play(events(ROLE, chunk({"content": "Hel"}), chunk({"content": "lo"}), FINISH, DONE))
        told = [*client.chat("gpt-5", [HI], stream=True)]
        assert ("".join(each.message.content for each in told), told[-1].done_reason) == ("Hello", "stop")
        upstream.play(reply())
        assert client.chat("gpt-5", [HI]).message.content == "Hi"
        upstream.play(reply())
        assert client.generate("gpt-5", "Hi").response == "Hi"
        upstream.play(reply(body=b'{"data":[{"embedding":[1,2]}]}'))
        assert [*client.embed("m", "a").embeddings[0]] == [1, 2]
        upstream.play(events(ROLE, chunk({"content": "Hel"}), end=False), hang_up)
        with pytest.raises(sdk.ResponseError):
            list(client.chat("gpt-5", [HI], stream=True))
        upstream.play(reply(401, b'{"error":{"message":"No such key"}}'))
        with pytest.raises(sdk.ResponseError, match="No such key") as refused:
            client.chat("gpt-5", [HI])
        assert refused.value.status_code == 401


@pytest.mark.parametrize("kind", [NDJSON, "application/json", "text/plain"])
@pytest.mark.parametrize("stream", [True, False])
def test_lines_are_a_stream_whoever_asked_and_whatever_they_are_called(
    stream: bool, kind: str, gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(reply(body=b"".join(LINES), content_type=kind))
    headers = {"x-portkey-config": json.dumps(ollama(upstream, ollama_api="native"))}
    got = httpx.post(f"{gateway.url}/api/chat", json={**ASK, "stream": stream}, headers=headers, timeout=300)
    assert got.status_code == 200, got.text
    lines = [json.loads(line) for line in got.text.splitlines()]
    assert "".join(line["message"]["content"] for line in lines) == "Hello"
    assert ([line["done"] for line in lines], lines[-1]["eval_count"]) == ([False] * (len(lines) - 1) + [True], 2)
    assert len(lines) == (3 if stream else 1)

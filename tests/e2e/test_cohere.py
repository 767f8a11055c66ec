"""Callers of Cohere's own API through the real server: on lane 1, on lane 2, in trouble, and with Cohere's client."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from calling import COHERE_ENDED, COHERE_REPLY, COHERE_SAID, COHERE_STARTED
from claude_replies import args, begin, block, end, sse
from running import RunningGateway
from upstream import DONE, FINISH, ROLE, Upstream, chunk, events, hang_up, reply

HI: dict[str, Any] = {"role": "user", "content": "Hi"}
ASK: dict[str, Any] = {"model": "command-a", "messages": [HI]}
STREAMED = {**ASK, "stream": True}
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def cohere(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "cohere", "api_key": "co-k", "custom_host": upstream.url, **more}


def gpt(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "openai", "api_key": "sk-o", "custom_host": f"{upstream.url}/v1", **more}


def claude(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "anthropic", "api_key": "sk-a", "custom_host": f"{upstream.url}/v1", **more}


def post(gateway: RunningGateway, config: dict[str, Any], body: Any = ASK, path: str = "/v2/chat") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"x-portkey-config": json.dumps(config), "content-type": "application/json"}
    return httpx.post(f"{gateway.url}{path}", content=content, headers=headers, timeout=300, trust_env=False)


def told(got: httpx.Response) -> list[dict[str, Any]]:
    """The events of a stream, each named as its type."""
    found = []
    for each in got.content.strip().split(b"\n\n"):
        name, _, data = each.partition(b"\n")
        found.append(json.loads(data.removeprefix(b"data: ")))
        assert name == b"event: " + found[-1]["type"].encode()
    return found


# Lane 1: the provider speaks the caller's wire.


def test_answers_pass_as_they_are(gateway: RunningGateway, upstream: Upstream) -> None:
    body = b'{ "model": "command-a", "messages": [{"role":"user","content":"Hi"}],  "safety_mode": "OFF", "x": 1.50 }'
    upstream.play(reply(body=COHERE_REPLY))
    got = post(gateway, cohere(upstream), body)
    assert (got.status_code, got.content) == (200, COHERE_REPLY)
    assert (upstream.last.target, b'"x":1.50' in upstream.last.body) == ("/v2/chat", True)
    assert upstream.last.headers["authorization"] == "Bearer co-k"
    stream = (COHERE_STARTED, COHERE_SAID, COHERE_ENDED)
    upstream.play(events(*stream))
    assert post(gateway, cohere(upstream), STREAMED).content == b"".join(stream)


def test_a_configs_parameters_take_the_wires_own_names(gateway: RunningGateway, upstream: Upstream) -> None:
    sets = {"override_params": {"max_tokens": 3, "top_p": 0.5, "stop": "a"}}
    upstream.play(reply(body=COHERE_REPLY))
    post(gateway, cohere(upstream, **sets), {**ASK, "p": 0.9})
    assert upstream.last.json == {**ASK, "p": 0.5, "max_tokens": 3, "stop_sequences": ["a"]}
    local = {"provider": "ollama", "custom_host": upstream.url, **sets}
    post(gateway, local, {**ASK, "options": {"num_predict": 9, "num_ctx": 8}}, "/api/chat")
    options = {"num_predict": 3, "num_ctx": 8, "top_p": 0.5, "stop": ["a"]}
    assert upstream.last.json == {**ASK, "options": options}


def test_a_cut_stream_never_looks_finished(gateway: RunningGateway, upstream: Upstream) -> None:
    for config in (cohere(upstream), gpt(upstream)):
        first = (COHERE_STARTED, COHERE_SAID) if config["provider"] == "cohere" else (ROLE, chunk({"content": "Hi"}))
        upstream.play(events(*first, end=False), hang_up)
        last = told(post(gateway, config, STREAMED))[-1]
        assert (last["type"], last["delta"]["finish_reason"]) == ("message-end", "ERROR")
        assert last["delta"]["error"]


def test_a_filtered_answer_ends_once_and_is_asked_for_once(gateway: RunningGateway, upstream: Upstream) -> None:
    """Cohere has no word for it but ERROR, which is no failed attempt here."""
    filtered = chunk({}, "content_filter")
    for said in ([chunk({"content": "Hi"})], []):
        config = {"strategy": {"mode": "fallback"}, "targets": [gpt(upstream), gpt(upstream)]}
        upstream.play(events(ROLE, *said, filtered, DONE))
        asked = len(upstream.received)
        found = told(post(gateway, config, STREAMED))
        ends = [each["delta"] for each in found if each["type"] == "message-end"]
        assert [(end["finish_reason"], "error" in end) for end in ends] == [("ERROR", False)]
        assert len(upstream.received) == asked + 1


def test_an_error_keeps_its_shape_and_status(gateway: RunningGateway, upstream: Upstream) -> None:
    body = b'{"id":"i","message":"model \'x\' not found"}'
    upstream.play(reply(404, body))
    got = post(gateway, cohere(upstream))
    assert (got.status_code, got.content) == (404, body)


# Lane 2.


def test_another_wire_answers_in_events(gateway: RunningGateway, upstream: Upstream) -> None:
    parts = [chunk({"content": each}) for each in ("He", "llo")]
    upstream.play(events(ROLE, *parts, FINISH, chunk({}, None, usage=USAGE), DONE))
    body = {**STREAMED, "max_tokens": 7, "p": 0.5, "stop_sequences": ["x"], "safety_mode": "OFF", "documents": ["Doc"]}
    got = post(gateway, gpt(upstream), body)
    found = told(got)
    said = [each["delta"]["message"]["content"]["text"] for each in found if each["type"] == "content-delta"]
    assert said == ["He", "llo"]
    assert found[-1]["delta"]["usage"]["tokens"] == {"input_tokens": 9, "output_tokens": 4}
    sent = upstream.last.json
    assert (sent["top_p"], sent["stop"], sent["max_completion_tokens"]) == (0.5, ["x"], 7)
    assert [each["content"] for each in sent["messages"]] == ["Documents to answer by:\n\n[0] Doc", "Hi"]
    assert set(got.headers["x-penstock-dropped-params"].split(",")) == {"safety_mode", "documents"}


def test_a_call_of_a_tool_goes_there_and_back(gateway: RunningGateway, upstream: Upstream) -> None:
    made = block(0, "tool_use", args('{"city": "Bonn"}'), id="t1", name="weather", input={})
    upstream.play(events(sse(begin(), *made, *end("tool_use"))))
    found = told(post(gateway, claude(upstream), {**STREAMED, "tools": [TOOL], "tool_choice": "REQUIRED"}))
    start = next(each for each in found if each["type"] == "tool-call-start")["delta"]["message"]["tool_calls"]
    assert (start["id"], start["function"]["name"]) == ("t1", "weather")
    assert found[-1]["delta"]["finish_reason"] == "TOOL_CALL"
    assert upstream.last.json["tool_choice"] == {"type": "any"}
    call = {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    turn = {"role": "assistant", "tool_plan": "I look", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "t1", "content": [{"type": "document", "document": {"data": "Rain"}}]}
    post(gateway, claude(upstream), {**ASK, "messages": [HI, turn, result], "tools": [TOOL]})
    _, assistant, answer = upstream.last.json["messages"]
    assert [each["type"] for each in assistant["content"]] == ["text", "tool_use"]
    assert answer["content"][0]["tool_use_id"] == "t1"


@pytest.mark.parametrize("path", ["/v2/chat", "/api/chat"])
def test_thoughts_that_cannot_come_back_are_named(gateway: RunningGateway, upstream: Upstream, path: str) -> None:
    """Neither Cohere's wire nor Ollama's has a place for what Claude signs. It is no parameter to be refused."""
    asked = {"thinking": {"type": "enabled", "token_budget": 2000}} if path == "/v2/chat" else {"think": True}
    for policy in ("drop", "reject"):
        upstream.play(events(sse(begin(), *end("end_turn"))))
        config = claude(upstream, unsupported_params=policy)
        got = post(gateway, config, {**STREAMED, "model": "claude-sonnet-4-5", **asked}, path)
        assert (got.status_code, got.headers["x-penstock-dropped-params"]) == (200, "reasoning")
    upstream.play(events(sse(begin(), *end("end_turn"))))
    got = post(gateway, claude(upstream), {**STREAMED, "model": "claude-sonnet-4-5"}, path)
    assert "x-penstock-dropped-params" not in got.headers


def test_what_is_wrong_and_who_fails(gateway: RunningGateway, upstream: Upstream) -> None:
    got = post(gateway, gpt(upstream), {**ASK, "thinking": 3})
    assert (got.status_code, got.json()["message"].count("thinking")) == (400, 1)
    upstream.play(reply(429, b'{"error":{"message":"Slow down"}}', **{"retry-after": "3"}))
    got = post(gateway, gpt(upstream))
    assert (got.status_code, got.json()["message"], got.headers["retry-after"]) == (429, "Slow down", "3")
    nothing = httpx.post(f"{gateway.url}/v2/nothing", json={}, timeout=300, trust_env=False)
    assert (nothing.status_code, "message" in nothing.json()) == (404, True)


# Embeddings and reranking.


def test_embeddings_at_cohere_and_elsewhere(gateway: RunningGateway, upstream: Upstream) -> None:
    own = b'{"id":"i","embeddings":{"int8":[[1,2]]},"meta":{"billed_units":{"input_tokens":2}}}'
    upstream.play(reply(body=own))
    body = {"model": "embed-v4", "texts": ["a"], "input_type": "search_query", "embedding_types": ["int8"]}
    assert post(gateway, cohere(upstream), body, "/v2/embed").content == own
    assert upstream.last.json == body
    vectors = [{"index": 0, "embedding": [1, 2]}]
    upstream.play(reply(body=json.dumps({"data": vectors, "usage": {"prompt_tokens": 5}}).encode()))
    got = post(gateway, gpt(upstream), {**body, "embedding_types": ["float"]}, "/v2/embed")
    assert (got.json()["embeddings"], got.json()["meta"]["billed_units"]) == ({"float": [[1, 2]]}, {"input_tokens": 5})
    assert upstream.last.json == {"model": "embed-v4", "input": ["a"]}
    assert got.headers["x-penstock-dropped-params"] == "input_type"
    assert post(gateway, gpt(upstream), body, "/v2/embed").status_code == 400


def test_reranking_tells_its_errors_in_coheres_words(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=b'{"id":"i","results":[{"index":0,"relevance_score":0.5}]}'))
    body = {"model": "rerank-v3.5", "query": "q", "documents": ["a"]}
    assert post(gateway, cohere(upstream), body, "/v2/rerank").json()["results"][0]["index"] == 0
    assert "documents" in post(gateway, cohere(upstream), {**body, "documents": 3}, "/v2/rerank").json()["message"]


# Cohere's own client.


def test_coheres_own_client(gateway: RunningGateway, upstream: Upstream) -> None:
    sdk = pytest.importorskip("cohere")
    headers = {"x-portkey-config": json.dumps(gpt(upstream))}
    with httpx.Client(headers=headers, trust_env=False, timeout=300) as http:
        client = sdk.ClientV2(
            api_key="k", base_url=gateway.url, httpx_client=http, log_warning_experimental_features=False
        )
        upstream.play(reply())
        answer = client.chat(model="gpt-5", messages=[HI])
        assert (answer.message.content[0].text, answer.finish_reason) == ("Hi", "COMPLETE")
        upstream.play(events(ROLE, chunk({"content": "Hel"}), chunk({"content": "lo"}), FINISH, DONE))
        found = [*client.chat_stream(model="gpt-5", messages=[HI])]
        texts = [each.delta.message.content.text for each in found if each.type == "content-delta"]
        assert ("".join(texts), found[-1].type) == ("Hello", "message-end")
        upstream.play(reply(body=b'{"data":[{"embedding":[1,2]}]}'))
        vectors = client.embed(model="m", texts=["a"], input_type="search_query", embedding_types=["float"])
        assert vectors.embeddings.float_ == [[1, 2]]
        upstream.play(reply(401, b'{"error":{"message":"No such key"}}'))
        with pytest.raises(sdk.errors.UnauthorizedError, match="No such key"):
            client.chat(model="gpt-5", messages=[HI])

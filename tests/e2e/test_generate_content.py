"""Callers of Gemini through the real server: on lane 1, on lane 2, and in trouble."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import types

from claude_replies import begin, block, end, sse
from gemini_replies import call, framed, response
from gemini_replies import said as part
from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import CHUNK, DONE, FINISH, ROLE, Upstream, chunk, events, hang_up, held, reply

ANSWER = response(part("Hello"), finish="STOP", usage={"promptTokenCount": 3, "candidatesTokenCount": 2})
BYTES = json.dumps(ANSWER, indent=1).encode()
ASK: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
TOOL = {"functionDeclarations": [{"name": "weather", "parameters": {"type": "OBJECT", "properties": {}}}]}
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
PLAIN, STREAM, SSE = ":generateContent", ":streamGenerateContent", ":streamGenerateContent?alt=sse"


def google(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "google", "api_key": "g-key", "custom_host": upstream.url, **more}


def gpt(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "openai", "api_key": "sk-o", "custom_host": f"{upstream.url}/v1", **more}


def claude(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "anthropic", "api_key": "sk-a", "custom_host": f"{upstream.url}/v1", **more}


def post(
    gateway: RunningGateway, config: dict[str, Any], verb: str = PLAIN, body: Any = ASK, model: str = "m", **more: str
) -> httpx.Response:
    headers = {"x-portkey-config": json.dumps(config), "content-type": "application/json", **more}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    address = f"{gateway.url}/v1beta/models/{model}{verb}"
    return httpx.post(address, content=content, headers=headers, timeout=300, trust_env=False)


def told(got: httpx.Response) -> tuple[int, str, str]:
    error = got.json()["error"]
    assert error["code"] == got.status_code
    return error["code"], error["status"], error["message"]


def read(data: bytes) -> list[dict[str, Any]]:
    """The responses of a stream of events, each told in one line of data and by nothing else."""
    found = []
    for each in data.replace(b"\r\n", b"\n").split(b"\n\n"):
        if each:
            assert each.startswith(b"data: ")
            found.append(json.loads(each[6:]))
    return found


def parts(responses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        each
        for told in responses
        for candidate in told.get("candidates", [])
        for each in candidate.get("content", {}).get("parts", [])
    ]


# Lane 1: the provider speaks the caller's wire.


def test_a_plain_answer_passes_as_it_is(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=BYTES))
    got = post(gateway, google(upstream), body=b'{ "contents": [ {"parts": [{"text": "Hi"}] } ],  "labels": 1.50 }')
    assert (got.status_code, got.content) == (200, BYTES)
    assert upstream.last.target == "/v1beta/models/m:generateContent"
    assert upstream.last.body == b'{"contents":[ {"parts": [{"text": "Hi"}] } ],"labels":1.50}'
    assert upstream.last.headers["x-goog-api-key"] == "g-key"


def test_a_stream_passes_as_it_is(gateway: RunningGateway, upstream: Upstream) -> None:
    stream = framed([response(part("Hel")), ANSWER])
    upstream.play(events(*[stream[at : at + 7] for at in range(0, len(stream), 7)]))
    got = post(gateway, google(upstream), SSE)
    assert got.content == stream
    assert got.headers["content-type"].startswith("text/event-stream")
    assert upstream.last.target == "/v1beta/models/m:streamGenerateContent?alt=sse"


def test_without_alt_a_stream_is_an_array(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(framed([response(part("Hel")), ANSWER])))
    got = post(gateway, google(upstream), STREAM)
    assert got.headers["content-type"].startswith("application/json")
    assert got.json() == [response(part("Hel")), ANSWER]
    assert upstream.last.target.endswith("?alt=sse")


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/models/m:generateContent", "m"),
        ("/v1beta/models/a/b:c:generateContent", "a/b:c"),
        ("/v1beta/models/a%2Fb%3Ac%3AgenerateContent", "a/b:c"),
        ("/v1beta/a/b:generateContent", "a/b"),
        ("/v1alpha/models/m:generateContent", "m"),
        ("/v1/projects/p/locations/l/publishers/google/models/m:generateContent", "m"),
        ("/v1beta1/projects/p/locations/l/publishers/meta/models/m:generateContent", "meta/m"),
    ],
)
def test_the_model_is_what_stands_before_the_last_colon(
    path: str, model: str, gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(reply())
    headers = {"x-portkey-config": json.dumps(gpt(upstream))}
    got = httpx.post(f"{gateway.url}{path}", json=ASK, headers=headers, timeout=300, trust_env=False)
    assert got.status_code == 200, got.text
    assert upstream.last.json["model"] == model
    assert upstream.last.json["messages"] == [{"role": "user", "content": "Hi"}]


def test_without_a_provider_it_is_google_with_the_key_wherever_it_stands(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    for headers, query in (({"x-goog-api-key": "own"}, ""), ({"authorization": "Bearer own"}, ""), ({}, "?key=own")):
        upstream.play(reply(body=BYTES))
        got = httpx.post(
            f"{gateway.url}/v1beta/models/m:generateContent{query}",
            json=ASK,
            headers={"x-portkey-custom-host": upstream.url, **headers},
            timeout=60,
            trust_env=False,
        )
        assert got.headers["x-portkey-provider"] == "google"
        assert upstream.last.headers["x-goog-api-key"] == "own"
        assert upstream.last.target == "/v1beta/models/m:generateContent"
        assert "authorization" not in upstream.last.headers


def test_tokens_are_counted_by_google(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=b'{"totalTokens": 7}'))
    body = {"generateContentRequest": {"model": "models/other", **ASK}}
    got = post(gateway, google(upstream), ":countTokens", body)
    assert got.json() == {"totalTokens": 7}
    assert upstream.last.target == "/v1beta/models/m:countTokens"
    assert upstream.last.json == {"generateContentRequest": {"model": "models/m", **ASK}}
    estimate = post(gateway, gpt(upstream), ":countTokens")
    assert estimate.headers["x-penstock-estimate"] == "true"
    assert 1 < estimate.json()["totalTokens"] < 20


def test_a_configs_parameters_stand_in_googles_place(gateway: RunningGateway, upstream: Upstream) -> None:
    config = {"override_params": {"max_tokens": 5, "model": "other", "stop": "END"}}
    upstream.play(reply(body=BYTES))
    post(gateway, google(upstream, **config), body={**ASK, "generationConfig": {"maxOutputTokens": 9, "topK": 3}})
    assert upstream.last.target == "/v1beta/models/other:generateContent"
    assert upstream.last.json["generationConfig"] == {"topK": 3, "maxOutputTokens": 5, "stopSequences": ["END"]}
    upstream.play(reply())
    post(gateway, gpt(upstream, **config), body={**ASK, "generationConfig": {"topP": 0.5}})
    sent = upstream.last.json
    assert (sent["model"], sent["stop"], sent["top_p"]) == ("other", ["END"], 0.5)


# Lane 2: it speaks another.


def test_what_is_lost_of_a_tool_is_named_by_its_own_place(gateway: RunningGateway, upstream: Upstream) -> None:
    """Several functions stand in one of Gemini's tools."""
    functions = [{"name": "f"}, {"name": "g", "behavior": "BLOCKING"}]
    tools = [{"urlContext": {}}, {"functionDeclarations": functions, "googleMaps": {}}]
    upstream.play(reply())
    got = post(gateway, gpt(upstream), body={**ASK, "tools": tools})
    assert got.headers["x-penstock-dropped-params"].split(",") == [
        "tools[0].urlContext", "tools[1].googleMaps", "tools[1].functionDeclarations[1].behavior",
    ]  # fmt: skip


def test_another_makers_answer(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply())
    body = {**ASK, "system_instruction": {"parts": [{"text": "Be brief."}]}, "safetySettings": [{"category": "X"}]}
    got = post(gateway, gpt(upstream), body=body)
    answer = got.json()
    assert answer["candidates"] == [
        {"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP", "index": 0}
    ]
    assert answer["usageMetadata"] == {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4}
    assert got.headers["x-penstock-dropped-params"] == "safetySettings"
    assert upstream.last.json["messages"][0] == {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize("verb", [SSE, STREAM])
def test_another_makers_stream(verb: str, gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(ROLE, CHUNK, CHUNK, FINISH, chunk({}, usage=USAGE, choices=[]), DONE))
    got = post(gateway, gpt(upstream), verb)
    responses = read(got.content) if verb == SSE else got.json()
    assert b"[DONE]" not in got.content
    assert parts(responses) == [{"text": "Hi"}, {"text": "Hi"}, {"text": ""}]
    assert responses[-1]["candidates"][0]["finishReason"] == "STOP"
    assert responses[-1]["usageMetadata"]["promptTokenCount"] == 9
    assert not any("finishReason" in each["candidates"][0] for each in responses[:-1])


def test_claudes_thought_comes_back_by_the_call(gateway: RunningGateway, upstream: Upstream) -> None:
    thought = {"type": "thinking_delta", "thinking": "Let me see"}
    signed = {"type": "signature_delta", "signature": "c2ln+/=="}
    made = {"type": "input_json_delta", "partial_json": '{"city": "Rome"}'}
    stream = sse(
        begin(), *block(0, "thinking", thought, signed, thinking="", signature=""),
        *block(1, "tool_use", made, id="toolu_1", name="weather", input={}), *end("tool_use"),
    )  # fmt: skip
    upstream.play(events(stream))
    got = post(gateway, claude(upstream), SSE, {**ASK, "tools": [TOOL]})
    (made_call,) = [each for each in parts(read(got.content)) if "functionCall" in each]
    assert made_call["functionCall"] == {"id": "toolu_1", "name": "weather", "args": {"city": "Rome"}}
    signature = made_call["thoughtSignature"].replace("+", "-").replace("/", "_")
    answer = {"functionResponse": {"id": "toolu_1", "name": "weather", "response": {"output": "hot"}}}
    again = [
        *ASK["contents"],
        {"role": "model", "parts": [{**made_call, "thoughtSignature": signature}]},
        {"role": "user", "parts": [answer]},
    ]
    upstream.play(events(stream))
    post(gateway, claude(upstream), SSE, {"contents": again, "tools": [TOOL]})
    assert upstream.last.json["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Let me see", "signature": "c2ln+/=="},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}},
    ]
    upstream.play(reply(body=BYTES))
    post(gateway, google(upstream), body={"contents": again})
    sent = upstream.last.json["contents"][1]["parts"]
    assert sent == [{**made_call, "thoughtSignature": "skip_thought_signature_validator"}]


def test_calls_without_ids_are_matched_with_their_results(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply())
    contents = [
        *ASK["contents"],
        {"role": "model", "parts": [call("f", {"n": 1}), call("f", {"n": 2})]},
        {
            "role": "function",
            "parts": [
                {"function_response": {"name": "f", "response": {"result": "one"}}},
                {"function_response": {"name": "f", "response": {"error": "two"}}},
            ],
        },
    ]
    post(gateway, gpt(upstream), body={"contents": contents})
    _, said_by_model, one, two = upstream.last.json["messages"]
    ids = [each["id"] for each in said_by_model["tool_calls"]]
    assert [one["tool_call_id"], two["tool_call_id"]] == ids
    assert (one["content"], two["content"]) == ("one", "Error: two")


# Trouble.


def test_errors_are_in_googles_shape(gateway: RunningGateway, upstream: Upstream) -> None:
    assert told(post(gateway, gpt(upstream), body={"contents": [{"role": "nobody"}]}))[:2] == (400, "INVALID_ARGUMENT")
    upstream.play(reply(429, b'{"error": {"message": "slow down"}}', retry_after="3"))
    got = post(gateway, gpt(upstream))
    assert told(got) == (429, "RESOURCE_EXHAUSTED", "slow down")
    assert got.json()["error"]["details"][0]["retryDelay"] == "3s"
    overflow = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    upstream.play(reply(400, json.dumps({"error": {"message": overflow}}).encode()))
    words = "The input token count (9000) exceeds the maximum number of tokens allowed (8192)."
    assert told(post(gateway, gpt(upstream))) == (400, "INVALID_ARGUMENT", words)
    cached = {**ASK, "cachedContent": "cachedContents/1"}
    assert "kept at Google" in told(post(gateway, gpt(upstream), body=cached))[2]


@pytest.mark.parametrize("verb", [SSE, STREAM])
@pytest.mark.parametrize("provider", [gpt, google])
def test_a_stream_that_breaks_ends_with_an_error(
    provider: Any, verb: str, gateway: RunningGateway, upstream: Upstream
) -> None:
    begun = CHUNK if provider is gpt else framed([response(part("Hel"))])
    upstream.play(events(begun, end=False), hang_up)
    got = post(gateway, provider(upstream), verb)
    responses = read(got.content) if verb == SSE else got.json()
    assert responses[-1]["error"]["status"] == "INTERNAL"
    assert parts(responses)


@pytest.mark.parametrize("path", ["/v1beta/models/m:generateAnswer"])
def test_what_is_not_built_says_so(path: str, gateway: RunningGateway) -> None:
    got = httpx.post(f"{gateway.url}{path}", json={}, timeout=300, trust_env=False)
    assert told(got)[:2] == (501, "UNIMPLEMENTED")


PROMPT: dict[str, Any] = {"instances": [{"prompt": "A cat"}], "parameters": {"sampleCount": 1}}


def test_predictions_pass_to_google(gateway: RunningGateway, upstream: Upstream) -> None:
    made = b'{"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": "aGk="}]}'
    upstream.play(reply(body=made))
    got = post(gateway, google(upstream), ":predict", PROMPT, "imagen-4.0")
    assert (got.status_code, got.content) == (200, made)
    assert (upstream.last.target, upstream.last.json) == ("/v1beta/models/imagen-4.0:predict", PROMPT)
    name = "models/veo-3.0/operations/a1"
    upstream.play(reply(body=json.dumps({"name": name}).encode()))
    assert post(gateway, google(upstream), ":predictLongRunning", PROMPT, "veo-3.0").json() == {"name": name}
    assert upstream.last.target == "/v1beta/models/veo-3.0:predictLongRunning"
    upstream.play(reply(body=b'{"done": true}'))
    headers = {"x-portkey-config": json.dumps(google(upstream))}
    done = httpx.get(f"{gateway.url}/v1beta/{name}", headers=headers, timeout=300, trust_env=False)
    assert (done.json(), upstream.last.target) == ({"done": True}, f"/v1beta/{name}")


@pytest.mark.parametrize("verb", ["batchGenerateContent", "asyncBatchEmbedContent"])
def test_batches_are_made_at_google(gateway: RunningGateway, upstream: Upstream, verb: str) -> None:
    batch = {"batch": {"displayName": "b", "inputConfig": {"fileName": "files/abc"}}}
    upstream.play(reply(body=b'{"name": "batches/a1", "done": false}'))
    got = post(gateway, google(upstream), f":{verb}", batch, "gemini-3-flash")
    assert got.json() == {"name": "batches/a1", "done": False}
    assert (upstream.last.target, upstream.last.json) == (f"/v1beta/models/gemini-3-flash:{verb}", batch)
    words = {"default.contains": {"operator": "none", "words": ["x"]}, "deny": True}
    assert told(post(gateway, google(upstream, input_guardrails=[words]), f":{verb}", batch))[0] == 501


def test_predictions_elsewhere_and_under_guards(gateway: RunningGateway, upstream: Upstream) -> None:
    assert told(post(gateway, gpt(upstream), ":predict", PROMPT))[:2] == (501, "UNIMPLEMENTED")
    words = {"default.contains": {"operator": "none", "words": ["x"]}, "deny": True}
    guarded = post(gateway, google(upstream, input_guardrails=[words]), ":predict", PROMPT)
    assert told(guarded)[0] == 501
    assert "guards" in told(guarded)[2]
    upstream.play(reply(400, b'{"error": {"code": 400, "message": "No.", "status": "INVALID_ARGUMENT"}}'))
    assert told(post(gateway, google(upstream), ":predict", PROMPT)) == (400, "INVALID_ARGUMENT", "No.")
    assert len(upstream.received) == 1


def test_interactions_pass_to_google(gateway: RunningGateway, upstream: Upstream) -> None:
    headers = {"x-portkey-config": json.dumps(google(upstream)), "content-type": "application/json"}
    asked = b'{"model": "gemini-3-flash", "input": "Hi"}'
    address = f"{gateway.url}/v1beta/interactions"
    upstream.play(reply(body=b'{"id": "v1_abc", "status": "completed"}'))
    got = httpx.post(address, content=asked, headers=headers, timeout=300, trust_env=False)
    assert (got.json()["id"], upstream.last.body) == ("v1_abc", asked)
    counts = {"total_input_tokens": 5, "total_output_tokens": 7, "total_tokens": 12}
    last = {"event_type": "interaction.complete", "interaction": {"id": "v1_abc", "usage": counts}}
    upstream.play(events(b"event: interaction.complete\ndata: %s\n\n" % json.dumps(last).encode()))
    gateway.recorded()
    httpx.post(address, content=asked[:-1] + b', "stream": true}', headers=headers, timeout=300, trust_env=False)
    usage = gateway.recorded()[-1].usage
    assert usage is not None
    assert (usage.prompt, usage.completion) == (5, 7)
    upstream.play(reply(body=b'{"id": "v1_abc"}'))
    httpx.get(f"{address}/v1_abc", headers=headers, timeout=300, trust_env=False)
    assert upstream.last.target == "/v1beta/interactions/v1_abc"
    words = {"default.contains": {"operator": "none", "words": ["x"]}, "deny": True}
    headers["x-portkey-config"] = json.dumps(google(upstream, input_guardrails=[words]))
    assert httpx.post(address, content=asked, headers=headers, timeout=300, trust_env=False).status_code >= 400
    assert len(upstream.received) == 3


OPENAIS_VECTORS: dict[str, Any] = {
    "object": "list",
    "model": "m",
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
    "data": [{"object": "embedding", "index": n, "embedding": [0.25, n]} for n in (1, 0)],
}


def test_embeddings_of_openais_wire(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=json.dumps(OPENAIS_VECTORS).encode()))
    one = {"content": {"parts": [{"text": "Hello"}]}, "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 2}
    got = post(gateway, gpt(upstream), ":batchEmbedContents", {"requests": [one, one]})
    assert got.json() == {
        "embeddings": [{"values": [0.25, 0]}, {"values": [0.25, 1]}],
        "usageMetadata": {"promptTokenCount": 3},
    }
    assert got.headers["x-penstock-dropped-params"] == "taskType"
    assert upstream.last.target == "/v1/embeddings"
    assert upstream.last.json == {"input": ["Hello", "Hello"], "dimensions": 2, "model": "m"}
    upstream.play(reply(body=json.dumps({**OPENAIS_VECTORS, "data": OPENAIS_VECTORS["data"][:1]}).encode()))
    got = post(gateway, gpt(upstream), ":embedContent", one)
    assert got.json()["embedding"] == {"values": [0.25, 1]}


def test_embeddings_of_google(gateway: RunningGateway, upstream: Upstream) -> None:
    """Bytes pass: what Google alone knows, too."""
    made = b'{"embedding":{"values":[0.10, 2]},"usageMetadata":{"promptTokenCount":4}}'
    upstream.play(reply(body=made))
    one = {"content": {"parts": [{"text": "Hello"}]}, "task_type": "RETRIEVAL_DOCUMENT", "title": "T", "own": 1}
    gateway.recorded()
    got = post(gateway, google(upstream), ":embedContent", one)
    assert got.content == made
    assert (upstream.last.target, upstream.last.json) == ("/v1beta/models/m:embedContent", one)
    usage = gateway.recorded()[-1].usage
    assert usage is not None
    assert usage.prompt == 4
    upstream.play(reply(body=b'{"embeddings":[{"values":[0.10, 2]}]}'))
    many = {"requests": [{"model": "models/alias", **one}]}
    assert post(gateway, google(upstream), ":batchEmbedContents", many).json() == {"embeddings": [{"values": [0.1, 2]}]}
    assert upstream.last.target == "/v1beta/models/m:batchEmbedContents"
    assert upstream.last.json == {"requests": [{"model": "models/m", **one}]}
    code, word, _ = told(post(gateway, google(upstream), ":batchEmbedContents", {"requests": 5}))
    assert (code, word) == (400, "INVALID_ARGUMENT")
    assert told(post(gateway, claude(upstream), ":embedContent", one))[0] == 501


def test_lists_are_in_the_wire_of_the_client(gateway: RunningGateway) -> None:
    def listed(path: str, **headers: str) -> Any:
        return httpx.get(f"{gateway.url}{path}", headers=headers, timeout=300, trust_env=False).json()

    assert "models" in listed("/v1beta/models")
    assert "models" in listed("/v1/models?pageSize=5", **{"x-goog-api-key": "k"})
    assert listed("/v1/models?limit=1000", **{"anthropic-version": "2023-06-01"})["has_more"] is False
    assert listed("/v1/models")["object"] == "list"


# Gateway keys, wherever Google's and AWS's clients show them.


KEY = "pk-team-0123456789abcdef"
SIGNED = f"AWS4-HMAC-SHA256 Credential={KEY}/20261129/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=ab"


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"x-goog-api-key": KEY}, ""),
        ({}, f"?key={KEY}"),
        ({}, f"?key={KEY}&alt=json"),
        ({"authorization": SIGNED}, ""),
        ({"x-goog-api-key": "own", "authorization": f"Bearer {KEY}"}, ""),
        ({"x-goog-api-key": "own"}, f"?key={KEY}"),
    ],
)
def test_a_gateway_key_is_found_in_its_place_and_goes_no_further(
    headers: dict[str, str], query: str, upstream: Upstream, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "penstock.toml"
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    path.write_text(f'[keys.team]\nhash = "sha256:{digest}"\nhosts = ["127.0.0.1"]\n')
    with running_gateway(load({}, {}, Path("/nonexistent")), path) as running:
        config = google(upstream, forward_headers=["x-goog-api-key", "authorization", "?key"])
        if "own" in headers.values():
            config.pop("api_key")
        address = f"{running.url}/v1beta/models/m:generateContent"
        given = {"x-portkey-config": json.dumps(config)}
        refused = httpx.post(f"{address}?key=other", json=ASK, headers=given, timeout=300, trust_env=False)
        assert told(refused)[:2] == (401, "UNAUTHENTICATED")
        upstream.play(reply(body=BYTES))
        got = httpx.post(f"{address}{query}", json=ASK, headers={**given, **headers}, timeout=300, trust_env=False)
        assert got.status_code == 200, got.text
    assert KEY not in f"{upstream.last.target}{upstream.last.headers}"
    assert upstream.last.headers["x-goog-api-key"] == ("own" if "own" in headers.values() else "g-key")
    assert KEY not in "".join(capfd.readouterr())


def test_a_chat_of_googles_sdk_remembers_streamed_turns(upstream: Upstream) -> None:
    """Its history takes a turn whose responses all have parts, and sends each as a content: they are one message."""
    release = threading.Event()
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_KEEPALIVE": "0.02"}
    with running_gateway(load({}, environment, Path("/nonexistent"))) as waiting:
        headers = {"x-portkey-config": json.dumps(gpt(upstream))}
        options = types.HttpOptions(base_url=waiting.url, headers=headers, timeout=60_000)
        with genai.Client(api_key="unused", http_options=options) as client:
            chat = client.chats.create(model="m")
            for _ in range(2):
                upstream.play(held(release), events(ROLE, CHUNK, CHUNK, FINISH, DONE))
                texts = []
                for said in chat.send_message_stream("Hi"):
                    texts.append(said.text)
                    release.set()  # the first is a sign of life
                assert "".join(text or "" for text in texts) == "HiHi"
                assert texts[0] == ""
                release.clear()
    user, model = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "HiHi"}
    assert upstream.last.json["messages"] == [user, model, user]

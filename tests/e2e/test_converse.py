"""Bedrock's Converse through the real server, as AWS's own client speaks it: at Bedrock and at other makers' hosts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import botocore.session
import httpx
import pytest
from botocore.config import Config
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError, EventStreamError

import calling
from penstock.dialects.bedrock.caller.frames import FrameEncoder
from penstock.dialects.framing.aws_eventstream import STREAM_TYPE, write_event, write_exception
from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import DONE, FINISH, ROLE, Upstream, chunk, events, hang_up, reply, send

MODEL: Final = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE: Final = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
KEY: Final = "pk-unit-0123456789abcdef"
HI: Final = [{"role": "user", "content": [{"text": "Hi"}]}]
FRAMED: Final = FrameEncoder().finish(b"".join(calling.STREAMS["bedrock_converse"]))
Client = Any


def client(gateway: RunningGateway, upstream: Upstream, key: str = "AKIDUNIT", **headers: str) -> Client:
    """AWS's client, whose requests go to the scripted provider with these header fields."""
    session = botocore.session.Session()
    made = session.create_client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=gateway.url,
        aws_access_key_id=key,
        aws_secret_access_key="unit-secret",
        config=Config(retries={"total_max_attempts": 1}),
    )
    fields = {"x-portkey-custom-host": upstream.url, **{name.replace("_", "-"): each for name, each in headers.items()}}

    def add(request: Any, **_: Any) -> None:
        for name, value in fields.items():
            request.headers[name] = value

    made.meta.events.register("before-sign.*", add)
    return made


def at_bedrock(gateway: RunningGateway, upstream: Upstream) -> Client:
    keys = {"x_portkey_aws_access_key_id": "AKIDOWN", "x_portkey_aws_secret_access_key": "own-secret"}
    return client(gateway, upstream, **keys)


def through_chat(gateway: RunningGateway, upstream: Upstream) -> Client:
    config = {"provider": "nvidia", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    return client(gateway, upstream, x_portkey_config=json.dumps(config))


# Bedrock behind it: lane 1.


@pytest.mark.parametrize("model", [MODEL, PROFILE])
def test_a_request_passes_and_is_signed_anew(gateway: RunningGateway, upstream: Upstream, model: str) -> None:
    upstream.play(reply(200, calling.CONVERSED))
    said = {"messages": HI, "inferenceConfig": {"maxTokens": 9}, "performanceConfig": {"latency": "standard"}}
    found = at_bedrock(gateway, upstream).converse(modelId=model, **said)
    assert found["output"]["message"]["content"] == [{"text": "Hi"}]
    assert (found["stopReason"], found["metrics"]["latencyMs"]) == ("end_turn", 7)
    assert found["ResponseMetadata"]["RequestId"]
    received = upstream.last
    assert received.target == f"/model/{quote(model, safe='')}/converse"
    assert json.loads(received.body) == said
    assert "Credential=AKIDOWN/" in received.headers["authorization"]
    assert "AKIDUNIT" not in str(received.headers)
    assert received.headers.get("x-portkey-aws-secret-access-key") is None


def test_a_stream_passes_frame_by_frame(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, FRAMED, content_type=STREAM_TYPE.decode()))
    found = at_bedrock(gateway, upstream).converse_stream(modelId=MODEL, messages=HI)
    names = [next(iter(event)) for event in found["stream"]]
    assert names == ["messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]
    assert upstream.last.target.endswith("/converse-stream")


def test_the_bytes_of_a_stream_are_the_same(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, FRAMED, content_type=STREAM_TYPE.decode()))
    headers = {"x-portkey-provider": "bedrock", "x-portkey-custom-host": upstream.url, "authorization": "Bearer k"}
    url = f"{gateway.url}/model/{quote(MODEL, safe='')}/converse-stream"
    found = httpx.post(url, json={"messages": HI}, headers=headers, timeout=300)
    assert (found.content, found.headers["content-type"]) == (FRAMED, STREAM_TYPE.decode())
    assert upstream.last.headers["authorization"] == "Bearer k"


def test_bedrocks_errors_pass(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(429, b'{"message":"Slow down"}', x_amzn_errortype="ThrottlingException"))
    with pytest.raises(ClientError) as refused:
        at_bedrock(gateway, upstream).converse(modelId=MODEL, messages=HI)
    error = refused.value.response
    assert (error["Error"]["Code"], error["Error"]["Message"]) == ("ThrottlingException", "Slow down")
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_an_exception_before_the_answer_is_an_error_with_its_status(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(reply(200, write_exception("throttlingException", b'{"message":"Full"}'), STREAM_TYPE.decode()))
    with pytest.raises(ClientError) as refused:
        at_bedrock(gateway, upstream).converse_stream(modelId=MODEL, messages=HI)
    assert refused.value.response["Error"]["Code"] == "ThrottlingException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_an_exception_in_the_middle_is_one(gateway: RunningGateway, upstream: Upstream) -> None:
    begun = FrameEncoder().finish(b"".join(calling.STREAMS["bedrock_converse"][:2]))
    failed = write_exception("serviceUnavailableException", b'{"message":"Gone"}')
    upstream.play(reply(200, begun + failed, STREAM_TYPE.decode()))
    found = at_bedrock(gateway, upstream).converse_stream(modelId=MODEL, messages=HI)
    with closing(found["stream"]) as stream, pytest.raises(EventStreamError, match=r"serviceUnavailable\w+.*Gone"):
        list(stream)


def test_a_stream_that_is_cut_never_looks_finished(gateway: RunningGateway, upstream: Upstream) -> None:
    begun = FrameEncoder().finish(b"".join(calling.STREAMS["bedrock_converse"][:2]))
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {STREAM_TYPE.decode()}\r\ncontent-length: 9999\r\n\r\n".encode()
    upstream.play(send(head + begun), hang_up)
    found = at_bedrock(gateway, upstream).converse_stream(modelId=MODEL, messages=HI)
    with closing(found["stream"]) as stream, pytest.raises(EventStreamError, match="modelStreamErrorException"):
        list(stream)


# Another host behind it: lane 2.

TOOL: Final = {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}


def test_another_wire_is_asked_and_answers(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, calling.COMPLETION))
    found = through_chat(gateway, upstream).converse(
        modelId="m", messages=HI, system=[{"text": "Be brief."}], toolConfig={"tools": [TOOL]}
    )
    assert found["output"]["message"]["content"] == [{"text": "Hi"}]
    assert found["usage"] == {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
    assert found["ResponseMetadata"]["RequestId"] == found["ResponseMetadata"]["HTTPHeaders"]["x-portkey-trace-id"]
    body = json.loads(upstream.last.body)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["tools"][0]["function"]["name"] == "f"


def test_another_wires_stream_is_converses(gateway: RunningGateway, upstream: Upstream) -> None:
    call = {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    upstream.play(events(ROLE, chunk({"content": "Hi"}), chunk(call), FINISH, DONE))
    found = list(through_chat(gateway, upstream).converse_stream(modelId="m", messages=HI)["stream"])
    assert [next(iter(event)) for event in found] == [
        "messageStart", "contentBlockDelta", "contentBlockStop", "contentBlockStart", "contentBlockDelta",
        "contentBlockStop", "messageStop", "metadata",
    ]  # fmt: skip
    assert found[3]["contentBlockStart"]["start"] == {"toolUse": {"toolUseId": "c", "name": "f"}}
    assert found[6] == {"messageStop": {"stopReason": "tool_use"}}


def test_bytes_are_base64_on_their_way(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, calling.COMPLETION))
    image = {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}}
    through_chat(gateway, upstream).converse(modelId="m", messages=[{"role": "user", "content": [image]}])
    (part,) = json.loads(upstream.last.body)["messages"][0]["content"]
    assert part["image_url"]["url"] == "data:image/png;base64,iVBORw=="


def test_an_error_of_another_wire_has_aws_name(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(404, b'{"error":{"message":"No such model","code":"model_not_found"}}'))
    with pytest.raises(ClientError) as refused:
        through_chat(gateway, upstream).converse(modelId="m", messages=HI)
    assert refused.value.response["Error"] == {"Message": "No such model", "Code": "ResourceNotFoundException"}


@pytest.mark.parametrize("said", [{"messages": [{"role": "user", "content": []}]},
                                  {"messages": HI, "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}}])  # fmt: skip
def test_what_can_not_be_said_is_refused(gateway: RunningGateway, upstream: Upstream, said: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refused:
        through_chat(gateway, upstream).converse(modelId="m", **said)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert upstream.received == []


def test_what_is_lost_is_named(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, calling.COMPLETION))
    found = through_chat(gateway, upstream).converse(
        modelId="m", messages=HI, performanceConfig={"latency": "optimized"}, additionalModelRequestFields={"odd": 1}
    )
    names = found["ResponseMetadata"]["HTTPHeaders"]["x-penstock-dropped-params"]
    assert names == "additionalModelRequestFields.odd,performanceConfig"


# Who asks.


def test_a_signature_is_no_credential_of_bedrocks(gateway: RunningGateway) -> None:
    made = botocore.session.Session().create_client(
        "bedrock-runtime", region_name="us-east-1", endpoint_url=gateway.url, aws_access_key_id="AKIDUNIT",
        aws_secret_access_key="s", config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    with pytest.raises(ClientError) as refused:
        made.converse(modelId=MODEL, messages=HI)
    error = refused.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("AccessDeniedException", 401)
    assert "[missing_api_key]" in error["Error"]["Message"]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway that asks for a key, which AWS's clients show as their access key's id."""
    path = tmp_path_factory.mktemp("guarded") / "penstock.toml"
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    path.write_text(f'[keys.team]\nhash = "sha256:{digest}"\nhosts = ["127.0.0.1"]\n')
    settings = load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent"))
    with running_gateway(settings, path) as running:
        yield running


def test_the_access_keys_id_is_a_gateway_key(guarded: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, calling.COMPLETION))
    config = {"provider": "nvidia", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    fields = {"x_portkey_config": json.dumps(config)}
    found = client(guarded, upstream, KEY, **fields).converse(modelId="m", messages=HI)
    assert found["stopReason"] == "end_turn"
    assert KEY not in str(upstream.last.headers)
    with pytest.raises(ClientError) as refused:
        client(guarded, upstream, "AKIDOTHER", **fields).converse(modelId="m", messages=HI)
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"


# InvokeModel, for Claude.

ASKED: Final = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hi"}],
}


def at_anthropic(gateway: RunningGateway, upstream: Upstream) -> Client:
    config = {"provider": "anthropic", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    return client(gateway, upstream, x_portkey_config=json.dumps(config))


def test_claude_by_invoke_model_at_anthropic(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, calling.MESSAGE))
    found = at_anthropic(gateway, upstream).invoke_model(modelId="claude-x", body=json.dumps(ASKED))
    assert json.loads(found["body"].read())["content"] == [{"type": "text", "text": "Hi"}]
    body = json.loads(upstream.last.body)
    assert (body["model"], "anthropic_version" in body, body["stream"]) == ("claude-x", False, False)


def test_claudes_events_in_frames(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(*calling.STREAMS["anthropic"]))
    found = at_anthropic(gateway, upstream).invoke_model_with_response_stream(
        modelId="claude-x", body=json.dumps(ASKED)
    )
    kinds = [json.loads(event["chunk"]["bytes"])["type"] for event in found["body"]]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")


def test_claude_by_invoke_model_through_converse(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, calling.CONVERSED))
    found = at_bedrock(gateway, upstream).invoke_model(modelId=MODEL, body=json.dumps(ASKED))
    assert json.loads(found["body"].read())["content"] == [{"type": "text", "text": "Hi"}]
    assert upstream.last.target.endswith("/converse")


TITAN = "amazon.titan-embed-text-v2:0"
VECTORS = {
    "object": "list",
    "model": "m",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.25, 1]}],
    "usage": {"prompt_tokens": 3, "total_tokens": 3},
}


def test_embeddings_by_invoke_model_at_bedrock(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, b'{"embedding":[0.25,1],"inputTextTokenCount":3}'))
    gateway.recorded()
    found = at_bedrock(gateway, upstream).invoke_model(modelId=TITAN, body='{"inputText":"Hi"}')
    assert json.loads(found["body"].read()) == {"embedding": [0.25, 1], "inputTextTokenCount": 3}
    assert upstream.last.target == f"/model/{quote(TITAN, safe='')}/invoke"
    assert upstream.last.json["inputText"] == "Hi"
    (record,) = gateway.recorded()
    assert (record.operation, record.usage and record.usage.prompt) == ("embeddings", 3)


def test_embeddings_by_invoke_model_elsewhere(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, json.dumps(VECTORS).encode()))
    config = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    found = httpx.post(
        f"{gateway.url}/model/text-embedding-3-small/invoke",
        json={"inputText": "Hi", "dimensions": 256},
        headers={"x-portkey-config": json.dumps(config)},
        timeout=60,
    )
    assert found.json() == {"embedding": [0.25, 1], "inputTextTokenCount": 3}
    assert upstream.last.json == {"model": "text-embedding-3-small", "input": ["Hi"], "dimensions": 256}


def test_reranking_by_invoke_model(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, b'{"results":[{"index":1,"relevance_score":0.9}],"usage":{"total_tokens":7}}'))
    config = {"provider": "jina", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    body = {"query": "q", "documents": ["a", "b"], "top_n": 1, "api_version": 2}
    found = httpx.post(
        f"{gateway.url}/model/jina-reranker/invoke",
        json=body,
        headers={"x-portkey-config": json.dumps(config)},
        timeout=60,
    )
    assert found.json() == {"results": [{"index": 1, "relevance_score": 0.9}]}
    assert upstream.last.json == {"model": "jina-reranker", "query": "q", "documents": ["a", "b"], "top_n": 1}


def test_other_bodies_of_invoke_model_pass_to_bedrock_as_they_are(gateway: RunningGateway, upstream: Upstream) -> None:
    painted = b'{"images":["aGk="]}'
    upstream.play(reply(200, painted))
    asked = '{"taskType":"TEXT_IMAGE", "textToImageParams":{"text":"A cat"}}'
    client = at_bedrock(gateway, upstream)
    found = client.invoke_model(
        modelId="amazon.nova-canvas-v1:0", body=asked, guardrailIdentifier="g1", guardrailVersion="1"
    )
    assert found["body"].read() == painted
    assert upstream.last.json == json.loads(asked)
    assert upstream.last.headers["x-amzn-bedrock-guardrailidentifier"] == "g1"
    with pytest.raises(ClientError, match="invoke_model is not supported by anthropic"):
        at_anthropic(gateway, upstream).invoke_model(modelId="m", body=asked)


def test_streams_of_other_makers_pass_from_bedrock(gateway: RunningGateway, upstream: Upstream) -> None:
    pieces = [{"outputText": "Hi"}, {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 3, "outputTokenCount": 2}}]
    frames = [write_event("chunk", b'{"bytes":"%s"}' % base64.b64encode(json.dumps(each).encode())) for each in pieces]
    upstream.play(reply(200, b"".join(frames), content_type="application/vnd.amazon.eventstream"))
    gateway.recorded()
    found = at_bedrock(gateway, upstream).invoke_model_with_response_stream(
        modelId="meta.llama", body='{"prompt":"Hi"}'
    )
    assert [json.loads(event["chunk"]["bytes"]) for event in found["body"]] == pieces
    (record,) = gateway.recorded()
    assert record.usage is not None
    assert (record.usage.prompt, record.usage.completion) == (3, 2)


def test_a_guardrail_that_no_other_host_applies_is_refused(gateway: RunningGateway, upstream: Upstream) -> None:
    config = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    headers = {"x-portkey-config": json.dumps(config), "x-amzn-bedrock-guardrailidentifier": "g1"}
    for body in (ASKED, {"inputText": "Hi"}):
        found = httpx.post(f"{gateway.url}/model/m/invoke", json=body, headers=headers, timeout=300)
        assert (found.status_code, "guardrailidentifier" in found.text) == (400, True)
    assert not upstream.received


def test_tokens_are_counted_at_bedrock(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, b'{"inputTokens": 17}'))
    counted = {"converse": {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}}
    assert at_bedrock(gateway, upstream).count_tokens(modelId=MODEL, input=counted)["inputTokens"] == 17
    assert upstream.last.target == f"/model/{quote(MODEL, safe='')}/count-tokens"
    assert upstream.last.json == {"input": counted}


@pytest.mark.parametrize("form", ["converse", "invokeModel"])
def test_tokens_of_other_targets_are_estimated(gateway: RunningGateway, form: str) -> None:
    converse = {"messages": [{"role": "user", "content": [{"text": "Hello there, you"}]}]}
    messages = json.dumps({"messages": [{"role": "user", "content": "Hello there, you"}], "max_tokens": 1})
    inputs: dict[str, Any] = {
        "converse": {"converse": converse},
        "invokeModel": {"invokeModel": {"body": base64.b64encode(messages.encode()).decode()}},
    }
    found = httpx.post(
        f"{gateway.url}/model/m/count-tokens",
        json={"input": inputs[form]},
        headers={"x-portkey-provider": "echo"},
        timeout=60,
    )
    assert (found.status_code, found.headers["x-penstock-estimate"]) == (200, "true")
    assert 4 <= found.json()["inputTokens"] <= 25
    wrong = httpx.post(f"{gateway.url}/model/m/count-tokens", json={"input": {}}, timeout=300)
    assert (wrong.status_code, wrong.headers["x-amzn-errortype"]) == (400, "ValidationException")


def test_what_is_not_built_says_so_in_aws_words(gateway: RunningGateway) -> None:
    for path in ("/model/m/async-invoke",):
        found = httpx.get(f"{gateway.url}{path}", timeout=300)
        assert (found.status_code, found.headers["x-amzn-errortype"]) == (501, "UnsupportedOperationException")


# Claude on Vertex AI's paths.


@pytest.mark.parametrize(("verb", "streams"), [("rawPredict", False), ("streamRawPredict", True)])
def test_claude_at_vertex_paths(gateway: RunningGateway, upstream: Upstream, verb: str, streams: bool) -> None:
    upstream.play(events(*calling.STREAMS["anthropic"]) if streams else reply(200, calling.MESSAGE))
    config = {"provider": "anthropic", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    body = {**ASKED, "anthropic_version": "vertex-2023-10-16"}
    url = f"{gateway.url}/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-x@20250101:{verb}"
    found = httpx.post(url, json=body, headers={"x-portkey-config": json.dumps(config)}, timeout=300)
    assert found.status_code == 200, found.text
    assert ("message_stop" in found.text) is streams
    assert json.loads(upstream.last.body)["model"] == "claude-x@20250101"


def test_frames_are_those_that_botocore_reads(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(ROLE, chunk({"content": "Hi"}), FINISH, DONE))
    config = {"provider": "nvidia", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    url, headers = f"{gateway.url}/model/m/converse-stream", {"x-portkey-config": json.dumps(config)}
    buffer = EventStreamBuffer()
    buffer.add_data(httpx.post(url, json={"messages": HI}, headers=headers, timeout=300).content)
    assert [str(event.headers[":event-type"]) for event in buffer][-1] == "metadata"

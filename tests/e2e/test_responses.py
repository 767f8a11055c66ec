"""Callers of Responses through the real server, with OpenAI's own SDK: on lane 1, on lane 2, and in trouble."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from calling import COMPLETED, CREATED, RESPONSE, SAID
from penstock.core.bound_id import Binder
from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import CHUNK, DONE, FINISH, ROLE, Upstream, chunk, events, hang_up, reply, send

STREAM = CREATED + SAID + COMPLETED
ASK: dict[str, Any] = {"model": "m", "input": "Hello"}
FUNCTION: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'}}
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def gpt(upstream: Upstream, **more: Any) -> dict[str, Any]:
    """A host of Responses."""
    return {"provider": "openai", "api_key": "sk-o", "custom_host": f"{upstream.url}/v1", **more}


def groq(upstream: Upstream, **more: Any) -> dict[str, Any]:
    """A host of chat completions alone."""
    return {"provider": "nvidia", "api_key": "sk-n", "custom_host": f"{upstream.url}/v1", **more}


def config(value: dict[str, Any]) -> dict[str, str]:
    return {"x-portkey-config": json.dumps(value)}


@contextlib.contextmanager
def sdk(gateway: RunningGateway, value: dict[str, Any]) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        api_key="sk-caller", base_url=gateway.v1, default_headers=config(value), max_retries=0, timeout=60
    ) as client:
        yield client


def post(gateway: RunningGateway, value: dict[str, Any], body: Any = ASK, path: str = "/responses") -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json", **config(value)}
    return httpx.post(f"{gateway.v1}{path}", content=content, headers=headers, timeout=300, trust_env=False)


# Lane 1: the provider speaks the caller's wire.


def test_a_plain_answer_passes_as_it_is(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=RESPONSE))
    got = post(
        gateway, gpt(upstream), b'{ "model": "m", "input":  "Hi", "previous_response_id": "resp_0", "new": 1.50 }'
    )
    assert got.content == RESPONSE
    assert upstream.last.target == "/v1/responses"
    assert upstream.last.body == b'{"model":"m","input":"Hi","previous_response_id":"resp_0","new":1.50}'
    assert upstream.last.headers["authorization"] == "Bearer sk-o"


def test_a_stream_passes_as_it_is(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(*[STREAM[at : at + 7] for at in range(0, len(STREAM), 7)]))
    assert post(gateway, gpt(upstream), {**ASK, "stream": True}).content == STREAM


def test_the_sdk_reads_both_forms(gateway: RunningGateway, upstream: Upstream) -> None:
    with sdk(gateway, gpt(upstream)) as client:
        upstream.play(reply(body=RESPONSE))
        assert client.responses.create(**ASK).output_text == "Hi"
        upstream.play(events(STREAM))
        assert [each.type for each in client.responses.create(**ASK, stream=True)][-1] == "response.completed"


def test_without_a_provider_it_is_openai(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=RESPONSE))
    headers = {"x-portkey-custom-host": f"{upstream.url}/v1"}
    with openai.OpenAI(api_key="sk-caller", base_url=gateway.v1, default_headers=headers) as client:
        got = client.responses.with_raw_response.create(**ASK)
    assert got.headers["x-portkey-provider"] == "openai"
    assert upstream.last.headers["authorization"] == "Bearer sk-caller"


@pytest.mark.parametrize("path", ["/responses", "/responses/input_tokens"])
def test_a_prompt_that_the_host_keeps_names_the_model(path: str, gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=RESPONSE))
    body = {"prompt": {"id": "pmpt_1"}}
    assert post(gateway, gpt(upstream), body, path).status_code == 200
    assert upstream.last.json == body
    refused = post(gateway, groq(upstream), body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "model")


def test_a_cut_stream_is_told_with_the_next_number(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(CREATED, SAID, end=False), hang_up)
    got = post(gateway, gpt(upstream), {**ASK, "stream": True}).content
    assert got.startswith(CREATED + SAID + b"event: response.failed\n")
    failed = json.loads(got.rpartition(b"data: ")[2])
    assert (failed["sequence_number"], failed["response"]["id"]) == (2, "resp_1")
    assert failed["response"]["error"]["code"] == "upstream_truncated"


def test_the_stream_of_a_stored_response_tells_that_it_failed(gateway: RunningGateway, upstream: Upstream) -> None:
    """The look-up has succeeded: an error of its own would be tried again, and asked of others."""
    error = {"code": "server_error", "message": "No luck"}
    failed = {"type": "response.failed", "sequence_number": 1, "response": {"status": "failed", "error": error}}
    event = b"event: response.failed\ndata: " + json.dumps(failed).encode() + b"\n\n"
    with sdk(gateway, gpt(upstream)) as client:
        for pieces, kinds in (
            ((CREATED, event), ["response.created", "response.failed"]),
            ((event,), ["response.failed"]),
        ):
            upstream.play(events(*pieces))
            assert [each.type for each in client.responses.retrieve("resp_1", stream=True)] == kinds


def test_what_can_be_asked_of_a_response(gateway: RunningGateway, upstream: Upstream) -> None:
    listed = b'{"object":"list","data":[{"id":"msg_0","type":"message"}],"has_more":false}'
    with sdk(gateway, gpt(upstream)) as client:
        upstream.play(reply(body=RESPONSE))
        assert client.responses.retrieve("resp_1", include=["reasoning.encrypted_content"]).id == "resp_1"
        assert upstream.last.method == "GET"
        assert upstream.last.target.startswith("/v1/responses/resp_1?include")
        upstream.play(reply(body=listed))
        assert client.responses.input_items.list("resp_1").data[0].id == "msg_0"
        assert upstream.last.target == "/v1/responses/resp_1/input_items"
        upstream.play(reply(body=RESPONSE))
        assert client.responses.cancel("resp_1").id == "resp_1"
        assert (upstream.last.method, upstream.last.body) == ("POST", b"")
        upstream.play(reply(body=b'{"id":"resp_1","object":"response","deleted":true}'))
        client.responses.delete("resp_1")
        assert (upstream.last.method, upstream.last.target) == ("DELETE", "/v1/responses/resp_1")
        upstream.play(events(STREAM))
        kinds = [each.type for each in client.responses.retrieve("resp_1", stream=True, starting_after=0)]
        assert kinds[-1] == "response.completed"
        upstream.play(reply(body=b'{"object":"response.input_tokens","input_tokens":7}'))
        assert client.responses.input_tokens.count(**ASK).input_tokens == 7
        upstream.play(reply(404, b'{"error":{"message":"Not found","type":"invalid_request_error","code":null}}'))
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve("resp_2")


def test_what_a_host_of_chats_can_not_be_asked(gateway: RunningGateway, upstream: Upstream) -> None:
    with sdk(gateway, groq(upstream)) as client, pytest.raises(openai.BadRequestError) as refused:
        client.responses.retrieve("resp_1")
    assert refused.value.code == "unsupported_operation"


# What a host keeps is at one target.

KEYS = {"a": "pk-of-tenant-a-0123456789", "b": "pk-of-tenant-b-0123456789"}


@contextlib.contextmanager
def binding(tmp_path: Path, lines: str = "", of_keys: str = "") -> Iterator[RunningGateway]:
    """A gateway that binds ids. Tenants a and b share what their configs name."""
    path = tmp_path / "penstock.toml"
    for name, key in KEYS.items():
        lines += f'[keys.{name}]\nhash = "sha256:{hashlib.sha256(key.encode()).hexdigest()}"\n{of_keys}\n'
    path.write_text(lines)
    path.chmod(0o600)
    environment = {"PENSTOCK_CONFIG": str(path), "PENSTOCK_IDS_SECRET": "of the tests", "PENSTOCK_ACCESS_LOG": "false"}
    environment["PENSTOCK_SECURITY_TRUSTED_HOSTS"] = "127.0.0.1"
    with running_gateway(load({}, environment, Path("/nonexistent")), path) as running:
        yield running


def two(upstream: Upstream, *more: dict[str, Any]) -> dict[str, Any]:
    targets = [gpt(upstream, api_key="k-0"), gpt(upstream, api_key="k-1"), *more]
    return {"strategy": {"mode": "fallback"}, "targets": targets}


def asked(
    gateway: RunningGateway, path: str, value: dict[str, Any], method: str = "GET", key: str = "a"
) -> httpx.Response:
    headers = {**config(value), "x-portkey-api-key": KEYS[key]}
    return httpx.request(method, f"{gateway.v1}{path}", headers=headers, timeout=300, trust_env=False)


def made(gateway: RunningGateway, value: dict[str, Any], body: Any = ASK, key: str = "a") -> httpx.Response:
    headers = {**config(value), "x-portkey-api-key": KEYS[key]}
    return httpx.post(f"{gateway.v1}/responses", json=body, headers=headers, timeout=300, trust_env=False)


def test_an_id_leads_to_the_target_that_made_it(tmp_path: Path, upstream: Upstream) -> None:
    with binding(tmp_path) as gateway:
        upstream.play(reply(503, b"{}"))
        upstream.play(reply(body=RESPONSE))
        got = made(gateway, two(upstream)).content
        name = json.loads(got)["id"]
        assert name.startswith("resp_pk_")
        assert got == RESPONSE.replace(b'"id":"resp_1"', b'"id":"%b"' % name.encode())
        turned = {**two(upstream), "targets": two(upstream)["targets"][::-1]}
        for value in (two(upstream), turned, gpt(upstream, api_key="k-1")):
            upstream.play(reply(body=RESPONSE))
            assert asked(gateway, f"/responses/{name}", value).content == got
            assert upstream.last.target == "/v1/responses/resp_1"
            assert upstream.last.headers["authorization"] == "Bearer k-1"
        upstream.play(reply(body=RESPONSE))
        assert asked(gateway, f"/responses/{name}/cancel", turned, "POST").content == got
        upstream.play(reply(body=b'{"object":"list","data":[{"id":"msg_0","type":"message"}],"has_more":false}'))
        listed = asked(gateway, f"/responses/{name}/input_items?after=msg_9", turned)
        assert listed.json()["data"][0]["id"] == "msg_0"
        assert upstream.last.target == "/v1/responses/resp_1/input_items?after=msg_9"
        upstream.play(reply(body=b'{"id":"resp_1","object":"response","deleted":true}'))
        assert asked(gateway, f"/responses/{name}", turned, "DELETE").json()["id"] == name
        assert {each.headers["authorization"] for each in upstream.received[1:]} == {"Bearer k-1"}


def test_the_next_request_goes_where_the_last_one_went(tmp_path: Path, upstream: Upstream) -> None:
    told = RESPONSE.replace(
        b'"created_at"', b'"previous_response_id":"resp_0","conversation":{"id":"conv_1"},"created_at"'
    )
    with binding(tmp_path) as gateway:
        upstream.play(reply(503, b"{}"))
        upstream.play(reply(body=told))
        first = made(gateway, two(upstream)).json()
        for body in (
            {"previous_response_id": first["id"]},
            {"conversation": first["conversation"]["id"]},
            {"conversation": {"id": first["conversation"]["id"]}, "input": "A resp_pk_ in words.", "n": 1.50},
        ):
            upstream.play(reply(body=told))
            again = made(gateway, two(upstream), {**ASK, **body}).json()
            assert (again["id"], again["previous_response_id"]) == (first["id"], first["previous_response_id"])
            assert upstream.last.headers["authorization"] == "Bearer k-1"
            assert b"_pk_" not in upstream.last.body.replace(b"A resp_pk_ in words.", b"")
        upstream.play(reply(503, b"{}"))
        failed = made(gateway, two(upstream), {**ASK, "previous_response_id": first["id"]})
        assert failed.status_code == 503
        assert len(upstream.received) == 6


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_every_event_of_a_stream_has_the_bound_id(size: int, tmp_path: Path, upstream: Upstream) -> None:
    with binding(tmp_path) as gateway:
        upstream.play(events(*[STREAM[at : at + size] for at in range(0, len(STREAM), size)]))
        got = made(gateway, two(upstream), {**ASK, "stream": True}).content
        name = json.loads(got.rpartition(b"data: ")[2])["response"]["id"]
        assert got == STREAM.replace(b'"id":"resp_1"', b'"id":"%b"' % name.encode())
        upstream.play(events(STREAM))
        again = asked(gateway, f"/responses/{name}?stream=true&starting_after=0", two(upstream))
        assert again.content == got
        assert upstream.last.headers["authorization"] == "Bearer k-0"
        upstream.play(events(CREATED, SAID, end=False), hang_up)
        cut = made(gateway, two(upstream), {**ASK, "stream": True}).content
        assert json.loads(cut.rpartition(b"data: ")[2])["response"]["id"] == name


def test_an_id_whose_target_is_gone_or_another_tenants(tmp_path: Path, upstream: Upstream) -> None:
    with binding(tmp_path) as gateway:
        upstream.play(reply(body=RESPONSE))
        name = made(gateway, two(upstream)).json()["id"]
        for value in (gpt(upstream, api_key="k-1"), groq(upstream), {**two(upstream), "targets": [groq(upstream)]}):
            for answered in (
                asked(gateway, f"/responses/{name}", value),
                made(gateway, value, {**ASK, "previous_response_id": name}),
            ):
                assert answered.status_code == 409, answered.text
                assert answered.json()["error"]["code"] == "target_gone"
        for answered in (
            asked(gateway, f"/responses/{name}", two(upstream), key="b"),
            asked(gateway, f"/responses/{name}", two(upstream), "DELETE", key="b"),
            made(gateway, two(upstream), {**ASK, "previous_response_id": name}, "b"),
            made(gateway, gpt(upstream, api_key="k-0"), {**ASK, "conversation": name}, "b"),
        ):
            assert answered.status_code == 404, answered.text
        assert len(upstream.received) == 1


def test_a_stored_answer_has_the_id_that_its_caller_can_use(tmp_path: Path, upstream: Upstream) -> None:
    cached = {"cache": {"mode": "simple"}}
    with binding(tmp_path) as gateway:
        for streams in (False, True):
            body = {**ASK, "stream": streams, "input": f"Streams: {streams}"}
            upstream.play(*([events(STREAM)] if streams else [reply(body=RESPONSE)]))
            plain = made(gateway, gpt(upstream, api_key="k-0", **cached), body).content
            assert b'"id":"resp_1"' in plain
            upstream.play(*([events(STREAM)] if streams else [reply(body=RESPONSE)]))
            told = made(gateway, {**two(upstream), **cached}, body).content
            assert b'"id":"resp_pk_' in told
            received = len(upstream.received)
            assert made(gateway, {**two(upstream), **cached}, body).content == told
            assert made(gateway, gpt(upstream, api_key="k-0", **cached), body).content == plain
            assert len(upstream.received) == received


def test_a_target_that_the_key_may_not_use_any_more(tmp_path: Path) -> None:
    secret = tmp_path / "credential"
    secret.write_text("sk-o")
    secret.chmod(0o600)
    of_both = f'provider = "openai"\ncredential = "file:{secret}"\n'
    lines = f"[virtual_keys.one]\n{of_both}[virtual_keys.two]\n{of_both}"
    named = {"strategy": {"mode": "fallback"}, "targets": [{"virtual_key": name} for name in ("one", "two")]}
    name = Binder((b"of the tests",), "a").bind("resp_1", "openai|one")
    with binding(tmp_path, lines, 'virtual_keys = ["two"]') as gateway:
        refused = asked(gateway, f"/responses/{name}", named)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "target_gone")
        assert "can't be used any more" in refused.json()["error"]["message"]
        assert asked(gateway, f"/responses/{name}", {"virtual_key": "two"}).status_code == 409
        assert asked(gateway, "/responses/resp_1", named).status_code == 403


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_without_a_secret_an_id_of_several_targets_is_refused(
    method: str, gateway: RunningGateway, upstream: Upstream
) -> None:
    path = "/responses/resp_1/cancel" if method == "POST" else "/responses/resp_1"
    for answered in (
        httpx.request(method, f"{gateway.v1}{path}", headers=config(two(upstream)), timeout=300),
        post(gateway, two(upstream), {**ASK, "previous_response_id": "resp_1"}),
        post(gateway, two(upstream), {**ASK, "conversation": {"id": "conv_1"}}),
        post(gateway, two(upstream), {**ASK, "previous_response_id": "resp_1"}, "/responses/input_tokens"),
    ):
        assert answered.status_code == 400, answered.text
        assert "2 targets" in answered.json()["error"]["message"]
    assert not upstream.received


def test_what_is_kept_has_no_usual_provider(gateway: RunningGateway, upstream: Upstream) -> None:
    headers = {"x-portkey-custom-host": f"{upstream.url}/v1", "authorization": "Bearer sk-of-another"}
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
        url = f"{gateway.v1}/responses/resp_1{path}"
        answered = httpx.request(method, url, headers=headers, timeout=300)
        assert (answered.status_code, answered.json()["error"]["code"]) == (400, "missing_provider")
    assert not upstream.received
    upstream.play(reply(body=RESPONSE))
    answered = httpx.get(f"{gateway.url}/@openai/v1/responses/resp_1", headers=headers, timeout=300)
    assert (answered.status_code, upstream.last.target) == (200, "/v1/responses/resp_1")


def test_an_id_made_by_the_models_name_goes_nowhere_else(tmp_path: Path, upstream: Upstream) -> None:
    host = {"x-portkey-custom-host": f"{upstream.url}/v1", "authorization": "Bearer sk-x"}
    headers = {**host, "x-portkey-api-key": KEYS["a"]}
    with binding(tmp_path) as gateway, httpx.Client(base_url=gateway.url, headers=headers, timeout=300) as client:
        upstream.play(reply(body=RESPONSE))
        name = client.post("/v1/responses", json={**ASK, "model": "openai/gpt-5"}).json()["id"]
        assert name.startswith("resp_pk_")
        elsewhere = client.get(f"/v1/responses/{name}", headers={"x-portkey-provider": "groq"})
        assert elsewhere.status_code == 409
        upstream.play(reply(body=RESPONSE))
        assert client.get(f"/@openai/v1/responses/{name}").json()["id"] == name
        assert upstream.last.target == "/v1/responses/resp_1"


# Lane 2: it speaks another.


def test_another_wires_answer(gateway: RunningGateway, upstream: Upstream) -> None:
    with sdk(gateway, groq(upstream)) as client:
        got = client.responses.create(**ASK, instructions="Be brief.", store=False, metadata={"a": "b"})
    assert upstream.last.target == "/v1/chat/completions"
    assert [message["role"] for message in upstream.last.json["messages"]] == ["system", "user"]
    assert (got.output_text, got.status, got.instructions, got.metadata) == ("Hi", "completed", "Be brief.", {"a": "b"})
    assert got.id.startswith("resp_")
    assert got.usage is not None
    assert got.usage.input_tokens == 3


def test_another_wires_stream(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(ROLE, CHUNK, CHUNK, FINISH, chunk({}, choices=[], usage=USAGE), DONE))
    with sdk(gateway, groq(upstream)) as client, client.responses.stream(**ASK) as stream:
        told = list(stream)
        final = stream.get_final_response()
    numbers = [each.sequence_number for each in told if hasattr(each, "sequence_number")]
    assert numbers == list(range(len(told)))
    assert (final.output_text, final.usage and final.usage.total_tokens) == ("HiHi", 13)


def calling(*, streamed: bool) -> Any:
    if not streamed:
        message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
        return reply(body=json.dumps(body).encode())
    begun = {**CALL, "index": 0, "function": {"name": "get_weather", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"ci', 'ty": "Rome"}')]
    deltas = [chunk({"tool_calls": [each]}) for each in (begun, *pieces)]
    return events(ROLE, *deltas, chunk({}, "tool_calls"), DONE)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_and_its_result_make_the_round(streamed: bool, gateway: RunningGateway, upstream: Upstream) -> None:
    with sdk(gateway, groq(upstream)) as client:
        upstream.play(calling(streamed=streamed))
        if streamed:
            with client.responses.stream(**ASK, tools=[FUNCTION]) as stream:
                got: openai.types.responses.Response = stream.get_final_response()
        else:
            got = client.responses.create(**ASK, tools=[FUNCTION])
        (call,) = got.output
        assert call.type == "function_call"
        assert (call.call_id, json.loads(call.arguments)) == ("call_1", {"city": "Rome"})
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        turns: Any = [{"role": "user", "content": "Hello"}, call.model_dump(exclude_none=True), result]
        client.responses.create(**{**ASK, "input": turns}, tools=[FUNCTION])
    _, assistant, tool = upstream.last.json["messages"]
    assert assistant["tool_calls"][0]["id"] == "call_1"
    assert (tool["role"], tool["tool_call_id"], tool["content"]) == ("tool", "call_1", "sunny")


def test_tools_of_codex(gateway: RunningGateway, upstream: Upstream) -> None:
    """Tools within the input, in a namespace, and for free text, which come back as they were declared."""
    space = {"type": "namespace", "name": "mcp", "tools": [{**FUNCTION, "name": "exec"}]}
    added = {"type": "additional_tools", "role": "developer", "tools": [space, {"type": "custom", "name": "exec"}]}
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": text}}
        for n, (name, text) in enumerate([("mcp__exec", '{"city":"x"}'), ("exec", '{"input":"ls"}')])
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    upstream.play(reply(body=json.dumps(body).encode()))
    got = post(gateway, groq(upstream), {"model": "m", "input": [added, {"role": "user", "content": "Go"}]})
    offered = [tool["function"]["name"] for tool in upstream.last.json["tools"]]
    assert offered == ["mcp__exec", "exec"]
    named, free = got.json()["output"]
    assert (named["type"], named["name"], named["namespace"]) == ("function_call", "exec", "mcp")
    assert (free["type"], free["name"], free["input"]) == ("custom_tool_call", "exec", "ls")


def test_what_is_lost_of_a_tool_is_named_by_its_own_place(gateway: RunningGateway, upstream: Upstream) -> None:
    """Several functions stand in a namespace, and some tools in the input."""
    space = {"type": "namespace", "name": "mcp", "tools": [FUNCTION, {**FUNCTION, "name": "g", "odd": 1}]}
    added = {"type": "additional_tools", "role": "developer", "tools": [{"type": "file_search"}]}
    upstream.play(reply())
    body = {"model": "m", "input": [added, {"role": "user", "content": "Go"}], "tools": [space]}
    got = post(gateway, groq(upstream), body)
    assert got.headers["x-penstock-dropped-params"].split(",") == ["input[0].tools[0]", "tools[0].tools[1].odd"]


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "background"])
def test_what_a_target_does_not_keep(name: str, gateway: RunningGateway, upstream: Upstream) -> None:
    value = True if name == "background" else "resp_1"
    got = post(gateway, groq(upstream), {**ASK, name: value})
    assert (got.status_code, got.json()["error"]["param"]) == (400, name)
    assert not upstream.received


def test_in_a_list_of_targets_the_one_that_keeps_it_answers(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=RESPONSE))
    fallback = {"strategy": {"mode": "fallback"}, "targets": [groq(upstream), gpt(upstream)]}
    got = post(gateway, fallback, {**ASK, "previous_response_id": "resp_1"})
    assert (got.status_code, len(upstream.received)) == (200, 1)


def test_a_stream_that_fails_after_its_beginning(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(ROLE, CHUNK, b'data: {"error":{"message":"Overloaded","code":"server_error"}}\n\n', end=True))
    got = post(gateway, groq(upstream), {**ASK, "stream": True}).content
    failed = json.loads(got.rpartition(b"data: ")[2])
    numbers = [json.loads(line[6:])["sequence_number"] for line in got.splitlines() if line.startswith(b"data: ")]
    assert numbers == list(range(len(numbers)))
    assert failed["type"] == "response.failed"
    assert "Overloaded" in failed["response"]["error"]["message"]


def test_a_prompt_that_is_too_long(gateway: RunningGateway, upstream: Upstream) -> None:
    text = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    upstream.play(reply(413, json.dumps({"error": {"message": text}}).encode()))
    got = post(gateway, groq(upstream))
    assert (got.status_code, got.json()["error"]["code"]) == (400, "context_length_exceeded")


# The provider's wire: models that their host serves so alone.


@pytest.mark.parametrize("streamed", [False, True])
def test_chat_completions_reach_a_model_that_only_responses_serve(
    streamed: bool, gateway: RunningGateway, upstream: Upstream
) -> None:
    upstream.play(events(STREAM) if streamed else reply(body=RESPONSE))
    messages: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    with sdk(gateway, gpt(upstream)) as client:
        if streamed:
            chunks = list(client.chat.completions.create(model="gpt-5-pro", messages=messages, stream=True))
            text = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
        else:
            text = client.chat.completions.create(model="gpt-5-pro", messages=messages).choices[0].message.content or ""
    assert text == "Hi"
    assert upstream.last.target == "/v1/responses"
    assert upstream.last.json["store"] is False
    assert [item["role"] for item in upstream.last.json["input"]] == ["system", "user"]


def test_so_do_callers_of_messages(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=RESPONSE))
    with anthropic.Anthropic(api_key="k", base_url=gateway.url, default_headers=config(gpt(upstream))) as client:
        got = client.messages.create(
            model="gpt-5.1-codex", max_tokens=50, messages=[{"role": "user", "content": "Hello"}]
        )
    assert upstream.last.target == "/v1/responses"
    assert (got.content[0].text, got.stop_reason) == ("Hi", "end_turn")  # type: ignore[union-attr]


def test_other_models_stay_with_chat_completions(gateway: RunningGateway, upstream: Upstream) -> None:
    with sdk(gateway, gpt(upstream)) as client:
        client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "Hello"}])
    assert upstream.last.target == "/v1/chat/completions"


def test_an_error_of_that_host_is_told(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(send(b"HTTP/1.1 429 Too Many\r\ncontent-length: 2\r\nretry-after: 7\r\n\r\n{}"))
    got = post(gateway, gpt(upstream))
    assert (got.status_code, got.headers["retry-after"]) == (429, "7")

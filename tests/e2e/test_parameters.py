"""Every request parameter of the chat API passes, known or not; every header goes where it belongs."""

import json
from typing import Any

import httpx
import pytest

from running import RunningGateway
from upstream import Upstream, reply

PARAMETERS: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "content": "Be kind.", "name": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "žluťoučký 🐴 \u2028"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "made_up_part", "made_up_part": {}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
    ],
    "temperature": 0.7,
    "max_tokens": 5,
    "max_completion_tokens": 6,
    "stream": False,
    "top_p": 0.5,
    "frequency_penalty": -2,
    "presence_penalty": 2,
    "n": 2,
    "stop": ["a", "b"],
    "tools": [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "$defs": {}}, "strict": True}}
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": True},
    },
    "seed": 7,
    "logprobs": True,
    "top_logprobs": 3,
    "stream_options": {"include_usage": True},
    "user": "u-1",
    "reasoning_effort": "low",
    "store": True,
    "metadata": {"a": "b"},
    "parallel_tool_calls": False,
    "logit_bias": {"50256": -100},
    "service_tier": "flex",
    "prompt_cache_key": "k",
    "verbosity": "low",
    "modalities": ["text"],
    "made_up_parameter": {"x": [1, None, {"y": "z"}]},
}


def post(gateway: RunningGateway, upstream: Upstream, content: bytes, **headers: str) -> httpx.Response:
    sent = {
        "content-type": "application/json", "x-portkey-provider": "openai", "authorization": "Bearer sk-test",
        "x-portkey-custom-host": f"{upstream.url}/v1",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }  # fmt: skip
    return httpx.post(f"{gateway.v1}/chat/completions", content=content, headers=sent, timeout=300)


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_parameter_passes(name: str, gateway: RunningGateway, upstream: Upstream) -> None:
    body = {key: PARAMETERS[key] for key in dict.fromkeys(["model", "messages", name])}
    assert post(gateway, upstream, json.dumps(body).encode()).status_code == 200
    assert upstream.last.json == body


@pytest.mark.parametrize("response_format", [{"type": "json_object"}, {"type": "text"}])
def test_other_response_formats(response_format: Any, gateway: RunningGateway, upstream: Upstream) -> None:
    body = {"model": "m", "messages": [], "response_format": response_format}
    post(gateway, upstream, json.dumps(body).encode())
    assert upstream.last.json == body


def test_a_model_is_not_told_what_it_refuses(gateway: RunningGateway, upstream: Upstream) -> None:
    body = {"model": "grok-4.5", "messages": [], "stop": ["a"], "reasoning_effort": "minimal", "seed": 1}
    answer = post(gateway, upstream, json.dumps(body).encode(), x_portkey_provider="x-ai")
    assert upstream.last.json == {"model": "grok-4.5", "messages": [], "reasoning_effort": "low", "seed": 1}
    assert answer.headers["x-penstock-dropped-params"] == "stop"


def test_thinking_is_switched_as_the_provider_knows_it(gateway: RunningGateway, upstream: Upstream) -> None:
    body = {"model": "glm-4.6", "messages": [], "reasoning_effort": "none"}
    post(gateway, upstream, json.dumps(body).encode(), x_portkey_provider="z-ai")
    assert upstream.last.json == {"model": "glm-4.6", "messages": [], "thinking": {"type": "disabled"}}


def test_mistral_on_vertex_is_asked_and_read_as_at_home(gateway: RunningGateway, upstream: Upstream) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    message = {"role": "assistant", "content": [thinking, {"type": "text", "text": "Hi"}], "tool_calls": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    upstream.play(reply(body=json.dumps({"object": "chat.completion", "choices": [choice]}).encode()))
    earlier = {"role": "assistant", "content": "Yes", "reasoning_content": "Mm", "refusal": None}
    body = {
        "model": "mistralai.magistral-medium", "messages": [{"role": "developer", "content": "d"}, earlier],
        "max_completion_tokens": 5, "seed": 7, "store": True,
    }  # fmt: skip
    answer = post(
        gateway, upstream, json.dumps(body).encode(), x_portkey_provider="vertex-ai", x_portkey_vertex_project_id="p",
    )  # fmt: skip
    system, sent = upstream.last.json["messages"]
    assert upstream.last.json | {"messages": []} == {
        "model": "magistral-medium", "messages": [], "max_tokens": 5, "random_seed": 7,
    }  # fmt: skip
    assert (system["role"], sent.keys(), sent["content"][0]["type"]) == ("system", {"role", "content"}, "thinking")
    assert answer.headers["x-penstock-dropped-params"] == "store"
    said = answer.json()["choices"][0]["message"]
    assert (said["content"], said["reasoning_content"]) == ("Hi", "Hm.")


def test_values_keep_their_bytes_on_the_way_up_and_down(gateway: RunningGateway, upstream: Upstream) -> None:
    body = b'{"model":"m","messages":[{"role" : "user", "content":"\\ud83d\\u00e9\\/"}],"seed":12345678901234567890123,"x":1e400,"y":1.10}'
    odd = b'"n": 1.10, "big": 12345678901234567890123, "s": "\\ud83d" }\n'
    answer = (
        b' {"id" : "x", "object":"chat.completion", "created": 1, "model":"m", "choices":[{"index" : 0, '
        b'"message":{"role":"assistant","content":"Hi"}, "finish_reason" : "stop"}], ' + odd
    )
    upstream.play(reply(body=answer))
    assert post(gateway, upstream, body).content == answer
    assert upstream.last.body == body
    upstream.play(reply(body=answer.replace(b'"created": 1, ', b"").replace(b"\\ud83d", b"x")))
    mended = post(gateway, upstream, body).content
    assert b'"created":0' in mended
    assert b"1.10" in mended
    assert b"12345678901234567890123" in mended


def test_what_reaches_the_provider(gateway: RunningGateway, upstream: Upstream) -> None:
    post(
        gateway, upstream, b'{"model":"m","messages":[]}', x_portkey_trace_id="t", x_portkey_metadata='{"a":"b"}',
        x_portkey_forward_headers="x-mine, X-Other,x-absent", x_mine="1", x_other="2", x_not_mine="3", cookie="secret",
        x_portkey_openai_organization="org-1", user_agent="client/1",
    )  # fmt: skip
    received = upstream.last
    assert (received.method, received.target) == ("POST", "/v1/chat/completions")
    headers = received.headers
    assert headers["authorization"] == "Bearer sk-test"
    assert headers["content-type"] == "application/json"
    assert headers["openai-organization"] == "org-1"
    assert (headers["x-mine"], headers["x-other"]) == ("1", "2")
    assert headers["user-agent"].startswith("penstock/")
    assert not {"x-not-mine", "cookie", "x-absent"} & headers.keys()
    assert not [name for name in headers if name.startswith("x-portkey")]


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ({"authorization": "Bearer sk-1"}, "Bearer sk-1"),
        ({"authorization": "bearer sk-1"}, "Bearer sk-1"),
        ({"authorization": "sk-1"}, "Bearer sk-1"),
        ({"authorization": "", "x_portkey_api_key": "sk-2"}, "Bearer sk-2"),
        ({"authorization": "Bearer OPENAI_API_KEY", "x_portkey_api_key": "sk-2"}, "Bearer sk-2"),
        ({"authorization": "Bearer DUMMY-KEY"}, None),
        ({"authorization": "", "x_portkey_api_key": ""}, None),
        ({"authorization": "Bearer sk-1", "x_portkey_config": '{"provider":"openai","api_key":"sk-3"}'}, "Bearer sk-3"),
        ({"x_portkey_forward_headers": "authorization", "authorization": "Custom abc"}, "Custom abc"),
    ],
)
def test_which_key_reaches_the_provider(
    headers: dict[str, str], sent: str | None, gateway: RunningGateway, upstream: Upstream
) -> None:
    post(gateway, upstream, b'{"model":"m","messages":[]}', **headers)
    assert upstream.last.headers.get("authorization") == sent


def test_response_headers(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(
        reply(
            x_request_id="req-1", openai_processing_ms="5", x_ratelimit_remaining_requests="9", retry_after="1",
            set_cookie="s=1", server="nginx", alt_svc="h3", x_portkey_provider="evil", x_penstock_x="evil",
            strict_transport_security="max-age=1", x_new_thing="kept", keep_alive="timeout=5",
        )
    )  # fmt: skip
    got = post(gateway, upstream, b'{"model":"m","messages":[]}', x_portkey_trace_id="trace-1").headers
    assert got["x-request-id"] == "req-1"
    assert got["openai-processing-ms"] == "5"
    assert got["x-ratelimit-remaining-requests"] == "9"
    assert got["retry-after"] == "1"
    assert got["x-new-thing"] == "kept"
    assert got.get_list("x-portkey-provider") == ["openai"]
    assert got["x-portkey-trace-id"] == "trace-1"
    assert got["x-portkey-last-used-option-index"] == "config"
    assert got["x-portkey-retry-attempt-count"] == "0"
    assert got["x-portkey-cache-status"] == "DISABLED"
    assert not {"set-cookie", "server", "alt-svc", "strict-transport-security", "keep-alive", "x-penstock-x"} & set(got)


def test_a_trace_id_is_made_where_none_is_given(gateway: RunningGateway, upstream: Upstream) -> None:
    ids = {post(gateway, upstream, b'{"model":"m","messages":[]}').headers["x-portkey-trace-id"] for _ in range(3)}
    assert len(ids) == 3


def test_config_changes_to_the_body(gateway: RunningGateway, upstream: Upstream) -> None:
    config = {
        "targets": [
            {
                "provider": "openai",
                "api_key": "k",
                "override_params": {"model": "o", "n": 2},
                "default_params": {"seed": 1, "user": "d"},
            }
        ]
    }
    got = post(gateway, upstream, b'{"model":"m","messages":[],"seed":7}', x_portkey_config=json.dumps(config))
    assert upstream.last.json == {"model": "o", "messages": [], "seed": 7, "user": "d", "n": 2}
    assert got.headers["x-portkey-last-used-option-index"] == "config.targets[0]"


def test_azure_paths_and_key(gateway: RunningGateway, upstream: Upstream) -> None:
    post(
        gateway, upstream, b'{"messages":[]}', x_portkey_provider="azure-openai", x_portkey_azure_resource_name="res",
        x_portkey_azure_deployment_id="dep-1", x_portkey_azure_api_version="2024-10-21",
        x_portkey_custom_host=f"{upstream.url}/openai",
    )  # fmt: skip
    assert upstream.last.target == "/openai/deployments/dep-1/chat/completions?api-version=2024-10-21"
    assert upstream.last.headers["api-key"] == "sk-test"
    assert "authorization" not in upstream.last.headers


def test_dropped_parameters_are_named(gateway: RunningGateway, upstream: Upstream) -> None:
    got = post(
        gateway, upstream, b'{"model":"m","messages":[],"logit_bias":{"5":1},"seed":1}', x_portkey_provider="groq"
    )
    assert got.headers["x-penstock-dropped-params"] == "logit_bias"
    assert upstream.last.json == {"model": "m", "messages": [], "seed": 1}


def test_the_providers_models(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(body=b'{"object":"list","data":[]}'))
    headers = {
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"{upstream.url}/v1",
        "authorization": "Bearer k",
    }
    assert httpx.get(f"{gateway.v1}/models", headers=headers, timeout=300).json() == {"object": "list", "data": []}
    assert (upstream.last.method, upstream.last.target) == ("GET", "/v1/models")

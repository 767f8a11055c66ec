"""What Cursor sends to the path of chat completions: requests of Responses, and tools for free text, flat or nested. The
answer is a chat completion with the calls in the form in which the tools were offered."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from calling import BLOCK, MESSAGE, PLAIN, RESPONSE, STARTED, STOPPED
from doors import HOSTS, OF_HOSTS
from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import Act, Upstream, events, reply

PATCH: Final = "*** Begin Patch\n*** End Patch"
GRAMMAR: Final = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
FLAT: Final = {"type": "custom", "name": "ApplyPatch", "description": "Applies a patch", "format": GRAMMAR}
NESTED: Final[dict[str, Any]] = {"type": "custom", "custom": {"name": "ApplyPatch", "description": "Applies a patch"}}
READ: Final = {"type": "function", "name": "Read", "parameters": {"type": "object"}, "strict": False}
AGENT: Final[dict[str, Any]] = {
    "input": [
        {"role": "system", "content": "You are an agent."},
        {"role": "user", "content": [{"type": "input_text", "text": "Mend it"}]},
        {"type": "function_call", "call_id": "c1", "name": "Read", "arguments": '{"path":"a"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "old"},
    ],
    "tools": [READ, FLAT],
    "include": ["reasoning.encrypted_content"],
    "reasoning": {"effort": "medium", "summary": "auto"},
    "text": {"verbosity": "low"},
    "stream_options": {"include_usage": True},
}
"""A request of Cursor's agent, but for the model."""
MESSAGE_PATCHES: Final = (
    b'{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"t1",'
    b'"name":"ApplyPatch","input":{"input":"%b"}}],"stop_reason":"tool_use","stop_sequence":null,'
    b'"usage":{"input_tokens":3,"output_tokens":2}}' % json.dumps(PATCH)[1:-1].encode()
)


def asked(
    gateway: RunningGateway, upstream: Upstream, target: str, body: dict[str, Any], act: Act, path: str = ""
) -> httpx.Response:
    """The answer to a body at a path of chat completions, with a host of another wire behind."""
    provider, model, end = HOSTS[target]
    upstream.play(act)
    answer = httpx.post(
        gateway.url + (path or "/v1/chat/completions"),
        json={"model": model, **body},
        headers={
            "authorization": "Bearer k",
            "x-portkey-provider": provider,
            "x-portkey-custom-host": upstream.url + end,
            **OF_HOSTS.get(target, {}),
        },
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return answer


def chunks(answer: httpx.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("target", HOSTS)
def test_a_request_of_responses_is_answered_as_a_chat(target: str, gateway: RunningGateway, upstream: Upstream) -> None:
    answer = asked(gateway, upstream, target, AGENT, reply(body=PLAIN[target])).json()
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"] == "Hi"
    assert answer["usage"]["total_tokens"] == 5
    sent = json.dumps(json.loads(upstream.last.body))
    assert "You are an agent." in sent
    assert "Mend it" in sent
    assert '"ApplyPatch"' in sent


def test_a_stream_is_one_of_chunks_with_usage(gateway: RunningGateway, upstream: Upstream) -> None:
    answer = asked(gateway, upstream, "anthropic", {**AGENT, "stream": True}, events(STARTED, BLOCK, STOPPED))
    told = chunks(answer)
    assert {chunk["object"] for chunk in told} == {"chat.completion.chunk"}
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in told if chunk["choices"]) == "Hi"
    assert told[-1]["choices"] == []
    assert told[-1]["usage"]["total_tokens"] == 5


def test_what_a_chat_cannot_say_is_named(gateway: RunningGateway, upstream: Upstream) -> None:
    body = {**AGENT, "truncation": "auto", "max_tool_calls": 3}
    answer = asked(gateway, upstream, "anthropic", body, reply(body=MESSAGE))
    dropped = answer.headers["x-penstock-dropped-params"].split(",")
    assert {"truncation", "max_tool_calls"} <= {each.strip() for each in dropped}


@pytest.mark.parametrize(
    "body",
    [
        AGENT,
        {"messages": [{"role": "user", "content": "Mend it"}], "tools": [FLAT]},
        {"messages": [{"role": "user", "content": "Mend it"}], "tools": [NESTED]},
    ],
    ids=["responses", "flat", "nested"],
)
def test_a_tool_for_free_text_is_a_function_elsewhere_and_its_calls_are_free_text(
    body: dict[str, Any], gateway: RunningGateway, upstream: Upstream
) -> None:
    answer = asked(gateway, upstream, "anthropic", body, reply(body=MESSAGE_PATCHES)).json()
    tool = json.loads(upstream.last.body)["tools"][-1]
    assert (tool["name"], list(tool["input_schema"]["properties"])) == ("ApplyPatch", ["input"])
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"] == [
        {"id": "t1", "type": "custom", "custom": {"name": "ApplyPatch", "input": PATCH}}
    ]


def test_its_calls_are_free_text_in_streams(gateway: RunningGateway, upstream: Upstream) -> None:
    call = {"type": "tool_use", "id": "t1", "name": "ApplyPatch", "input": {}}
    pieces = json.dumps({"input": PATCH})
    blocks: list[tuple[str, dict[str, Any]]] = [
        ("content_block_start", {"index": 0, "content_block": call}),
        *[
            ("content_block_delta", {"index": 0, "delta": {"type": "input_json_delta", "partial_json": piece}})
            for piece in (pieces[:9], pieces[9:20], pieces[20:])
        ],
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}}),
        ("message_stop", {}),
    ]
    written = [f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode() for name, data in blocks]
    answer = asked(gateway, upstream, "anthropic", {**AGENT, "stream": True}, events(STARTED, *written))
    calls = [
        call
        for chunk in chunks(answer)
        for choice in chunk["choices"]
        for call in choice["delta"].get("tool_calls", ())
    ]
    assert (calls[0]["id"], calls[0]["type"], calls[0]["custom"]["name"]) == ("t1", "custom", "ApplyPatch")
    assert "".join(call["custom"]["input"] for call in calls) == PATCH


def test_a_call_of_free_text_that_comes_back(gateway: RunningGateway, upstream: Upstream) -> None:
    made = {"id": "t1", "type": "custom", "custom": {"name": "ApplyPatch", "input": PATCH}}
    messages = [
        {"role": "user", "content": "Mend it"},
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {"role": "tool", "tool_call_id": "t1", "content": "done"},
    ]
    asked(gateway, upstream, "anthropic", {"messages": messages, "tools": [NESTED]}, reply(body=MESSAGE))
    (used,) = json.loads(upstream.last.body)["messages"][1]["content"]
    assert (used["name"], used["input"]) == ("ApplyPatch", {"input": PATCH})


def test_a_grammar_is_told_and_named(gateway: RunningGateway, upstream: Upstream) -> None:
    custom = {
        **NESTED["custom"],
        "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: X"}},
    }
    body = {"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "custom", "custom": custom}]}
    answer = asked(gateway, upstream, "anthropic", body, reply(body=MESSAGE))
    assert "start: X" in json.loads(upstream.last.body)["tools"][0]["description"]
    assert answer.headers["x-penstock-dropped-params"] == "tools[0].custom.format"


def test_openais_responses_get_the_tool_itself(gateway: RunningGateway, upstream: Upstream) -> None:
    """From a chat, for a model that has Responses only."""
    body = {"messages": [{"role": "user", "content": "x"}], "tools": [FLAT]}
    asked(gateway, upstream, "responses", body, reply(body=RESPONSE))
    assert json.loads(upstream.last.body)["tools"] == [FLAT]


def test_a_flat_tool_is_nested_for_hosts_of_chats(gateway: RunningGateway, upstream: Upstream) -> None:
    body = {"messages": [{"role": "user", "content": "x"}], "tools": [FLAT]}
    asked(gateway, upstream, "openai_chat", body, reply(body=PLAIN["openai_chat"]))
    (tool,) = json.loads(upstream.last.body)["tools"]
    assert tool["custom"]["name"] == "ApplyPatch"
    assert tool["custom"]["format"]["grammar"]["syntax"] == "lark"


def test_a_chat_stays_one_whatever_its_spelling(gateway: RunningGateway, upstream: Upstream) -> None:
    """Clients write members in any order and with any white space; also one that has ``input`` beside ``messages``."""
    provider, model, end = HOSTS["openai_chat"]
    headers = {"content-type": "application/json", "authorization": "Bearer k", "x-portkey-provider": provider}
    headers["x-portkey-custom-host"] = upstream.url + end
    for text in (
        '{"input": 1, "model": "%s", "messages"  :\n [{"role": "user", "content": "Hi"}]}',
        '{"\\u006dessages": [{"role": "user", "content": "Hi"}], "input": [], "model": "%s"}',
    ):
        upstream.play(reply())
        answer = httpx.post(f"{gateway.v1}/chat/completions", content=text % model, headers=headers, timeout=300)
        assert answer.status_code == 200, answer.text
        assert json.loads(upstream.last.body)["messages"] == [{"role": "user", "content": "Hi"}]


def test_messages_within_a_member_make_no_chat(gateway: RunningGateway, upstream: Upstream) -> None:
    """The schema of a tool, or metadata, may hold the word: such a request went on as a chat without messages, and no
    guard read it."""
    check = {"default.contains": {"operator": "none", "words": ["Mend"]}, "deny": True}
    headers = {"content-type": "application/json"}
    headers["x-portkey-config"] = json.dumps({"provider": "echo", "input_guardrails": [check]})
    text = '{"model":"m","input":"Mend it","metadata":{"messages":[]}}'
    answer = httpx.post(f"{gateway.v1}/chat/completions", content=text, headers=headers, timeout=300)
    assert answer.status_code == 446, answer.text
    schema = {"type": "object", "examples": [{"messages": ["Hi"]}]}
    body = {**AGENT, "tools": [{**READ, "parameters": schema}]}
    answer = asked(gateway, upstream, "openai_chat", body, reply(body=PLAIN["openai_chat"]))
    assert "Mend it" in json.dumps(json.loads(upstream.last.body)["messages"])


@pytest.mark.parametrize("body", [{"input": 5}, {"input": None}, {"input": [{"type": "item_reference", "id": "x"}]}])
def test_what_can_not_be_read_is_refused_in_the_words_of_chats(body: dict[str, Any], gateway: RunningGateway) -> None:
    headers = {"authorization": "Bearer k", "x-portkey-provider": "anthropic"}
    answer = httpx.post(f"{gateway.v1}/chat/completions", json={"model": "m", **body}, headers=headers, timeout=300)
    assert answer.status_code == 400
    assert answer.json()["error"].keys() >= {"message", "type", "param", "code"}


def test_guards_read_what_is_asked(gateway: RunningGateway) -> None:
    check = {"default.contains": {"operator": "none", "words": ["Mend"]}, "deny": True}
    config = {"provider": "echo", "input_guardrails": [check]}
    headers = {"x-portkey-config": json.dumps(config)}
    body = {**AGENT, "model": "m", "input": AGENT["input"][:2]}
    answer = httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300)
    assert answer.status_code == 446, answer.text


def test_limits_of_a_key_hold(upstream: Upstream, tmp_path: Path) -> None:
    """A key that may call one model only calls no other in this form."""
    key = "pk-of-cursor-0123456789abcdef"
    path = tmp_path / "penstock.toml"
    path.write_text(
        f'[keys.a]\nhash = "sha256:{hashlib.sha256(key.encode()).hexdigest()}"\nmodels = ["echo"]\n', encoding="utf-8"
    )
    settings = load({}, {"PENSTOCK_CONFIG": str(path), "PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent"))
    with running_gateway(settings, path) as gateway:
        for model, status in (("echo", 200), ("other", 412), ("@echo/other", 412)):
            headers = {"authorization": f"Bearer {key}", "x-portkey-provider": "echo"}
            answer = httpx.post(
                f"{gateway.v1}/chat/completions", json={"model": model, **AGENT}, headers=headers, timeout=60
            )
            assert answer.status_code == status, answer.text

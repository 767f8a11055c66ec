"""Tool calls as clients hear of them: a loop as Anthropic's SDK runs it, in which what the model signed goes back to its
maker as it came; and a call that is told before its first argument, as the makers' own APIs tell it.
"""

from __future__ import annotations

import json
import threading
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.types import ToolUseBlock

from claude_replies import args, begin, block, end, said, sse
from running import RunningGateway
from upstream import DONE, ROLE, Upstream, chunk, events, held, send

TOOL: Any = {"name": "read_file", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}}
THOUGHT = {"type": "thinking", "thinking": "Read it.", "signature": "c2lnbmF0dXJl"}
CLAUDE = [
    sse(
        begin(input_tokens=5, output_tokens=1),
        *block(
            0, "thinking", {"type": "thinking_delta", "thinking": THOUGHT["thinking"]},
            {"type": "signature_delta", "signature": THOUGHT["signature"]}, thinking="", signature="",
        ),
        *block(1, "tool_use", args('{"path":'), args(' "a"}'), id="toolu_1", name="read_file", input={}),
        *end("tool_use"),
    ),
    sse(begin(input_tokens=9, output_tokens=1), *block(0, "text", said("TOKEN-1"), text=""), *end()),
]  # fmt: skip
CALL = {
    "index": 0,
    "id": "toolu_1",
    "type": "function",
    "function": {"name": "read_file", "arguments": '{"path": "a"}'},
}
GPT = [
    b"".join((ROLE, chunk({"tool_calls": [CALL]}), chunk({}, "tool_calls"), DONE)),
    b"".join((ROLE, chunk({"content": "TOKEN-1"}), chunk({}, "stop"), DONE)),
]


@pytest.mark.parametrize(("provider", "replies"), [("anthropic", CLAUDE), ("openai", GPT)])
def test_the_loop_ends_with_what_the_tool_said(
    provider: str, replies: list[bytes], gateway: RunningGateway, upstream: Upstream
) -> None:
    headers = {"x-portkey-provider": provider, "x-portkey-custom-host": f"{upstream.url}/v1"}
    turns: list[Any] = [{"role": "user", "content": "Read a."}]
    with anthropic.Anthropic(api_key="k", base_url=gateway.url, default_headers=headers, max_retries=0) as client:
        for stream in replies:
            upstream.play(events(stream))
            with client.messages.stream(
                model="m", max_tokens=4000, messages=turns, tools=[TOOL],
                thinking={"type": "enabled", "budget_tokens": 2000},
            ) as told:  # fmt: skip
                message = told.get_final_message()
            calls = [each for each in message.content if isinstance(each, ToolUseBlock)]
            results = [{"type": "tool_result", "tool_use_id": call.id, "content": "TOKEN-1"} for call in calls]
            turns += [{"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
    assert "".join(each.text for each in message.content if each.type == "text") == "TOKEN-1"
    sent = upstream.last.json["messages"]
    if provider == "anthropic":
        assert sent[1]["content"][0] == THOUGHT
        assert sent[2]["content"][0]["tool_use_id"] == "toolu_1"
    else:
        assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {"path": "a"}
        assert (sent[2]["role"], sent[2]["tool_call_id"], sent[2]["content"]) == ("tool", "toolu_1", "TOKEN-1")


@pytest.mark.parametrize(
    ("path", "members", "told"),
    [
        (
            "/v1/messages",
            {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "tools": [TOOL]},
            '"tool_use"',
        ),
        (
            "/v1/responses",
            {"input": "x", "tools": [{"type": "function", "name": "read_file", "parameters": TOOL["input_schema"]}]},
            "response.output_item.added",
        ),
    ],
)
@pytest.mark.parametrize("gateway", ["http1"], indirect=True)
def test_a_call_is_told_before_its_first_argument(
    path: str, members: dict[str, Any], told: str, gateway: RunningGateway, upstream: Upstream
) -> None:
    started = {**CALL, "function": {"name": "read_file", "arguments": ""}}
    rest = chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"path": "a"}'}}]})
    release = threading.Event()
    end = b"".join(b"%x\r\n%b\r\n" % (len(data), data) for data in (rest, chunk({}, "tool_calls"), DONE, b""))
    upstream.play(events(ROLE, chunk({"tool_calls": [started]}), end=False), held(release), send(end))
    headers = {
        "x-portkey-provider": "nvidia",
        "x-portkey-custom-host": upstream.url + "/v1",
        "authorization": "Bearer k",
    }
    body = {"model": "m", "stream": True, **members}
    with httpx.stream("POST", gateway.url + path, json=body, headers=headers, timeout=60) as answer:
        lines = answer.iter_lines()
        # The host says no more until the call was told.
        assert next(line for line in lines if line.startswith("data:") and told in line and '"toolu_1"' in line)
        release.set()
        assert "path" in "".join(lines)

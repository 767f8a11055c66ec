"""No wire, no stream and no detour hides texts from a config's guards: Responses, Gemini, what is read later, and what
passes as it is."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from calling import COMPLETED, CONVERSED, CREATED, PLAIN, RESPONSE, SAID, STREAMS
from penstock.dialects.bedrock.caller.frames import FrameEncoder
from penstock.dialects.framing.aws_eventstream import STREAM_TYPE
from penstock.observe.access_log import line
from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import DONE, FINISH, ROLE, Upstream, chunk, events, reply, send

BAD = "canary-4711"
DENY = {"default.contains": {"words": [BAD], "operator": "none"}, "deny": True}
REPLACE = {"default.regexReplace": {"rule": "/canary-[0-9]+/g", "redactText": "[gone]"}}
CHAT = {"object": "chat.completion", "id": "c", "created": 1, "model": "m"}
GEMINI = {"content": {"role": "model", "parts": [{"text": f"so {BAD}"}]}, "finishReason": "STOP", "index": 0}
CALL = {"content": {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"q": BAD}}}]}, "index": 0}
OWN = {"ollama": "/api/chat", "ollama_generate": "/api/generate", "cohere": "/v2/chat"}
WIRES = (
    *("responses", "responses through chat", "gemini", "gemini through chat", "converse", "converse through chat"),
    *(wire + through for wire in OWN for through in ("", " through chat")),
)


def told(wire: str, text: str) -> bytes:
    """The provider's plain answer."""
    if wire == "responses":
        return RESPONSE.replace(b'"Hi"', json.dumps(text).encode())
    if wire == "converse":
        return CONVERSED.replace(b'"Hi"', json.dumps(text).encode())
    if wire == "gemini":
        content = {"role": "model", "parts": [{"text": text}]}
        return json.dumps({"candidates": [{"content": content, "finishReason": "STOP", "index": 0}]}).encode()
    if wire in OWN:
        return PLAIN[wire].replace(b'"Hi"', json.dumps(text).encode())
    message = {"role": "assistant", "content": text}
    return json.dumps({**CHAT, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()


def going_on(piece: bytes) -> bytes:
    """A piece of a stream without the event that begins its block."""
    return piece[piece.rfind(b"event: ") :] if b"event: content-start" in piece else piece


def streamed(wire: str) -> Any:
    """The provider's stream, whose bad text comes in two events."""
    first, second = f"so {BAD[:6]}", BAD[6:]
    if wire == "responses":
        parts = [SAID.replace(b'"delta":"Hi"', b'"delta":' + json.dumps(text).encode()) for text in (first, second)]
        whole = f"so {BAD}".encode()
        done = (
            b'event: response.output_text.done\ndata: {"type":"response.output_text.done","item_id":"msg_1",'
            b'"output_index":0,"content_index":0,"text":"' + whole + b'","sequence_number":3}\n\n'
        )
        return events(CREATED, *parts, done, COMPLETED.replace(b'"Hi"', b'"' + whole + b'"'))
    if wire == "converse":
        nothing, content, rest = STREAMS["bedrock_converse"]
        pieces = [content.replace(b'"Hi"', json.dumps(text).encode()) for text in (first, second)]
        framed = FrameEncoder().finish(b"".join([nothing, *pieces, rest]))
        return reply(200, framed, content_type=STREAM_TYPE.decode())
    if wire == "gemini":
        lines = []
        for text, finish in ((first, {}), (second, {"finishReason": "STOP"})):
            candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **finish}
            lines.append(b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\r\n\r\n")
        return events(*lines)
    if wire in OWN:
        begun, said, rest = STREAMS[wire]
        parts = [said.replace(b'"Hi"', json.dumps(text).encode()) for text in (first, second)]
        return events(begun, parts[0], going_on(parts[1]), rest)
    return events(ROLE, chunk({"content": first}), chunk({"content": second}), FINISH, DONE)


def ask(
    gateway: RunningGateway,
    upstream: Upstream,
    wire: str,
    guards: Any,
    text: str = "Hello",
    *,
    streams: bool = False,
    **fields: str,
) -> httpx.Response:
    bare = wire.removesuffix(" through chat")
    own = {
        "gemini": "google",
        "converse": "bedrock",
        "ollama": "ollama",
        "ollama_generate": "ollama",
        "cohere": "cohere",
    }
    slug = "nvidia" if "chat" in wire else own.get(wire, "openai")
    host = upstream.url if wire in own else f"{upstream.url}/v1"
    config = {"provider": slug, "api_key": "k", "custom_host": host, **guards}
    headers = {"x-portkey-config": json.dumps(config), **fields}
    if wire.startswith("responses"):
        body: dict[str, Any] = {"model": "m", "input": [{"role": "user", "content": text}], "stream": streams}
        return httpx.post(f"{gateway.v1}/responses", json=body, headers=headers, timeout=300)
    if wire.startswith("converse"):
        body = {"messages": [{"role": "user", "content": [{"text": text}]}]}
        url = f"{gateway.url}/model/m/converse{'-stream' if streams else ''}"
        return httpx.post(url, json=body, headers=headers, timeout=300)
    if bare in OWN:
        said: dict[str, Any] = {"messages": [{"role": "user", "content": text}]}
        body = {"model": "m", "stream": streams, **({"prompt": text} if bare == "ollama_generate" else said)}
        return httpx.post(f"{gateway.url}{OWN[bare]}", json=body, headers=headers, timeout=300)
    verb = "streamGenerateContent?alt=sse" if streams else "generateContent"
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    return httpx.post(f"{gateway.url}/v1beta/models/m:{verb}", json=body, headers=headers, timeout=300)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_a_bad_request_reaches_nobody(gateway: RunningGateway, upstream: Upstream, wire: str, streams: bool) -> None:
    got = ask(gateway, upstream, wire, {"input_guardrails": [DENY]}, f"say {BAD}", streams=streams)
    assert got.status_code == 400, got.text
    code = got.headers.get("x-penstock-error") or got.json()["error"]["code"]
    assert code == "guardrail_denied"
    assert list(got.json())[-1] == "hook_results"
    assert upstream.received == []


HIDING = (b"\xff", b'","n":' + b"1" * 5000 + b',"x":"')
"""What makes JSON unreadable here, and is no hindrance to hosts: a byte that is no UTF-8, a number of many digits."""
SAYS: dict[str, bytes] = {
    "/v1/chat/completions": b'{"model":"m","messages":[{"role":"user","content":"SAID"}]}',
    "/v1/messages": b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"SAID"}]}',
    "/v1/completions": b'{"model":"m","prompt":["SAID"]}',
    "/v1/embeddings": b'{"model":"m","input":["SAID"]}',
    "/v1/responses": b'{"model":"m","input":[{"role":"user","content":"SAID"}]}',
    "/v1beta/models/m:generateContent": b'{"contents":[{"role":"user","parts":[{"text":"SAID"}]}]}',
    "/model/m/converse": b'{"messages":[{"role":"user","content":[{"text":"SAID"}]}]}',
    "/api/chat": b'{"model":"m","stream":false,"messages":[{"role":"user","content":"SAID"}]}',
    "/v2/chat": b'{"model":"m","messages":[{"role":"user","content":"SAID"}]}',
    "/v1/threads": b'{"messages":[{"role":"user","content":"SAID"}]}',
}


@pytest.mark.parametrize("guard", [DENY, REPLACE, {**DENY, "parallel": True}])
@pytest.mark.parametrize("path", SAYS)
def test_what_guards_cant_read_hides_nothing(
    gateway: RunningGateway, upstream: Upstream, path: str, guard: dict[str, Any]
) -> None:
    for hiding in HIDING:
        config = {
            "provider": "openai",
            "api_key": "k",
            "custom_host": f"{upstream.url}/v1",
            "input_guardrails": [guard],
        }
        headers = {"x-portkey-config": json.dumps(config), "content-type": "application/json"}
        body = SAYS[path].replace(b"SAID", BAD.encode() + hiding)
        got = httpx.post(f"{gateway.url}{path}", content=body, headers=headers, timeout=300)
        assert (got.status_code, upstream.received) == (400, []), (got.text, hiding[:9])
        assert BAD not in got.text


@pytest.mark.parametrize("guard", [DENY, REPLACE])
@pytest.mark.parametrize("path", SAYS)
def test_a_name_in_another_case_hides_nothing(
    gateway: RunningGateway, upstream: Upstream, path: str, guard: dict[str, Any]
) -> None:
    """Hosts written in Go read it all the same."""
    config = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", "input_guardrails": [guard]}
    headers = {"x-portkey-config": json.dumps(config), "content-type": "application/json"}
    said = SAYS[path].replace(b"SAID", BAD.encode())
    for name in (b"messages", b"content", b"contents", b"parts", b"text", b"prompt", b"input"):
        if b'"%s"' % name in said:
            body = said.replace(b'"%s"' % name, b'"%s"' % name.title())
            got = httpx.post(f"{gateway.url}{path}", content=body, headers=headers, timeout=300)
            assert (got.status_code, upstream.received) == (400, []), (name, got.text)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": {"0": {"role": "user", "content": BAD}}}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": {"type": "text", "text": BAD}}]}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a", "content\0": BAD}]}),
        ("/v1/completions", {"prompt": [31, 7]}),
        ("/v1beta/models/m:generateContent", {"contents": [[{"parts": [{"text": BAD}]}]]}),
        ("/api/generate", {"prompt": "a", "context": [31, 7]}),
        ("/api/generate", {"prompt": "a", "Template": BAD}),
    ],
)
def test_another_form_hides_nothing(
    gateway: RunningGateway, upstream: Upstream, path: str, body: dict[str, Any]
) -> None:
    config = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", "input_guardrails": [DENY]}
    headers = {"x-portkey-config": json.dumps(config)}
    got = httpx.post(f"{gateway.url}{path}", json={"model": "m", **body}, headers=headers, timeout=300)
    assert (got.status_code, upstream.received) == (400, []), got.text


@pytest.mark.parametrize("guard", [DENY, REPLACE])
@pytest.mark.parametrize("path", SAYS)
def test_a_member_that_comes_twice_hides_nothing(
    gateway: RunningGateway, upstream: Upstream, path: str, guard: dict[str, Any]
) -> None:
    """Guards judge the last one, and some hosts read the first."""
    config = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", "input_guardrails": [guard]}
    headers = {"x-portkey-config": json.dumps(config), "content-type": "application/json"}
    for name in (b"content", b"parts", b"text"):
        at = SAYS[path].find(b'"%s":' % name)
        if at >= 0:
            body = SAYS[path][:at] + b'"%s":"%s",' % (name, BAD.encode()) + SAYS[path][at:]
            got = httpx.post(f"{gateway.url}{path}", content=body, headers=headers, timeout=300)
            assert (got.status_code, upstream.received) == (400, []), (name, got.text)


def test_a_part_that_is_a_mere_string_is_read_and_changed(gateway: RunningGateway, upstream: Upstream) -> None:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    body = {"model": "m", "messages": [{"role": "user", "content": [f"say {BAD}"]}]}

    def answer_under(guard: dict[str, Any]) -> httpx.Response:
        headers = {"x-portkey-config": json.dumps({**target, "input_guardrails": [guard]})}
        return httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300)

    assert (answer_under(DENY).status_code, upstream.received) == (446, [])
    upstream.play(reply(200, told("chat", "fine")))
    assert answer_under(REPLACE).status_code == 200
    assert upstream.last.json["messages"][0]["content"] == ["say [gone]"]


@pytest.mark.parametrize("mode", [None, "hold", "window", "buffer"])
def test_what_clients_cant_decode_hides_no_answer(
    gateway: RunningGateway, upstream: Upstream, mode: str | None
) -> None:
    texts = [f"so {BAD[:6]}", f"{BAD[6:]} Q"]
    if mode is None:
        upstream.play(reply(200, told("chat", "".join(texts)).replace(b"Q", b"\xff")))
    else:
        parts = [chunk({"content": text}).replace(b"Q", b"\xff") for text in texts]
        upstream.play(events(ROLE, *parts, FINISH, DONE))
    guards = {"output_guardrails": [{**DENY, **({} if mode is None else {"stream": mode})}]}
    got = chat(gateway, upstream, "chat", guards, streams=mode is not None)
    assert BAD[6:] not in got.text
    assert got.status_code == 446 or "hooks_failed" in got.text


@pytest.mark.parametrize("wire", WIRES)
def test_a_bad_answer_is_withheld(gateway: RunningGateway, upstream: Upstream, wire: str) -> None:
    upstream.play(reply(200, told(wire, f"so {BAD}")))
    got = ask(gateway, upstream, wire, {"output_guardrails": [DENY]})
    assert (got.status_code, BAD in got.text) == (400, False), got.text


@pytest.mark.parametrize(("status", "before"), [(201, b""), (203, b""), (200, b"\xef\xbb\xbf"), (200, b" \n")])
@pytest.mark.parametrize("wire", WIRES)
def test_a_bad_answer_is_withheld_however_it_comes(
    gateway: RunningGateway, upstream: Upstream, wire: str, status: int, before: bytes
) -> None:
    upstream.play(reply(status, before + told(wire, f"so {BAD}")))
    got = ask(gateway, upstream, wire, {"output_guardrails": [DENY]})
    assert BAD not in got.text
    assert got.status_code >= 400


@pytest.mark.parametrize("mode", ["hold", "window", "buffer"])
@pytest.mark.parametrize("wire", WIRES)
def test_a_bad_stream_is_withheld(gateway: RunningGateway, upstream: Upstream, wire: str, mode: str) -> None:
    upstream.play(streamed(wire))
    got = ask(gateway, upstream, wire, {"output_guardrails": [{**DENY, "stream": mode}]}, streams=True)
    assert BAD not in got.text
    assert BAD[6:] not in got.text
    assert "guardrail_denied" in got.text


@pytest.mark.parametrize("mode", ["hold", "buffer"])
@pytest.mark.parametrize("wire", WIRES)
def test_what_is_replaced_is_replaced_everywhere_in_a_stream(
    gateway: RunningGateway, upstream: Upstream, wire: str, mode: str
) -> None:
    upstream.play(streamed(wire))
    got = ask(gateway, upstream, wire, {"output_guardrails": [{**REPLACE, "stream": mode}]}, streams=True)
    assert got.status_code == 200
    assert BAD not in got.text
    assert "[gone]" in got.text
    assert BAD[6:] not in got.text


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_a_request_is_changed(gateway: RunningGateway, upstream: Upstream, wire: str, streams: bool) -> None:
    upstream.play(streamed(wire) if streams else reply(200, told(wire, "fine")))
    got = ask(gateway, upstream, wire, {"input_guardrails": [REPLACE]}, f"say {BAD}", streams=streams)
    assert got.status_code == 200, got.text
    assert BAD.encode() not in upstream.last.body
    assert b"say [gone]" in upstream.last.body


def test_a_stream_without_an_event_at_its_end_is_judged(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(streamed("gemini"))
    guards, loose = (
        {"output_guardrails": [{**DENY, "stream": "after"}]},
        {"x-portkey-strict-open-ai-compliance": "false"},
    )
    got = ask(gateway, upstream, "gemini", guards, streams=True, **loose)
    assert BAD[6:] in got.text
    assert '"hook_results"' in got.text.splitlines()[-2]


def test_what_a_function_is_called_with_is_judged(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, json.dumps({"candidates": [CALL]}).encode()))
    guard = {**DENY, "kinds": ["tool_call"], "scope": "all"}
    assert ask(gateway, upstream, "gemini", {"output_guardrails": [guard]}).status_code == 400


def test_an_answer_that_is_read_later_is_judged(gateway: RunningGateway, upstream: Upstream) -> None:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    headers = {"x-portkey-config": json.dumps({**target, "output_guardrails": [DENY], "input_guardrails": [DENY]})}
    upstream.play(reply(200, told("responses", BAD)))
    got = httpx.get(f"{gateway.v1}/responses/resp_1", headers=headers, timeout=300)
    assert (got.status_code, BAD in got.text) == (400, False)
    upstream.play(streamed("responses"))
    got = httpx.get(f"{gateway.v1}/responses/resp_1?stream=true", headers=headers, timeout=300)
    assert BAD not in got.text
    upstream.play(reply(200, told("responses", "fine")))
    assert httpx.get(f"{gateway.v1}/responses/resp_1", headers=headers, timeout=300).status_code == 200


@pytest.mark.parametrize("path", ["/v1/proxy/chat/completions", "/v1/proxy/v1/messages", "/v1/api/generate"])
@pytest.mark.parametrize(
    ("media_type", "behind"),
    [
        ("application/json", ""),
        ("text/plain", ""),
        ("multipart/form-data; boundary=b", ""),
        ("text/plain", " and more"),
        ("application/x-ndjson", " " * (2 << 20) + "{}"),
    ],
)
def test_what_a_guard_can_read_elsewhere_does_not_pass_as_it_is(
    gateway: RunningGateway, upstream: Upstream, path: str, media_type: str, behind: str
) -> None:
    """Hosts differ in the media types that they mind, and some read no further than to an object's end."""
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    body = {"model": "m", ("prompt" if "generate" in path else "messages"): [{"role": "user", "content": BAD}]}
    for guards, status in (({"input_guardrails": [DENY]}, 400), ({}, 200)):
        headers = {"x-portkey-config": json.dumps({**target, **guards}), "content-type": media_type}
        got = httpx.post(f"{gateway.url}{path}", content=json.dumps(body) + behind, headers=headers, timeout=300)
        assert got.status_code == status, got.text
    assert len(upstream.received) == 1


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-be", "utf-32"])
def test_json_in_another_encoding_does_not_pass_as_it_is(
    gateway: RunningGateway, upstream: Upstream, charset: str
) -> None:
    """Hosts written in Python read it, whatever its media type says."""
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": BAD}]}).encode(charset)
    headers = {"x-portkey-config": json.dumps({**target, "input_guardrails": [DENY]}), "content-type": "text/plain"}
    got = httpx.post(f"{gateway.v1}/proxy/chat/completions", content=body, headers=headers, timeout=300)
    assert (got.status_code, upstream.received) == (400, [])


def test_a_form_hides_no_text(gateway: RunningGateway, upstream: Upstream) -> None:
    """Neither at a path that passes as it is, nor in a file or a field that is too long to be read."""
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    headers = {"x-portkey-config": json.dumps({**target, "input_guardrails": [DENY]})}
    image = ("a.png", b"\x89PNG", "image/png")

    def edit(path: str, **files: Any) -> int:
        url = f"{gateway.v1}/{path}"
        data = {"model": "m", "prompt": "fine"} if "prompt" not in files else {"model": "m"}
        files = {"image": image, **files}
        return httpx.post(url, data=data, files=files, headers=headers, timeout=300).status_code

    assert edit("proxy/images/edits", prompt=(None, BAD)) == 400
    assert edit("images/edits", prompt=(None, BAD)) == 446
    assert edit("images/edits", prompt=("p.txt", BAD, "text/plain")) == 400
    assert edit("images/edits", prompt=(None, "a" * (1 << 20) + BAD)) == 400
    assert upstream.received == []
    upstream.play(reply(200, b'{"created":1,"data":[]}'))
    assert edit("images/edits") == 200
    late: list[tuple[str, Any]] = [("image", image), ("prompt", (None, "fine")), ("model", (None, "m"))]
    upstream.play(reply(200, b'{"created":1,"data":[]}'))
    assert httpx.post(f"{gateway.v1}/images/edits", files=late, headers=headers, timeout=300).status_code == 200
    page = ("a.html", b'<form>\n <input type="text" name="message">\n<meta name="text"></form>', "text/html")
    upstream.play(reply(200, b"{}"))
    assert edit("proxy/pages", prompt=page) == 400
    got = httpx.post(f"{gateway.v1}/proxy/pages", files={"file": page}, headers=headers, timeout=300)
    assert got.status_code == 200


@pytest.mark.parametrize(
    ("slug", "path", "body"),
    [
        ("anthropic", "/v1/messages/count_tokens", {"model": "m", "messages": [{"role": "user", "content": "SAID"}]}),
        ("openai", "/v1/responses/input_tokens", {"model": "m", "input": "SAID"}),
        ("google", "/v1beta/models/m:countTokens", {"contents": [{"parts": [{"text": "SAID"}]}]}),
        (
            "google",
            "/v1beta/models/m:countTokens",
            {"generateContentRequest": {"model": "models/m", "contents": [{"parts": [{"text": "SAID"}]}]}},
        ),
    ],
)
def test_what_is_counted_is_judged_and_changed(
    gateway: RunningGateway, upstream: Upstream, slug: str, path: str, body: Any
) -> None:
    host = upstream.url if slug == "google" else f"{upstream.url}/v1"
    content = json.dumps(body).replace("SAID", f"so {BAD}")

    def count(*guards: Any) -> httpx.Response:
        config = {"provider": slug, "api_key": "k", "custom_host": host, "input_guardrails": guards}
        config["output_guardrails"] = [{**DENY, "default.notNull": {"failOnError": True}}]
        headers = {"x-portkey-config": json.dumps(config), "content-type": "application/json"}
        return httpx.post(f"{gateway.url}{path}", content=content, headers=headers, timeout=300)

    assert count(DENY).status_code in {400, 446}
    assert upstream.received == []
    upstream.play(reply(200, b'{"input_tokens":5,"totalTokens":5,"object":"response.input_tokens"}'))
    got = count(REPLACE)
    assert (got.status_code, b"so [gone]" in upstream.last.body, BAD.encode() in upstream.last.body) == (
        200,
        True,
        False,
    )


TWICE: dict[str, dict[str, Any]] = {
    "Together": {"delta": {"content": BAD}, "text": BAD},
    "Perplexity": {"delta": {"content": BAD}, "message": {"role": "assistant", "content": BAD}},
    "a number of thousands of digits": {"delta": {"content": BAD}, "seed": 0},
    "tokens": {"delta": {"content": BAD}, "logprobs": {"content": [{"token": BAD, "logprob": -1}]}},
}


@pytest.mark.parametrize("host", TWICE)
@pytest.mark.parametrize("guard", [DENY, REPLACE])
def test_a_text_that_a_chunk_tells_twice_is_guarded_twice(
    gateway: RunningGateway, upstream: Upstream, host: str, guard: Any
) -> None:
    value = {**CHAT, "object": "chat.completion.chunk", "choices": [{"index": 0, "finish_reason": None, **TWICE[host]}]}
    event = b"data: " + json.dumps(value).encode().replace(b'"seed": 0', b'"seed": ' + b"1" * 5000) + b"\n\n"
    upstream.play(events(ROLE, event, FINISH, DONE))
    config = {"provider": "nvidia", "api_key": "k", "custom_host": f"{upstream.url}/v1", "output_guardrails": [guard]}
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
    headers = {"x-portkey-config": json.dumps(config)}
    got = httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300)
    assert (got.status_code, BAD in got.text) == (446 if guard is DENY else 200, False), got.text


def test_a_denial_in_the_middle_ends_a_response_in_its_own_words(gateway: RunningGateway, upstream: Upstream) -> None:
    rest = chunk({"content": f"{BAD} and on"}) + FINISH + DONE

    async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await events(ROLE, chunk({"content": "so far so good "}), end=False)(reader, writer)
        await writer.drain()
        await asyncio.sleep(0.3)
        await send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest))(reader, writer)

    upstream.play(said)
    got = ask(gateway, upstream, "responses through chat", {"output_guardrails": [DENY]}, streams=True)
    values = [json.loads(line[6:]) for line in got.text.splitlines() if line.startswith("data: ")]
    assert values[-1]["type"] == "response.failed", got.text
    assert [value["sequence_number"] for value in values] == list(range(len(values)))
    assert BAD not in got.text


@pytest.mark.parametrize("wire", WIRES)
def test_a_marked_answer(gateway: RunningGateway, upstream: Upstream, wire: str) -> None:
    """246 is told only where clients take it for a success."""
    upstream.play(reply(200, told(wire, "fine")))
    got = ask(gateway, upstream, wire, {"input_guardrails": [{**DENY, "deny": False}]}, f"say {BAD}")
    assert got.status_code == (246 if wire.startswith("responses") else 200)
    assert not got.json()["hook_results"]["before_request_hooks"][0]["verdict"]


SOFT = {**DENY, "soft_deny_200": True}
REFUSED = "A guardrail refused the request."


def chat(
    gateway: RunningGateway, upstream: Upstream, wire: str, guards: Any, streams: bool, text: str = f"say {BAD}"
) -> httpx.Response:
    if wire not in {"chat", "messages"}:
        return ask(gateway, upstream, wire, guards, text, streams=streams)
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    headers = {"x-portkey-config": json.dumps({**target, **guards})}
    body = {"model": "m", "max_tokens": 9, "stream": streams, "messages": [{"role": "user", "content": text}]}
    path = "messages" if wire == "messages" else "chat/completions"
    return httpx.post(f"{gateway.v1}/{path}", json=body, headers=headers, timeout=300)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("wire", ["chat", "messages", *WIRES])
def test_a_denial_in_a_completion(gateway: RunningGateway, upstream: Upstream, wire: str, streams: bool) -> None:
    gateway.recorded()
    got = chat(gateway, upstream, wire, {"input_guardrails": [SOFT]}, streams)
    assert (got.status_code, upstream.received) == (200, [])
    assert REFUSED.encode() in got.content
    if not streams:
        assert list(got.json())[-1] == "hook_results"
        assert got.json()["hook_results"]["before_request_hooks"][0]["deny"]
    [record] = gateway.recorded()
    assert (record.failure, record.usage) == ("hooks_failed", None)
    assert [each.verdict for each in record.guards] == ["denied"]


def test_a_soft_denial_as_clients_read_it(gateway: RunningGateway, upstream: Upstream) -> None:
    guards = {"input_guardrails": [SOFT]}
    choice = chat(gateway, upstream, "chat", guards, streams=False).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (REFUSED, "content_filter")
    message = chat(gateway, upstream, "messages", guards, streams=False).json()
    assert (message["content"][0]["text"], message["stop_reason"]) == (REFUSED, "refusal")
    response = chat(gateway, upstream, "responses", guards, streams=False).json()
    assert response["output"][0]["content"][0] == {"type": "refusal", "refusal": REFUSED}
    [candidate] = chat(gateway, upstream, "gemini", guards, streams=False).json()["candidates"]
    assert candidate["content"]["parts"][0]["text"] == REFUSED
    stream = chat(gateway, upstream, "chat", guards, streams=True)
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.text.rstrip().endswith("data: [DONE]")
    assert "hook_results" not in stream.text


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("wire", ["chat", *WIRES])
def test_a_withheld_answer_in_a_completion(
    gateway: RunningGateway, upstream: Upstream, wire: str, streams: bool
) -> None:
    own = "responses through chat" if wire == "chat" else wire
    upstream.play(streamed(own) if streams else reply(200, told(own, f"so {BAD}")))
    got = chat(gateway, upstream, wire, {"output_guardrails": [SOFT]}, streams, "hi")
    assert got.status_code == 200
    assert b"A guardrail withheld the answer." in got.content
    assert BAD.encode() not in got.content


def test_a_soft_denial_is_a_denial_to_routing(gateway: RunningGateway, upstream: Upstream) -> None:
    """The second target has no guards: it answers."""
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    targets = [target, {**target, "input_guardrails": []}]
    fallback = {"strategy": {"mode": "fallback"}, "targets": targets, "input_guardrails": [SOFT]}
    assert REFUSED not in chat(gateway, upstream, "chat", fallback, streams=False).text
    assert len(upstream.received) == 1


def test_one_hard_denial_makes_all_hard(gateway: RunningGateway, upstream: Upstream) -> None:
    assert chat(gateway, upstream, "chat", {"input_guardrails": [SOFT, DENY]}, streams=False).status_code == 446
    alone = {key: value for key, value in SOFT.items() if key != "deny"}
    got = chat(gateway, upstream, "chat", {"input_guardrails": [alone]}, streams=False)
    assert got.status_code == 400
    assert "soft_deny_200" in got.text


def test_sdks_read_a_soft_denial(gateway: RunningGateway, upstream: Upstream) -> None:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", "input_guardrails": [SOFT]}
    headers = {"x-portkey-config": json.dumps(target)}
    with openai.OpenAI(base_url=gateway.v1, api_key="k", default_headers=headers) as client:
        for loose in ({}, {"x-portkey-strict-open-ai-compliance": "false"}):
            with client.responses.stream(model="m", input=BAD, extra_headers=loose) as stream:
                kinds = [event.type for event in stream]
                final = stream.get_final_response()
            assert kinds[-1] in {"response.completed", "response.incomplete"}
            [message] = final.output
            assert REFUSED in message.to_json()
        with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": BAD}]) as chunks:
            assert any(REFUSED in str(event) for event in chunks)
        hard = {"x-portkey-config": json.dumps({**target, "input_guardrails": [DENY]})}
        with pytest.raises(openai.BadRequestError) as refused:
            client.responses.create(model="m", input=BAD, extra_headers=hard)
        assert refused.value.code == "guardrail_denied"
    with (
        anthropic.Anthropic(base_url=gateway.url, api_key="k", default_headers=headers) as claude,
        claude.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": BAD}]) as told,
    ):
        assert told.get_final_message().stop_reason == "refusal"


def test_sdks_read_results_in_a_stream_of_responses(gateway: RunningGateway, upstream: Upstream) -> None:
    """OpenAI's client wants ``response.created`` before anything else."""
    target = {"provider": "nvidia", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    for guards in ({"input_guardrails": [DENY]}, {"input_guardrails": [DENY], "output_guardrails": [DENY]}):
        headers = {
            "x-portkey-config": json.dumps({**target, **guards}),
            "x-portkey-strict-open-ai-compliance": "false",
        }
        upstream.play(events(ROLE, chunk({"content": "fine"}), FINISH, DONE))
        with (
            openai.OpenAI(base_url=gateway.v1, api_key="k", default_headers=headers) as client,
            client.responses.stream(model="m", input="hi") as stream,
        ):
            kinds = [str(event.type) for event in stream]
        assert kinds[:2] == ["response.created", "hook_results"]
        assert kinds.count("hook_results") == (2 if "output_guardrails" in guards else 1)


# What is judged stays secret.


JUDGED: tuple[dict[str, Any], ...] = (
    *({**DENY, "stream": mode} for mode in ("after", "hold", "window", "buffer")),
    {**DENY, "mode": "shadow"},
    {**DENY, "async": True, "deny": False},
    {**REPLACE, "stream": "hold"},
    {"penstock.words": {"words": [BAD], "redact": True}, "stream": "hold"},
)


@pytest.mark.parametrize("streams", [False, True])
def test_no_wire_brings_what_is_judged_into_logs_or_stores(
    upstream: Upstream, tmp_path: Path, caplog: pytest.LogCaptureFixture, streams: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    store = {"PENSTOCK_STORE_DATABASE": f"sqlite:///{tmp_path / 'p.db'}", "PENSTOCK_STORE_DATA_DIR": str(tmp_path)}
    settings = load({}, {"PENSTOCK_ACCESS_LOG": "false", **store}, Path("/nonexistent"))
    with running_gateway(settings) as gateway:
        for wire in WIRES:
            for guard in JUDGED:
                upstream.play(streamed(wire) if streams else reply(200, told(wire, f"so {BAD}")))
                ask(gateway, upstream, wire, {"output_guardrails": [guard]}, f"say {BAD}", streams=streams)
                asks = {name: value for name, value in guard.items() if name != "stream"}
                if asks.get("deny") is False or asks.get("mode") or "default.contains" not in asks:
                    upstream.play(streamed(wire) if streams else reply(200, told(wire, "fine")))
                ask(gateway, upstream, wire, {"input_guardrails": [asks]}, f"say {BAD}", streams=streams)
        records = gateway.recorded()
        shown = [line(record).decode() + repr(record) for record in records]
        shown.append(httpx.get(f"{gateway.url}/metrics", timeout=300, trust_env=False).text)
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    verdicts = {each.verdict for record in records for each in record.guards}
    assert {"denied", "failed", "would_deny"} <= verdicts
    assert len(records) == 2 * len(WIRES) * len(JUDGED)
    assert b"denied" in stored
    assert [each for each in (*shown, caplog.text) if BAD in each] == []
    assert BAD.encode() not in stored


def test_a_callers_values_are_in_no_other_callers_answer(gateway: RunningGateway, upstream: Upstream) -> None:
    """An answer that is stored, with what was masked in its request, has each caller's own values."""
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", "cache": {"mode": "simple"}}
    masks = {"input_guardrails": [{"penstock.pii": {"redact": True, "restore": True}}]}
    upstream.play(reply(200, told("chat", "so [EMAIL_1]")))
    for address in ("ann@mail.example", "bob@mail.example"):
        body = {"model": "m", "messages": [{"role": "user", "content": f"I am {address}"}]}
        headers = {"x-portkey-config": json.dumps({**target, **masks})}
        got = httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300)
        assert got.json()["choices"][0]["message"]["content"] == f"so {address}"
    assert len(upstream.received) == 1


@pytest.mark.parametrize("arguments", ['{"a": "b\\u0061d"}', {"a": ["bad"]}])
def test_an_escape_hides_no_argument(gateway: RunningGateway, upstream: Upstream, arguments: Any) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    hook = {"contains": {"words": ["bad"], "operator": "none", "scope": "all"}, "deny": True}
    config = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", "input_guardrails": [hook]}
    got = httpx.post(
        f"{gateway.v1}/chat/completions",
        json={"model": "m", "messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]},
        headers={"x-portkey-config": json.dumps(config)},
        timeout=60,
        trust_env=False,
    )
    assert (got.status_code, upstream.received) == (446, [])


BESIDE: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello"}], "input": BAD}),
    "chat with items": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello"}], "input": [{"role": "user", "content": [{"type": "input_text", "text": BAD}]}]}),
    "chat with a prompt": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello"}], "prompt": BAD}),
    "messages": ("/v1/messages", {"max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}], "prompt": BAD}),
    "responses": ("/v1/responses", {"input": "Hello", "messages": [{"role": "user", "content": BAD}]}),
    "converse": ("/model/m/converse", {"messages": [{"role": "user", "content": [{"text": "Hello"}]}], "input": BAD}),
    "gemini": ("/v1beta/models/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}], "messages": [{"role": "user", "content": BAD}]}),
    "cohere": ("/v2/chat", {"messages": [{"role": "user", "content": "Hello"}], "message": BAD}),
    "ollama": ("/api/chat", {"messages": [{"role": "user", "content": "Hello"}], "prompt": BAD}),
}  # fmt: skip


@pytest.mark.parametrize("wire", BESIDE)
def test_what_another_wire_asks_with_is_judged(gateway: RunningGateway, upstream: Upstream, wire: str) -> None:
    """A host may read it in place of what the caller's wire asks with."""
    path, body = BESIDE[wire]
    config = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", "input_guardrails": [DENY]}
    headers = {"x-portkey-config": json.dumps(config)}
    got = httpx.post(f"{gateway.url}{path}", json={"model": "m", **body}, headers=headers, timeout=300)
    assert got.status_code in {400, 446}, got.text
    assert got.json()["hook_results"]["before_request_hooks"][0]["deny"] is True
    assert upstream.received == []


ENDS = {"messages": "message_stop", "cohere through chat": "message-end", "responses through chat": "[DONE]"}


@pytest.mark.parametrize("mode", ["hold", "window", "buffer"])
@pytest.mark.parametrize("wire", ENDS)
def test_a_tool_that_is_named_like_the_end_of_a_stream_ends_none(
    gateway: RunningGateway, upstream: Upstream, wire: str, mode: str
) -> None:
    call = {"index": 0, "id": "c", "function": {"name": ENDS[wire], "arguments": ""}}
    more = {"index": 0, "function": {"arguments": json.dumps({"a": BAD})}}
    calls = [chunk({"tool_calls": [each]}) for each in (call, more)]
    upstream.play(events(ROLE, chunk({"content": "so"}), *calls, chunk({}, "tool_calls"), DONE))
    guard = {**DENY, "scope": "all", "stream": mode}
    got = chat(gateway, upstream, wire, {"output_guardrails": [guard]}, streams=True, text="x")
    assert BAD.encode() not in got.content
    assert got.status_code in {400, 446} or b"guardrail" in got.content


@pytest.mark.parametrize("mode", ["hold", "window", "buffer"])
@pytest.mark.parametrize(
    "wire", ["chat", "responses through chat", "gemini through chat", "converse through chat", "gemini"]
)
def test_the_name_of_a_tool_in_a_stream_is_judged(
    gateway: RunningGateway, upstream: Upstream, wire: str, mode: str
) -> None:
    """Where a guard sees all that is said; the name itself is never changed."""
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": BAD, "arguments": '{"a":"b"}'}}
    made = events(ROLE, chunk({"content": "so"}), chunk({"tool_calls": [call]}), chunk({}, "tool_calls"), DONE)
    if wire == "gemini":
        named = {"content": {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {BAD: 1}}}]}, "index": 0}
        said = {"content": {"role": "model", "parts": [{"text": "so"}]}, "index": 0}
        made = events(*[b"data: %b\r\n\r\n" % json.dumps({"candidates": [each]}).encode() for each in (said, {**named, "finishReason": "STOP"})])  # fmt: skip
    for guard, is_denied in (({**DENY, "scope": "all"}, True), (DENY, False)):
        upstream.play(made)
        guards = {"output_guardrails": [{**guard, "stream": mode}]}
        if wire == "chat":
            config = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", **guards}
            body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
            headers = {"x-portkey-config": json.dumps(config)}
            got = httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300)
        else:
            got = ask(gateway, upstream, wire, guards, streams=True)
        assert (BAD.encode() in got.content) is not is_denied
    changing = {"default.regexReplace": {"rule": "/canary-[0-9]+/g"}, "scope": "all"}
    if wire != "chat":
        upstream.play(made)
        got = ask(gateway, upstream, wire, {"output_guardrails": [changing]}, streams=True)
        assert BAD.encode() in got.content

"""What providers keep for later passes no guard unread: batches, threads, assistants."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from running import RunningGateway
from upstream import Upstream, reply

BAD = "canary-4711"
DENY = {"default.contains": {"words": [BAD], "operator": "none"}, "deny": True}
REPLACE = {"default.regexReplace": {"rule": "/canary-[0-9]+/g", "redactText": "[gone]"}}
KEPT = reply(200, b'{"id": "file-1", "object": "file"}')


def line(text: str, url: str = "/v1/chat/completions", model: str = "m") -> bytes:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    return json.dumps({"custom_id": "1", "method": "POST", "url": url, "body": body}).encode()


def head(upstream: Upstream, guards: Any, provider: str = "openai") -> dict[str, str]:
    target = {"provider": provider, "api_key": "k", "custom_host": f"{upstream.url}/v1", **guards}
    return {"x-portkey-config": json.dumps(target)}


def upload(
    gateway: RunningGateway, upstream: Upstream, guards: Any, *lines: bytes, purpose: str = "batch", path: str = "files"
) -> httpx.Response:
    files = {"file": ("a.jsonl", b"\n".join(lines), "application/jsonl")}
    url, headers = f"{gateway.v1}/{path}", head(upstream, guards)
    return httpx.post(url, data={"purpose": purpose}, files=files, headers=headers, timeout=300, trust_env=False)


def send(
    gateway: RunningGateway, upstream: Upstream, guards: Any, path: str, body: Any, provider: str = "openai"
) -> httpx.Response:
    headers = head(upstream, guards, provider)
    return httpx.post(f"{gateway.v1}/{path}", json=body, headers=headers, timeout=300, trust_env=False)


@pytest.mark.parametrize("number", [1, 20, 9000])
def test_a_bad_line_keeps_a_batch_from_the_provider(gateway: RunningGateway, upstream: Upstream, number: int) -> None:
    """However long the file is: it may be one that passes while it arrives."""
    got = upload(gateway, upstream, {"input_guardrails": [DENY]}, *[line("fine")] * number, line(f"so {BAD}"))
    assert (got.status_code, upstream.received) == (446, [])
    assert f"line {number + 1}." in got.json()["error"]["message"]
    [hook] = got.json()["hook_results"]["before_request_hooks"]
    assert (hook["deny"], hook["verdict"]) == (True, False)


@pytest.mark.parametrize("number", [1, 9000])
@pytest.mark.parametrize(
    ("path", "purpose"),
    [("proxy/files", "batch"), ("files/upload", "batch-api"), ("files", " Batch"), ("proxy/v1/files", "Fine-Tune")],
)
def test_no_other_path_or_spelling_leads_past_the_guards(
    gateway: RunningGateway, upstream: Upstream, path: str, purpose: str, number: int
) -> None:
    def each(text: str) -> bytes:
        chat = json.loads(line(text))
        return json.dumps(chat["body"] if "tune" in purpose.lower() else chat).encode()

    lines = [each("fine")] * number
    got = upload(gateway, upstream, {"input_guardrails": [DENY]}, *lines, each(f"so {BAD}"), purpose=purpose, path=path)
    assert (got.status_code, upstream.received) == (446, [])
    upstream.play(KEPT)
    assert upload(
        gateway, upstream, {"input_mutators": [REPLACE]}, *lines, each(f"so {BAD}"), purpose=purpose, path=path
    ).is_success
    assert (BAD.encode() in upstream.last.body, b"so [gone]" in upstream.last.body) == (False, True)


@pytest.mark.parametrize("odd", [b"no JSON", b'{"prompt": "x"}'])
def test_chats_among_other_lines_are_refused(gateway: RunningGateway, upstream: Upstream, odd: bytes) -> None:
    chat = json.dumps(json.loads(line(BAD))["body"]).encode()
    for lines in ((odd, chat), (chat, odd)):
        got = upload(gateway, upstream, {"input_guardrails": [DENY]}, *lines, purpose="fine-tune")
        assert (got.status_code, upstream.received) == (400, [])
    upstream.play(KEPT)
    assert upload(gateway, upstream, {"input_guardrails": [DENY]}, odd, odd, purpose="fine-tune").status_code == 200


def test_a_file_of_blank_lines_is_refused(gateway: RunningGateway, upstream: Upstream) -> None:
    got = upload(gateway, upstream, {"input_guardrails": [DENY]}, line("fine"), b"\n" * 100_001)
    assert (got.status_code, upstream.received) == (400, [])
    assert "blank" in got.json()["error"]["message"]


@pytest.mark.parametrize("member", ["requests", "batch", "content", "items", "thread"])
def test_what_is_asked_later_does_not_pass_as_it_is(gateway: RunningGateway, upstream: Upstream, member: str) -> None:
    body = {member: [{"params": {"messages": [{"role": "user", "content": BAD}]}}]}
    got = send(gateway, upstream, {"input_guardrails": [DENY]}, "proxy/some/path", body)
    assert (got.status_code, upstream.received) == (400, [])
    upstream.play(reply(200, b"{}"))
    assert send(gateway, upstream, {}, "proxy/some/path", body).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "realtime/client_secrets",
        "realtime/sessions",
        "proxy/realtime/client_secrets",
        "proxy/%2572ealtime%2Fsessions",
        "proxy/openai/RealtimeApi/sessions",
        "proxy/openai/realtimertc",
        "proxy/v1/realtime;x=1/calls",
        "proxy/v1/realtime%253Fmodel=m",
        "proxy/v1/%20realtime%23",
        "proxy/v1/realtime./calls",
        "proxy/auth_tokens",
        "proxy/v1alpha/auth_tokens:create",
    ],
)
def test_no_secret_opens_a_session_that_guards_do_not_see(
    path: str, gateway: RunningGateway, upstream: Upstream
) -> None:
    for body in ({}, {"session": {"type": "realtime", "instructions": BAD}}):
        got = send(gateway, upstream, {"input_guardrails": [DENY]}, path, body)
        assert (got.status_code, upstream.received) == (400, [])
        assert "session" in got.json()["error"]["message"]
    upstream.play(reply(200, b'{"value": "ek_1"}'))
    assert send(gateway, upstream, {}, path, {}).json() == {"value": "ek_1"}


@pytest.mark.parametrize(
    "path",
    [
        "proxy/files/realtime-notes.txt",
        "proxy/realtime.json",
        "proxy/realtimes/x",
        "proxy/my_auth_tokens",
        "files/realtime",
    ],
)
def test_a_name_like_a_sessions_opens_none(path: str, gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, b"{}"))
    assert send(gateway, upstream, {"input_guardrails": [DENY]}, path, {"name": "x"}).status_code == 200
    assert upstream.last.target.endswith(path.removeprefix("proxy/"))


@pytest.mark.parametrize(
    ("provider", "method", "path", "body"),
    [
        ("bedrock", "POST", "/model/m/invoke", {"input_type": "search_query", "prompt": BAD}),
        ("bedrock", "POST", "/model/m/invoke", {"query": "q", "documents": [], "message": BAD}),
        ("bedrock", "POST", "/model/m/invoke-with-response-stream", {"inputText": BAD}),
        ("google", "POST", "/v1beta/models/m:batchGenerateContent", {"batch": {"display_name": BAD}}),
        ("google", "PATCH", "/v1beta/batches/b1:updateGenerateContentBatch", {"inputConfig": {"requests": BAD}}),
    ],
)
def test_what_a_model_is_asked_in_its_makers_words_is_refused(
    gateway: RunningGateway, upstream: Upstream, provider: str, method: str, path: str, body: Any
) -> None:
    headers = head(upstream, {"input_guardrails": [DENY]}, provider)
    got = httpx.request(method, f"{gateway.url}{path}", json=body, headers=headers, timeout=300, trust_env=False)
    assert got.status_code >= 400
    assert "can't read" in got.text
    assert upstream.received == []


def test_a_good_batch_keeps_its_bytes(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(KEPT)
    lines = [line("fine"), b"", line("fine", "/v1/responses") + b" \r"]
    got = upload(gateway, upstream, {"input_guardrails": [DENY], "input_mutators": [REPLACE]}, *lines)
    assert got.json() == {"id": "file-1", "object": "file"}
    assert b"\n".join(lines) in upstream.last.body


def test_a_line_is_changed(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(KEPT)
    got = upload(gateway, upstream, {"input_mutators": [REPLACE]}, line("fine"), line(f"so {BAD}"))
    assert got.status_code == 200
    sent = upstream.last.body
    assert (BAD.encode() in sent, line("fine") + b"\n" in sent, b"so [gone]" in sent) == (False, True, True)
    assert int(upstream.last.headers["content-length"]) == len(sent)


def test_the_model_of_each_line_is_judged(gateway: RunningGateway, upstream: Upstream) -> None:
    guards = {"input_guardrails": [{"modelWhitelist": {"models": ["m"]}, "deny": True}]}
    got = upload(gateway, upstream, guards, line("hi"), line("hi", model="other"))
    assert (got.status_code, upstream.received) == (446, [])
    upstream.play(KEPT)
    assert upload(gateway, upstream, guards, line("hi")).status_code == 200


def test_the_type_of_a_batch_is_that_of_the_upload(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(KEPT)
    guards = {"input_guardrails": [{"allowedRequestTypes": {"allowedTypes": ["uploadFile"]}, "deny": True, **DENY}]}
    assert upload(gateway, upstream, guards, line("hi")).status_code == 200


@pytest.mark.parametrize("bad", [b"no JSON", line("hi", "/v1/other"), b"[]"])
@pytest.mark.parametrize("guard", [DENY, REPLACE])
def test_a_line_that_cant_be_read_is_refused(
    gateway: RunningGateway, upstream: Upstream, bad: bytes, guard: dict[str, Any]
) -> None:
    got = upload(gateway, upstream, {"input_guardrails": [guard]}, line("hi"), bad)
    assert (got.status_code, upstream.received) == (400, [])
    assert "line 2" in got.json()["error"]["message"]


@pytest.mark.parametrize("hiding", [b"\xff", b'","n":' + b"1" * 5000 + b',"x":"'])
def test_a_line_that_guards_cant_read_hides_nothing(gateway: RunningGateway, upstream: Upstream, hiding: bytes) -> None:
    bad = line(BAD)
    bad = bad.replace(BAD.encode(), BAD.encode() + hiding)
    got = upload(gateway, upstream, {"input_guardrails": [DENY]}, line("fine"), bad)
    assert (got.status_code, upstream.received) == (400, [])
    assert "line 2" in got.json()["error"]["message"]


def test_a_guard_that_only_marks_lets_pass_what_it_cant_read(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(KEPT)
    marks = {name: value for name, value in DENY.items() if name != "deny"}
    assert upload(gateway, upstream, {"input_guardrails": [marks]}, b"no JSON", line(BAD)).status_code == 200
    gateway.recorded()
    upstream.play(KEPT)
    assert upload(gateway, upstream, {"input_guardrails": [marks]}, line(BAD)).status_code == 200
    [record] = gateway.recorded()
    assert [(each.check, each.verdict) for each in record.guards] == [("default.contains", "failed")]


def test_guards_that_come_with_a_batch_ask_no_number_of_servers(gateway: RunningGateway, upstream: Upstream) -> None:
    hook = {"webhook": {"webhookURL": f"{upstream.url}/hook"}}
    got = upload(gateway, upstream, {"input_guardrails": [hook]}, *[line("hi")] * 10_001)
    assert (got.status_code, upstream.received) == (400, [])
    assert "servers" in got.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "provider", "bad", "good"),
    [
        ("threads", "openai", b'"messages": [{"role": "user", "content": "%b"}]', b'"messages": []'),
        (
            "messages/batches",
            "anthropic",
            b'"requests": [{"params": {"messages": [{"role": "user", "content": "%b"}]}}]',
            b'"requests": []',
        ),
    ],
)
def test_no_member_that_comes_twice_passes(
    gateway: RunningGateway, upstream: Upstream, path: str, provider: str, bad: bytes, good: bytes
) -> None:
    """Readers differ in which of them counts: the provider gets the one that was judged."""
    headers = {**head(upstream, {"input_guardrails": [DENY]}, provider), "content-type": "application/json"}

    def sent(first: bytes, second: bytes) -> int:
        upstream.play(reply(200, b'{"id": "x"}'))
        body = (b"{%b, %b}" % (first, second)).replace(b"%b", BAD.encode())
        return httpx.post(
            f"{gateway.v1}/{path}", content=body, headers=headers, timeout=60, trust_env=False
        ).status_code

    assert (sent(bad, good), BAD.encode() in upstream.last.body) == (200, False)
    assert sent(good, bad) == 446


def test_other_files_pass_and_are_told(gateway: RunningGateway, upstream: Upstream) -> None:
    gateway.recorded()
    upstream.play(KEPT)
    assert upload(gateway, upstream, {"input_guardrails": [DENY]}, BAD.encode(), purpose="user_data").status_code == 200
    [record] = gateway.recorded()
    assert [each.verdict for each in record.guards] == ["unread"]


def test_a_webhook_judges_each_line(gateway: RunningGateway, upstream: Upstream) -> None:
    for verdict in (b"true", b"false"):
        upstream.play(reply(200, b'{"verdict": ' + verdict + b"}"))
    hook = {"webhook": {"webhookURL": f"{upstream.url}/hook"}, "deny": True}
    got = upload(gateway, upstream, {"input_guardrails": [hook]}, line("one"), line("two"))
    assert got.status_code == 446
    assert sorted(each.json["request"]["text"] for each in upstream.received) == ["one", "two"]


@pytest.mark.parametrize(
    ("path", "body", "provider"),
    [
        ("threads", {"messages": [{"role": "user", "content": f"so {BAD}"}]}, "openai"),
        ("threads/t/messages", {"role": "user", "content": [{"type": "text", "text": f"so {BAD}"}]}, "openai"),
        ("threads/runs", {"assistant_id": "a", "thread": {"messages": [{"role": "user", "content": BAD}]}}, "openai"),
        ("conversations/c/items", {"items": [{"type": "message", "role": "user", "content": BAD}]}, "openai"),
        (
            "messages/batches",
            {"requests": [{"custom_id": "1", "params": {"messages": [{"role": "user", "content": BAD}]}}]},
            "anthropic",
        ),
    ],
)
def test_what_is_put_into_a_thread_is_judged_and_changed(
    gateway: RunningGateway, upstream: Upstream, path: str, body: Any, provider: str
) -> None:
    got = send(gateway, upstream, {"input_guardrails": [DENY]}, path, body, provider)
    assert (got.status_code, upstream.received) == (446, [])
    upstream.play(reply(200, b'{"id": "x"}'))
    assert send(gateway, upstream, {"input_mutators": [REPLACE]}, path, body, provider).status_code == 200
    assert upstream.last.json == json.loads(json.dumps(body).replace(BAD, "[gone]"))


def test_instructions_are_seen_by_guards_that_see_all(gateway: RunningGateway, upstream: Upstream) -> None:
    body = {"model": "m", "instructions": f"so {BAD}"}
    sees_all = {"input_guardrails": [{**DENY, "scope": "all"}]}
    assert send(gateway, upstream, sees_all, "assistants", body).status_code == 446


def test_a_batch_in_parts_is_refused(gateway: RunningGateway, upstream: Upstream) -> None:
    body = {"purpose": "batch", "filename": "a.jsonl", "bytes": 9, "mime_type": "text/jsonl"}
    got = send(gateway, upstream, {"input_guardrails": [DENY]}, "uploads", body)
    assert (got.status_code, upstream.received) == (400, [])
    upstream.play(reply(200, b"{}"))
    assert send(gateway, upstream, {}, "uploads", body).status_code == 200

"""What passes as it is: files, batches and the rest of what providers keep, ``/v1/proxy`` and any other path."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from penstock.server.surfaces import SURFACES
from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import Upstream, events, refusing_port, reply, send

KEY = "pk-of-the-passing-0123456789"
FILE = {"id": "file-1", "object": "file", "bytes": 3, "created_at": 1, "filename": "a.jsonl", "purpose": "batch"}


def headers(upstream: Upstream, provider: str = "openai", **more: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {
        "x-portkey-provider": provider,
        "x-portkey-custom-host": f"{upstream.url}/v1",
        "authorization": "Bearer sk-o",
        **named,
    }


def sdk(gateway: RunningGateway, upstream: Upstream) -> openai.OpenAI:
    fields = {key: value for key, value in headers(upstream).items() if key != "authorization"}
    return openai.OpenAI(api_key="sk-o", base_url=gateway.v1, default_headers=fields, max_retries=0, timeout=60)


def as_json(body: Any) -> Any:
    return reply(body=json.dumps(body).encode())


def test_files(gateway: RunningGateway, upstream: Upstream) -> None:
    with sdk(gateway, upstream) as client:
        upstream.play(as_json(FILE))
        assert client.files.create(file=("a.jsonl", b"{}\n"), purpose="batch").id == "file-1"
        assert upstream.last.target == "/v1/files"
        assert upstream.last.headers["content-type"].startswith("multipart/form-data; boundary=")
        assert b'filename="a.jsonl"' in upstream.last.body
        upstream.play(as_json({"object": "list", "data": [FILE], "has_more": False}))
        assert [each.id for each in client.files.list(limit=7)] == ["file-1"]
        assert (upstream.last.method, upstream.last.target) == ("GET", "/v1/files?limit=7")
        assert "content-type" not in upstream.last.headers
        upstream.play(reply(body=b"line\n" * 500_000, content_type="application/octet-stream"))
        assert client.files.content("file-1").content == b"line\n" * 500_000
        upstream.play(as_json({"id": "file-1", "object": "file", "deleted": True}))
        assert client.files.delete("file-1").deleted
        assert (upstream.last.method, upstream.last.target) == ("DELETE", "/v1/files/file-1")


@pytest.mark.parametrize("path", ["files/file-1/content", "proxy/files/file-1/content"])
def test_a_request_for_the_head_alone_goes_on_as_one(path: str, gateway: RunningGateway, upstream: Upstream) -> None:
    """RFC 9110, 9.3.2: the host makes no body, and says how long that of GET would be."""
    url, named = f"{gateway.v1}/{path}", headers(upstream)
    upstream.play(send(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 5000000000\r\netag: x\r\n\r\n"))
    got = httpx.head(url, headers=named, timeout=300, trust_env=False)
    assert (got.status_code, got.content, got.headers["content-length"]) == (200, b"", "5000000000")
    assert (got.headers["content-type"], got.headers["etag"]) == ("image/png", "x")
    assert (upstream.last.method, upstream.last.target) == ("HEAD", "/v1/files/file-1/content")
    upstream.play(send(b"HTTP/1.1 404 No\r\ntransfer-encoding: chunked\r\n\r\n"))
    got = httpx.head(url, headers=named, timeout=300, trust_env=False)
    assert (got.status_code, got.content, "content-length" in got.headers) == (404, b"", False)
    upstream.play(send(b"HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\n"))
    got = httpx.head(url, headers=named, timeout=300, trust_env=False)
    assert (got.status_code, "content-length" in got.headers) == (204, False)
    upstream.play(reply(body=b"a body that nobody may send"))
    assert httpx.head(url, headers=named, timeout=300, trust_env=False).content == b""
    assert httpx.get(url, headers=named, timeout=300, trust_env=False).json()["object"] == "chat.completion"
    assert upstream.last.method == "GET"


def test_a_model_of_the_accounts_own_is_deleted(gateway: RunningGateway, upstream: Upstream) -> None:
    with sdk(gateway, upstream) as client:
        upstream.play(as_json({"id": "ft:gpt:org:x", "object": "model", "deleted": True}))
        assert client.models.delete("ft:gpt:org:x").deleted
        assert (upstream.last.method, upstream.last.target) == ("DELETE", "/v1/models/ft:gpt:org:x")


def test_what_gemini_keeps(gateway: RunningGateway, upstream: Upstream) -> None:
    steps = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start", "x-goog-user-project": "p"}
    named = headers(upstream, "google", x_portkey_custom_host=upstream.url) | steps
    upstream.play(reply(body=b"{}", x_goog_upload_url="https://host/upload"))
    got = httpx.post(
        f"{gateway.url}/upload/v1beta/files", headers=named, json={"file": {}}, timeout=60, trust_env=False
    )
    assert got.headers["x-goog-upload-url"] == "https://host/upload"
    sent = upstream.last
    assert (sent.target, sent.headers["x-goog-upload-command"]) == ("/upload/v1beta/files", "start")
    assert (sent.headers["x-goog-api-key"], "x-goog-user-project" in sent.headers) == ("sk-o", False)
    upstream.play(reply(body=b'{"files":[]}'))
    assert httpx.get(f"{gateway.url}/v1beta/files", headers=named, timeout=300, trust_env=False).json() == {"files": []}
    assert upstream.last.target == "/v1beta/files"


@pytest.mark.parametrize("path", ["realtime/client_secrets", "realtime/sessions", "realtime/transcription_sessions"])
def test_what_opens_a_session_is_asked_at_its_own_path(path: str, gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(as_json({"value": "ek_1"}))
    got = httpx.post(f"{gateway.v1}/{path}", headers=headers(upstream), json={}, timeout=300, trust_env=False)
    assert got.json() == {"value": "ek_1"}
    assert upstream.last.target == f"/v1/{path}"


def test_batches_and_the_rest(gateway: RunningGateway, upstream: Upstream) -> None:
    with sdk(gateway, upstream) as client:
        upstream.play(as_json({"id": "batch_1", "object": "batch"}))
        assert client.batches.create(
            input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h"
        ).id == "batch_1"  # fmt: skip
        upstream.play(as_json({"id": "batch_1", "object": "batch"}))
        client.batches.cancel("batch_1")
        assert upstream.last.target == "/v1/batches/batch_1/cancel"
        upstream.play(as_json({"id": "ftjob-1", "object": "fine_tuning.job"}))
        client.fine_tuning.jobs.create(model="gpt-4o-mini", training_file="file-1")
        assert upstream.last.json == {"model": "gpt-4o-mini", "training_file": "file-1"}
        upstream.play(as_json({"id": "vs_1", "object": "vector_store"}))
        client.vector_stores.create(name="v")
        assert upstream.last.headers["openai-beta"] == "assistants=v2"
        upstream.play(as_json({"object": "list", "data": []}))
        client.chat.completions.list()
        assert upstream.last.target == "/v1/chat/completions"


def test_results_of_anthropics_batches_are_asked_for_at_the_gateway(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    anthropic = pytest.importorskip("anthropic")
    own = {"x-portkey-provider": "anthropic", "x-portkey-custom-host": f"{upstream.url}/v1"}
    client = anthropic.Anthropic(base_url=gateway.url, api_key="k", max_retries=0, default_headers=own)
    path = "/v1/messages/batches/msgbatch_1"
    batch = {
        "id": "msgbatch_1",
        "processing_status": "ended",
        "results_url": f"https://api.anthropic.com{path}/results",
    }
    upstream.play(reply(body=json.dumps(batch).encode()))
    upstream.play(reply(body=b'{"custom_id":"a","result":{"type":"expired"}}\n', content_type="application/x-jsonl"))
    with client:
        assert [each.custom_id for each in client.messages.batches.results("msgbatch_1")] == ["a"]
    assert [each.target for each in upstream.received[-2:]] == [path, f"{path}/results"]


def test_headers_and_bytes_pass(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(201, b"\x00\xff", "application/x-thing", x_thing="1", set_cookie="a=b", etag='"7"'))
    sent = headers(
        upstream, cookie="secret", x_forwarded_for="1.2.3.4", x_custom="kept", content_type="application/x-mine"
    )
    answered = httpx.put(f"{gateway.v1}/proxy/a/b%20c?x=1&key=hidden", content=b"\x01\x02", headers=sent, timeout=300)
    assert (answered.status_code, answered.content) == (201, b"\x00\xff")
    assert answered.headers["content-type"] == "application/x-thing"
    assert (answered.headers["x-thing"], answered.headers["etag"]) == ("1", '"7"')
    assert "set-cookie" not in answered.headers
    got = upstream.last
    assert (got.method, got.target, got.body) == ("PUT", "/v1/a/b%20c?x=1", b"\x01\x02")
    assert (got.headers["x-custom"], got.headers["content-type"]) == ("kept", "application/x-mine")
    assert got.headers["authorization"] == "Bearer sk-o"
    assert not got.headers.keys() & {"cookie", "x-forwarded-for", "x-portkey-provider", "x-portkey-custom-host"}


@pytest.mark.parametrize(
    "path",
    ["/v1/proxy/a%2Fb/c", "/v1/unheard/of%2fall%3Bx", "/v1/files/gs%3A%2Fb%2Fname", "/@openai/v1/proxy/%41%2B%2525"],
)
def test_a_path_goes_out_as_it_came(path: str, gateway: RunningGateway, upstream: Upstream) -> None:
    """A name's own slash among them: decoded, it would be another path."""
    upstream.play(reply(body=b"{}"))
    assert httpx.get(f"{gateway.url}{path}", headers=headers(upstream), timeout=300, trust_env=False).status_code == 200
    assert upstream.last.target == path.removeprefix("/@openai").replace("/proxy", "")


def test_errors_pass_untouched(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(418, b'{"odd": "words"}'))
    answered = httpx.post(f"{gateway.v1}/unheard-of", json={"a": 1}, headers=headers(upstream), timeout=300)
    assert (answered.status_code, answered.content) == (418, b'{"odd": "words"}')
    assert answered.headers["x-portkey-provider"] == "openai"


@pytest.mark.parametrize("path", ["files/file-1/content", "proxy/x"])
def test_what_the_caller_has_already_is_not_sent_again(path: str, gateway: RunningGateway, upstream: Upstream) -> None:
    """304 is no redirect, and no reason to ask another target. Its length is that of what isn't sent."""
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", "retry": {"attempts": 2}}
    config = {"strategy": {"mode": "fallback"}, "targets": [target, target]}
    fields = {"x-portkey-config": json.dumps(config), "if-none-match": '"7"'}
    upstream.play(send(b'HTTP/1.1 304 Not Modified\r\netag: "7"\r\ncontent-length: 55\r\n\r\n'))
    got = httpx.get(f"{gateway.v1}/{path}", headers=fields, timeout=300, trust_env=False)
    assert (got.status_code, got.headers["etag"], got.content) == (304, '"7"', b"")
    assert "content-length" not in got.headers
    assert (len(upstream.received), upstream.last.headers["if-none-match"]) == (1, '"7"')
    upstream.play(send(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 0\r\n\r\n"))
    chat = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    asked = httpx.post(f"{gateway.v1}/chat/completions", json=chat, headers=headers(upstream), timeout=300)
    assert asked.status_code == 502


def test_an_answer_without_content_has_no_length(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(send(b"HTTP/1.1 204 No Content\r\n\r\n"))
    got = httpx.delete(f"{gateway.v1}/files/file-1", headers=headers(upstream), timeout=300, trust_env=False)
    assert (got.status_code, got.content, "content-length" in got.headers) == (204, b"", False)


def test_streams_pass(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(b"data: 1\n\n", b"data: 2\n\n"))
    answered = httpx.post(f"{gateway.v1}/proxy/stream", json={"stream": True}, headers=headers(upstream), timeout=300)
    assert answered.text == "data: 1\n\ndata: 2\n\n"
    assert answered.headers["content-type"] == "text/event-stream"


def test_a_body_of_json_is_changed_by_a_config_and_by_nothing_else(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(as_json({}))
    httpx.post(
        f"{gateway.v1}/proxy/x",
        content=b'{ "a":1.0 }',
        headers=headers(upstream, content_type="application/json"),
        timeout=300,
    )
    assert upstream.last.body == b'{ "a":1.0 }'
    config = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", "override_params": {"b": 2}}
    upstream.play(as_json({}))
    httpx.post(f"{gateway.v1}/proxy/x", json={"a": 1}, headers={"x-portkey-config": json.dumps(config)}, timeout=300)
    assert upstream.last.json == {"a": 1, "b": 2}


def test_usage_is_read_where_it_is_told(gateway: RunningGateway, upstream: Upstream) -> None:
    gateway.recorded()
    upstream.play(as_json({"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}))
    httpx.post(f"{gateway.v1}/proxy/x", json={"model": "m"}, headers=headers(upstream), timeout=300)
    record = [each for each in gateway.recorded() if each.operation == "proxy"][-1]
    assert record.usage is not None
    assert (record.usage.prompt, record.usage.completion, record.model) == (3, 4, "m")


def test_a_provider_that_keeps_nothing_says_so(gateway: RunningGateway, upstream: Upstream) -> None:
    answered = httpx.get(f"{gateway.v1}/files", headers=headers(upstream, "cerebras"), timeout=300)
    assert answered.status_code == 400
    assert "files is not supported by cerebras" in answered.json()["error"]["message"]
    assert not upstream.received


def test_what_is_kept_is_at_one_of_several_targets(gateway: RunningGateway, upstream: Upstream) -> None:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", "retry": {"attempts": 3}}
    config = {"strategy": {"mode": "fallback"}, "targets": [target, {**target, "api_key": "another"}]}
    fields = {"x-portkey-config": json.dumps(config)}
    answered = httpx.get(f"{gateway.v1}/files/file-1", headers=fields, timeout=300)
    assert answered.status_code == 400
    assert "2 targets" in answered.json()["error"]["message"]
    assert not upstream.received
    upstream.play(reply(500, b"{}"))
    assert httpx.post(f"{gateway.v1}/batches", json={"x": 1}, headers=fields, timeout=300).status_code == 500
    assert len(upstream.received) == 1
    with refusing_port() as port:
        away = {**target, "custom_host": f"http://127.0.0.1:{port}/v1", "retry": {"attempts": 1}}
        fields = {"x-portkey-config": json.dumps({"targets": [away]})}
        refused = httpx.post(f"{gateway.v1}/batches", json={"x": 1}, headers=fields, timeout=300)
    assert refused.headers["x-penstock-trace"].count("connection_refused") == 2, "nothing was sent: safe to try again"
    same = {"x-portkey-config": json.dumps({**config, "targets": [target, target]})}
    upstream.play(as_json(FILE))
    assert httpx.get(f"{gateway.v1}/files/file-1", headers=same, timeout=300).json() == FILE


@pytest.mark.parametrize(
    "path",
    [
        "/v1/a/%2e%2e/b",
        "/v1/proxy/%2e%2e/x",
        "/v1/proxy/a/%2e%2e/%2e%2e/x",
        "/v1/proxy/a//b",
        "/v1/proxy/a/..;/b",
        "/v1/files/..%5cb",
        "/v1/proxy/%252e%252e/b",
        "/v1/b/%252e%252e%252fc",
    ],
)
def test_no_path_leaves_the_base_url(gateway: RunningGateway, upstream: Upstream, path: str) -> None:
    url = httpx.URL(gateway.url).copy_with(raw_path=path.encode())
    answered = httpx.get(url, headers=headers(upstream), timeout=300)
    assert answered.status_code == 404, answered.text
    assert not upstream.received


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    path = tmp_path_factory.mktemp("passing") / "penstock.toml"
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    path.write_text(f'[keys.a]\nhash = "sha256:{digest}"\nmodels = ["gpt-4o*"]\nproviders = ["openai"]\n')
    settings = load({}, {"PENSTOCK_CONFIG": str(path), "PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent"))
    with running_gateway(settings, path) as gateway:
        yield gateway


EVERY = sorted({(each.method, each.path) for each in SURFACES.surfaces} | {("PATCH", "/v1/anything/at/all")})


@pytest.mark.parametrize(("method", "path"), EVERY)
def test_every_route_wants_a_key(guarded: RunningGateway, method: str, path: str) -> None:
    for prefix in ("", "/@openai"):
        url = f"{guarded.url}{prefix}{path.replace('{', '').replace('}', '')}"
        fields = {"x-portkey-provider": "echo", "authorization": "Bearer sk-of-somebody"}
        assert httpx.request(method, url, headers=fields, timeout=300).status_code == 401


def test_no_gateway_key_reaches_a_provider_wherever_it_stands(tmp_path: Path, upstream: Upstream) -> None:
    path, other = tmp_path / "penstock.toml", "pk-of-another-0123456789"
    lines = [f'[keys.{name}]\nhash = "sha256:{hashlib.sha256(text.encode()).hexdigest()}"\nhosts = ["127.0.0.1"]\n'
             for name, text in (("a", KEY), ("b", other))]  # fmt: skip
    path.write_text("".join(lines))
    environment = {"PENSTOCK_CONFIG": str(path), "PENSTOCK_ACCESS_LOG": "false", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}
    with running_gateway(load({}, environment, Path("/nonexistent")), path) as gateway:
        upstream.play(as_json({}))
        sent = headers(
            upstream, x_portkey_api_key=KEY, x_mine=KEY, x_token=f"Bearer {other}", x_list=f"a, {other}", api_key=other
        )
        query = f"a=1&token={other}&t=Bearer+{KEY}&x;key=1&API_KEY=2&b%3Bkey=3&c=4"
        answered = httpx.get(f"{gateway.v1}/files?{query}", headers=sent, timeout=300)
        assert answered.status_code == 200, answered.text
        got = upstream.last
        assert got.target == "/v1/files?a=1&c=4"
        assert not [name for name, value in got.headers.items() if KEY in value or other in value]


def test_a_key_with_a_list_of_models_changes_nothing_unseen(guarded: RunningGateway) -> None:
    fields = {"x-portkey-provider": "openai", "x-portkey-api-key": KEY, "authorization": "Bearer sk-o"}
    for path in ("/v1/proxy/chat/completions", "/v1/files", "/v1/whatever"):
        answered = httpx.post(f"{guarded.url}{path}", json={"model": "o3"}, headers=fields, timeout=300)
        assert answered.status_code == 403, answered.text
        assert "certain models only" in answered.json()["error"]["message"]


def test_a_key_with_a_list_of_providers_and_an_address_that_is_refused(guarded: RunningGateway) -> None:
    fields = {"x-portkey-api-key": KEY, "authorization": "Bearer sk-o"}
    answered = httpx.get(f"{guarded.url}/v1/proxy/x", headers={**fields, "x-portkey-provider": "groq"}, timeout=300)
    assert answered.status_code == 403
    private = {**fields, "x-portkey-provider": "openai", "x-portkey-custom-host": "http://169.254.169.254"}
    assert httpx.get(f"{guarded.url}/v1/proxy/x", headers=private, timeout=300).status_code == 400


@pytest.mark.parametrize("path", ["/v1/scim/users", "/v1/policies", "/v1/labels", "/v1/api-keys", "/v1/v1/files"])
def test_paths_of_the_admin_api_never_reach_a_provider(gateway: RunningGateway, upstream: Upstream, path: str) -> None:
    assert httpx.get(f"{gateway.url}{path}", headers=headers(upstream), timeout=300).status_code >= 400
    assert not upstream.received


def test_ids_say_which_target_has_the_thing(upstream: Upstream) -> None:
    environment = {"PENSTOCK_IDS_SECRET": "of the tests", "PENSTOCK_ACCESS_LOG": "false"}
    target = {"provider": "openai", "api_key": "k-1", "custom_host": f"{upstream.url}/v1"}
    config = {"strategy": {"mode": "fallback"}, "targets": [{**target, "api_key": "k-0"}, target]}
    turned = {"strategy": {"mode": "fallback"}, "targets": config["targets"][::-1]}  # type: ignore[index]
    with (
        running_gateway(load({}, environment, Path("/nonexistent"))) as gateway,
        httpx.Client(base_url=gateway.v1, timeout=300) as client,
    ):
        upstream.play(as_json(FILE))
        made = client.post("/files", json={"x": 1}, headers={"x-portkey-config": json.dumps(config)}).json()["id"]
        assert upstream.last.headers["authorization"] == "Bearer k-0"
        assert made.startswith("file_pk_")
        upstream.play(as_json(FILE))
        got = client.get(f"/files/{made}", headers={"x-portkey-config": json.dumps(turned)})
        assert got.json()["id"] == made
        assert (upstream.last.target, upstream.last.headers["authorization"]) == ("/v1/files/file-1", "Bearer k-0")
        upstream.play(reply(body=b"lines", content_type="application/octet-stream"))
        read = client.get(f"/files/{made}/content", headers={"x-portkey-config": json.dumps(config)})
        assert (read.content, upstream.last.target) == (b"lines", "/v1/files/file-1/content")

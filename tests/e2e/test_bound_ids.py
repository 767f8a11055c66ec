"""Ids of what hosts keep lead back to their account, however it was chosen."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import Upstream, reply

RESPONSE = b'{"id":"resp_1","object":"response","status":"completed","output":[]}'
KEYS = {"plain": "pk-of-a-plain-key-0123456789", "configured": "pk-of-a-key-with-a-config-0123456789"}
KEYS |= {"others": "pk-of-anothers-key-with-it-0123456789"}

_FILE = """
[virtual_keys.chat]
provider = "openai"
credential = "file:{secret}"
base_url = "{url}/v1"

[virtual_keys.other]
provider = "openai"
credential = "file:{secret}"
base_url = "{url}/other/v1"

[configs.main]
strategy = {{ mode = "fallback" }}
targets = [{{ virtual_key = "other" }}, {{ virtual_key = "chat" }}]

[models."fast"]
target = "@chat"

[models."best"]
config = "main"

[keys.plain]
hash = "sha256:{plain}"

[keys.configured]
hash = "sha256:{configured}"
config = "main"

[keys.others]
hash = "sha256:{others}"
config = "main"
"""


@contextlib.contextmanager
def serving(
    folder: Path, upstream: Upstream, config: str = "main", provider: str = "openai", **environment: str
) -> Iterator[RunningGateway]:
    """A gateway with a data folder of its own, no secret from the operator, and a ``config`` of this name."""
    secret, path = folder / "credential", folder / "penstock.toml"
    secret.write_text("sk-o")
    digests = {name: hashlib.sha256(key.encode()).hexdigest() for name, key in KEYS.items()}
    text = _FILE.format(secret=secret, url=upstream.url, **digests)
    text = text.replace('"openai"', f'"{provider}"')
    if provider == "google":
        text = text.replace('/v1"', '"')
    path.write_text(text.replace("[configs.main]", f"[configs.{config}]").replace('"main"', f'"{config}"'))
    for each in (secret, path):
        each.chmod(0o600)
    chosen = {f"PENSTOCK_{name}": value for name, value in environment.items()}
    chosen |= {"PENSTOCK_STORE_DATA_DIR": str(folder / "data"), "PENSTOCK_ACCESS_LOG": "false"}
    chosen |= {"PENSTOCK_SECURITY_TRUSTED_HOSTS": "127.0.0.1"}
    with running_gateway(load({}, chosen, Path("/nonexistent")), path) as running:
        yield running


def asked(
    gateway: RunningGateway, upstream: Upstream, method: str, path: str, key: str = "plain", body: Any = None
) -> httpx.Response:
    upstream.play(reply(body=RESPONSE))
    fields = {"authorization": f"Bearer {KEYS[key]}"}
    return httpx.request(method, f"{gateway.v1}{path}", json=body, headers=fields, timeout=300, trust_env=False)


@pytest.mark.parametrize(
    ("model", "key", "start"),
    [
        ("@chat/gpt-5", "plain", "/v1"),
        ("fast", "plain", "/v1"),
        ("best", "plain", "/other/v1"),
        ("@chat/gpt-5", "configured", "/v1"),
        ("gpt-5", "configured", "/other/v1"),
        ("gpt-5", "others", "/other/v1"),
    ],
)
def test_a_response_is_asked_for_by_its_id_alone(
    model: str, key: str, start: str, tmp_path: Path, upstream: Upstream
) -> None:
    with serving(tmp_path, upstream) as gateway:
        name = asked(gateway, upstream, "POST", "/responses", key, {"model": model, "input": "Hi"}).json()["id"]
        assert upstream.last.target == f"{start}/responses"
        for method, more in (("GET", ""), ("GET", "/input_items"), ("POST", "/cancel"), ("DELETE", "")):
            answered = asked(gateway, upstream, method, f"/responses/{name}{more}", key)
            assert answered.status_code == 200, answered.text
            assert answered.json()["id"] == name or more == "/input_items"
            assert upstream.last.target == f"{start}/responses/resp_1{more}"
        for next_model in (model, "gpt-5-mini"):
            body = {"model": next_model, "input": "And?", "previous_response_id": name}
            assert asked(gateway, upstream, "POST", "/responses", key, body).json()["id"] == name
            assert upstream.last.target == f"{start}/responses"
            assert json.loads(upstream.last.body)["previous_response_id"] == "resp_1"
    with serving(tmp_path, upstream) as again:
        assert asked(again, upstream, "GET", f"/responses/{name}", key).status_code == 200
        foreign = asked(again, upstream, "GET", f"/responses/{name}", "others" if key == "plain" else "plain")
        assert (foreign.status_code, foreign.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("depth", [100, 300, 500, 700, 900])
def test_a_deep_member_with_an_id(depth: int, tmp_path: Path, upstream: Upstream) -> None:
    with serving(tmp_path, upstream) as gateway:
        name = asked(gateway, upstream, "POST", "/responses", body={"model": "fast", "input": "Hi"}).json()["id"]
        deep = b"[" * depth + b"]" * depth
        body = b'{"model": "fast", "input": "Hi", "x": {"file_id": "%b", "y": %b}}' % (name.encode(), deep)
        fields = {"authorization": f"Bearer {KEYS['plain']}", "content-type": "application/json"}
        upstream.play(reply(body=RESPONSE))
        got = httpx.post(f"{gateway.v1}/responses", content=body, headers=fields, timeout=300, trust_env=False)
        assert (got.status_code, b'"file_id":"resp_1"' in upstream.last.body) == (200, True)


def test_a_model_that_names_another_account(tmp_path: Path, upstream: Upstream) -> None:
    with serving(tmp_path, upstream) as gateway:
        name = asked(gateway, upstream, "POST", "/responses", body={"model": "fast", "input": "Hi"}).json()["id"]
        body = {"model": "@other/gpt-5", "input": "And?", "previous_response_id": name}
        refused = asked(gateway, upstream, "POST", "/responses", body=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "target_gone")


def test_files_and_jobs_of_several_accounts(tmp_path: Path, upstream: Upstream) -> None:
    with serving(tmp_path, upstream) as gateway:
        file = asked(gateway, upstream, "POST", "/fine_tuning/jobs", body={"model": "@chat/gpt-5", "n": 1}).json()["id"]
        assert upstream.last.target == "/v1/fine_tuning/jobs"
        for method, path in (("GET", f"/fine_tuning/jobs/{file}"), ("POST", f"/fine_tuning/jobs/{file}/cancel")):
            assert asked(gateway, upstream, method, path).status_code == 200
            assert upstream.last.target == f"/v1{path.replace(file, 'resp_1')}"
        batch = asked(gateway, upstream, "POST", "/batches", body={"input_file_id": file})
        assert batch.status_code == 200
        assert (upstream.last.target, json.loads(upstream.last.body)) == ("/v1/batches", {"input_file_id": "resp_1"})
        assert asked(gateway, upstream, "GET", f"/batches/{batch.json()['id']}").status_code == 200
        assert upstream.last.target == "/v1/batches/resp_1"


def google(gateway: RunningGateway, upstream: Upstream, method: str, path: str, answer: Any, body: Any = None) -> Any:
    """The reply to a request for what the Gemini API keeps, of a key whose config has two accounts."""
    upstream.play(reply(body=json.dumps(answer).encode()))
    fields = {"x-goog-api-key": KEYS["others"]}
    got = httpx.request(method, gateway.url + path, json=body, headers=fields, timeout=300, trust_env=False)
    assert got.status_code == 200, got.text
    return got.json()


def test_batches_files_and_caches_of_gemini(tmp_path: Path, upstream: Upstream) -> None:
    """What is kept has a name with its id in it; a request that names it goes to the account that has it."""
    with serving(tmp_path, upstream, provider="google") as gateway:
        model = "/v1beta/models/gemini-3"
        file = google(gateway, upstream, "POST", "/v1beta/files", {"file": {"name": "files/abc-1"}})["file"]["name"]
        assert file.startswith("files/abc_pk_")
        asked_for = {"batch": {"input_config": {"file_name": file}}}
        made = {"name": "batches/b1c2", "metadata": {"name": "batches/b1c2", "model": "models/gemini-3"}}
        told = google(gateway, upstream, "POST", f"{model}:batchGenerateContent", made, asked_for)
        assert json.loads(upstream.last.body) == {"batch": {"input_config": {"file_name": "files/abc-1"}}}
        batch, account = told["name"], upstream.last.target.partition("/v1beta/")[0]
        assert batch.startswith("batches/b_pk_")
        assert told["metadata"] == {"name": batch, "model": "models/gemini-3"}
        for method, verb in (("GET", ""), ("POST", ":cancel"), ("DELETE", "")):
            assert google(gateway, upstream, method, f"/v1beta/{batch}{verb}", made)["name"] == batch
            assert upstream.last.target == f"{account}/v1beta/batches/b1c2{verb}"
        for version in ("v1", "v1beta"):
            made = {"name": "cachedContents/c1d2"}
            cache = google(gateway, upstream, "POST", f"/{version}/cachedContents", made, {})["name"]
            assert upstream.last.target.endswith("/v1beta/cachedContents")
            assert google(gateway, upstream, "GET", f"/{version}/{cache}", made)["name"] == cache
            assert upstream.last.target.endswith("/v1beta/cachedContents/c1d2")
        said = {"contents": [{"parts": [{"text": "Hi"}]}], "cachedContent": cache}
        answer = {
            "candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
            "name": "batches/raw",
        }
        assert google(gateway, upstream, "POST", f"{model}:generateContent", answer, said) == answer
        assert upstream.last.target == f"{account}{model}:generateContent"
        assert json.loads(upstream.last.body)["cachedContent"] == "cachedContents/c1d2"
        foreign = httpx.get(
            f"{gateway.url}/v1beta/{batch}", headers={"x-goog-api-key": KEYS["configured"]}, timeout=60, trust_env=False
        )
        assert foreign.status_code == 404


def test_a_text_that_looks_like_a_bound_name(tmp_path: Path, upstream: Upstream) -> None:
    with serving(tmp_path, upstream, provider="google") as gateway:
        said = {"contents": [{"parts": [{"text": "about files/abc_pk_x and file_pk_y"}]}]}
        answer = {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}
        path = "/v1beta/models/gemini-3:generateContent"
        assert google(gateway, upstream, "POST", path, answer, said) == answer
        assert json.loads(upstream.last.body) == said


def test_what_is_the_callers_own_stays(tmp_path: Path, upstream: Upstream) -> None:
    """What it notes of a thing, also where it looks like an id or a bound one; and the bytes of files."""
    own = {"customer_id": "cust-123", "row_id": "users_pk_12"}
    with serving(tmp_path, upstream) as gateway:
        upstream.play(reply(body=json.dumps({"id": "batch_1", "metadata": own}).encode()))
        fields = {"authorization": f"Bearer {KEYS['configured']}"}
        with httpx.Client(base_url=gateway.v1, headers=fields, timeout=300, trust_env=False) as client:
            made = client.post("/batches", json={"input_file_id": "file-1", "metadata": own}).json()
            assert (made["id"][:9], made["metadata"]) == ("batch_pk_", own)
            assert json.loads(upstream.last.body)["metadata"] == own
            for size in (1, 1 << 20):
                file = b'{ "id": "row-77", "user_id": "ann-1", "n": 1.0, "x": "%b" }' % (b"x" * size)
                upstream.play(reply(body=file))
                assert client.get(f"/batches/{made['id']}/output").content == file


def test_a_name_that_is_gone(tmp_path: Path, upstream: Upstream) -> None:
    with serving(tmp_path, upstream) as gateway:
        name = asked(gateway, upstream, "POST", "/responses", body={"model": "best", "input": "Hi"}).json()["id"]
    received = len(upstream.received)
    with serving(tmp_path, upstream, "renamed") as gateway:
        gone = asked(gateway, upstream, "GET", f"/responses/{name}")
        assert (gone.status_code, gone.json()["error"]["code"]) == (409, "target_gone")
    assert len(upstream.received) == received


def test_ids_pass_as_they_are_where_the_operator_wants_it(tmp_path: Path, upstream: Upstream) -> None:
    with serving(tmp_path, upstream, IDS_BOUND="false") as gateway:
        made = asked(gateway, upstream, "POST", "/responses", body={"model": "@chat/gpt-5", "input": "Hi"})
        assert made.content == RESPONSE
        refused = asked(gateway, upstream, "GET", "/responses/resp_1")
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "missing_provider")


def chat(file: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": file}}]}]}


def message(file: str) -> dict[str, Any]:
    document = {"type": "document", "source": {"type": "file", "file_id": file}}
    return {"max_tokens": 9, "messages": [{"role": "user", "content": [document]}]}


@pytest.mark.parametrize(
    ("provider", "path", "body"), [("openai", "/chat/completions", chat), ("anthropic", "/messages", message)]
)
@pytest.mark.parametrize(("key", "model"), [("configured", "m"), ("others", "best"), ("plain", "@chat/m")])
def test_a_chat_goes_to_the_account_that_has_its_file(
    provider: str,
    path: str,
    body: Callable[[str], dict[str, Any]],
    key: str,
    model: str,
    tmp_path: Path,
    upstream: Upstream,
) -> None:
    with serving(tmp_path, upstream, provider=provider) as gateway:
        name = asked(gateway, upstream, "POST", "/files", key, {"model": "@chat/m"}).json()["id"]
        assert name != "resp_1"
        asked(gateway, upstream, "POST", path, key, {"model": model, **body(name)})
        assert upstream.last.target == f"/v1{path}"
        assert json.loads(upstream.last.body)["messages"] == body("resp_1")["messages"]


def test_a_file_of_another_tenant_or_account_is_not_asked_for(tmp_path: Path, upstream: Upstream) -> None:
    with serving(tmp_path, upstream) as gateway:
        name = asked(gateway, upstream, "POST", "/fine_tuning/jobs", body={"model": "@chat/gpt-5"}).json()["id"]
        foreign = asked(gateway, upstream, "POST", "/chat/completions", "others", {"model": "gpt-5", **chat(name)})
        apart = asked(gateway, upstream, "POST", "/chat/completions", body={"model": "@other/gpt-5", **chat(name)})
        assert [(each.status_code, each.json()["error"]["code"]) for each in (foreign, apart)] == [
            (404, "not_found"),
            (409, "target_gone"),
        ]
        assert upstream.last.target == "/v1/fine_tuning/jobs"


def test_a_chat_about_bound_ids_stays_as_it_is(tmp_path: Path, upstream: Upstream) -> None:
    with serving(tmp_path, upstream) as gateway:
        name = asked(gateway, upstream, "POST", "/fine_tuning/jobs", body={"model": "@chat/gpt-5"}).json()["id"]
        about = {"model": "gpt-5", "messages": [{"role": "user", "content": f"What is {name}?"}], "user": name}
        asked(gateway, upstream, "POST", "/chat/completions", "others", about)
        assert json.loads(upstream.last.body) == about

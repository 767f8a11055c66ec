"""Paths in odd spellings: none is a way around the gateway key, and none is served as something else than it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.settings import load
from raw_caller import BODY, Caller
from running import RunningGateway, running_gateway

KEY = "pk-of-a-path-0123456789"
TRICKS = [
    "//v1/chat/completions", "/v1//chat/completions", "/v1/chat//completions", "/v1/chat/completions/", "/V1/chat/completions",
    "/v1/Chat/Completions", "/v1/chat/completions;x", "/v1/chat;x/completions", "/./v1/chat/completions",
    "/v1/./chat/completions", "/health/../v1/chat/completions", "/v1/models/../chat/completions", "/v1/chat/completions/..",
    "/v1/chat/completions/.", "/v1\\chat\\completions", "/\\v1/chat/completions", "/v1/chat/completions%00",
    "/v1/chat/completions%20", "/v1/chat/completions%0a", "/v1/chat/completions%3f", "/v1/chat/completions%23", "/v1%2fchat%2fcompletions",
    "/v1%2Fchat/completions", "/%2fv1/chat/completions", "/v1/chat/%2e/completions", "/v1/x/%2e%2e/chat/completions",
    "/v1/chat/completions%2f", "/%76%31/chat/completions", "/v1/chat/%63ompletions", "/v1/chat/complet%69ons",
    "/v1/chat/%2563ompletions", "/v1/chat/completions%252f", "/v1/chat/completion", "/chat/completions", "/v1/chat/completions.json",
    "/v1/chat/%ff%fe", "/v1/chat/%c0%ae%c0%ae/completions", "/health/v1/chat/completions", "/health;/v1/chat/completions",
    "/v1/chat/completions/health", "/v1/chat/completions?/health", "/v1/chat/completions?a=/health#x", "/v1/messages/", "/v1/%6dessages",
    "/v1/%6dodels", "/v1/models/", "/v1/models/%2e%2e", "/v1/models/..%2f..%2fhealth", "/v1/models//", "/v1/explain/", "/v1/%65xplain",
    "/v1/embeddings?x", "/v1/embeddings/", "http://localhost/v1/chat/completions", "http://other.example/v1/chat/completions",
    "https://localhost/v1/models", "http://localhost//v1/models", "//localhost/v1/models", "http://localhost/health/../v1/models",
    "http://localhost:1/v1/%6dodels", "ftp://localhost/v1/models", "http:/v1/models",
]  # fmt: skip
SERVED = {
    "/%76%31/chat/completions", "/v1/chat/%63ompletions", "/v1/chat/complet%69ons", "/v1%2fchat%2fcompletions", "/v1%2Fchat/completions",
    "/v1/%6dessages", "/v1/chat/completions?/health", "/v1/chat/completions?a=/health#x", "http://localhost/v1/chat/completions",
    "http://other.example/v1/chat/completions",
    # Slips of a base URL.
    "//v1/chat/completions", "/v1//chat/completions", "/v1/chat//completions", "/v1/chat/completions/", "/%2fv1/chat/completions",
    "/v1/chat/completions%2f", "/chat/completions", "/v1/messages/",
}  # fmt: skip
"""What a key opens: the path itself, decoded once (RFC 3986, 6.2.2.2), with a query or in absolute form; and what is
forgiven (docs/endpoints.md#paths)."""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    path = tmp_path_factory.mktemp("paths") / "penstock.toml"
    path.write_text(f'[keys.a]\nhash = "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"\n')
    with running_gateway(
        load({}, {"PENSTOCK_CONFIG": str(path), "PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent")), path
    ) as gateway:
        yield gateway


def head(method: str, path: str, more: bytes = b"") -> bytes:
    fields = b"host: localhost\r\ncontent-type: application/json\r\nx-portkey-provider: echo\r\n"
    return b"%b %b HTTP/1.1\r\n%b%b" % (method.encode(), path.encode("latin-1"), fields, more)


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("path", TRICKS)
def test_no_spelling_of_a_path_goes_around_the_key(path: str, method: str, guarded: RunningGateway) -> None:
    """Without a key the answer is a 401, or says that there is no such path, method or request."""
    with Caller(guarded) as caller:
        caller.send(head(method, path, b"content-length: %d\r\n\r\n" % len(BODY)) + BODY)
        status, fields, body = caller.responses(1)[0]
    assert status in {400, 401, 404, 405}, body
    assert fields["x-content-type-options"] == "nosniff"
    assert json.loads(body)["error"]["message"]


@pytest.mark.parametrize("path", TRICKS)
def test_a_spelling_that_is_served_is_the_path_itself(path: str, guarded: RunningGateway) -> None:
    key = b"x-portkey-api-key: %b\r\n" % KEY.encode()
    body = json.dumps({"model": "echo", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}).encode()
    with Caller(guarded) as caller:
        caller.send(head("POST", path, key + b"content-length: %d\r\n\r\n" % len(body)) + body)
        status = caller.responses(1)[0][0]
    assert status == 200 if path in SERVED else status in {400, 404, 405}


@pytest.mark.parametrize(
    "path", ["/health/", "//health", "/HEALTH", "/%68ealth/x", "/health/../ready", "/health%00", "/health;x"]
)
def test_pages_have_one_spelling(path: str, guarded: RunningGateway) -> None:
    with Caller(guarded) as caller:
        caller.send(head("GET", path, b"\r\n"))
        assert caller.responses(1)[0][0] in {400, 404}

"""Credentials show nowhere: no answer, header, trace, explanation, log line or message holds any, at any log level."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from credentials import OCI, PRIVATE, pem
from upstream import Upstream, refusing_port, reply

LEVELS = ["critical", "error", "warning", "info", "debug"]
CANARY = "CANARY"
SERVE = """
import os, pathlib, socket, sys
from penstock.app.root import build
from penstock.server.serve import serve
from penstock.settings import load
settings = load({}, os.environ, pathlib.Path("/nonexistent"))
with socket.create_server(("127.0.0.1", 0)) as sock:
    with open(int(sys.argv[1]), "w") as port:
        print(sock.getsockname()[1], file=port)
    serve(build(settings), settings, sock)
"""
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
BEDROCK = {**CHAT, "model": "anthropic.claude-3-haiku-20240307-v1:0"}


@contextmanager
def served(level: str, folder: Path) -> Iterator[str]:
    """A gateway in a process of its own, all that it says in ``out`` and ``err``; its base URL."""
    env = {**os.environ, "PENSTOCK_LOG_LEVEL": level, "PYTHONPATH": os.pathsep.join(sys.path)}
    env |= {"PENSTOCK_PROVIDERS_ENV_KEYS": "true", "GROQ_API_KEY": f"{CANARY}-ENV"}
    reading, writing = os.pipe()
    with (
        (folder / "out").open("wb") as stdout,
        (folder / "err").open("wb") as stderr,
        os.fdopen(reading) as port,
        os.fdopen(writing) as theirs,
        subprocess.Popen(
            [sys.executable, "-c", SERVE, str(writing)], env=env, stdout=stdout, stderr=stderr, pass_fds=[writing]
        ) as process,
    ):
        theirs.close()
        try:
            number = port.readline().strip()
            assert number, (folder / "err").read_text()
            yield f"http://127.0.0.1:{number}"
        finally:
            process.terminate()
            assert process.wait(300) in {0, -signal.SIGTERM}


def requests(url: str, refusing: int) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Headers and bodies that hold credentials in all the ways that there are, to providers that answer or don't."""
    bearer = {"authorization": f"Bearer {CANARY}-BEARER"}
    host = {"x-portkey-custom-host": f"{url}/v1?code={CANARY}-QUERY"}
    aws = {
        "x-portkey-aws-access-key-id": f"{CANARY}-AWS-ID",
        "x-portkey-aws-secret-access-key": f"{CANARY}-AWS-KEY",
        "x-portkey-aws-session-token": f"{CANARY}-AWS-SESSION",
    }
    for provider in ("openai", "anthropic", "cohere", "google", "ollama", "azure-ai"):
        yield {"x-portkey-provider": provider, **bearer, **host}, CHAT
    yield {"x-portkey-provider": "bedrock", "x-portkey-custom-host": url, **aws}, BEDROCK
    yield {"x-portkey-provider": "bedrock", "x-portkey-custom-host": f"http://127.0.0.1:{refusing}", **aws}, BEDROCK
    yield {"x-portkey-provider": "openai", "x-portkey-custom-host": f"http://127.0.0.1:{refusing}", **bearer}, CHAT
    config = {"provider": "openai", "api_key": f"{CANARY}-CONFIG", "custom_host": url, "retry": {"attempts": 0}}
    yield {"x-portkey-config": json.dumps({"strategy": {"mode": "fallback"}, "targets": [config, config]})}, CHAT
    locked = {**OCI, "oracle_private_key": pem(PRIVATE, b"right"), "oracle_key_passphrase": f"{CANARY}-WORD"}
    oracle = {"provider": "oracle", "custom_host": url, "oracle_compartment_id": "c", "oracle_region": "eu-frankfurt-1"}
    yield {"x-portkey-config": json.dumps({**oracle, **locked})}, CHAT
    account = {"client_email": "a@b", "private_key": f"{CANARY}-PRIVATE KEY"}
    yield {"x-portkey-provider": "vertex-ai", "x-portkey-vertex-service-account-json": json.dumps(account)}, CHAT
    yield {"x-portkey-provider": "groq", "x-portkey-virtual-key": "nobody", **bearer}, CHAT
    yield {**bearer, "x-api-key": f"{CANARY}-OTHER", "x-portkey-provider": "nobody"}, CHAT


@pytest.mark.parametrize("level", LEVELS)
def test_no_credential_shows_anywhere(level: str, upstream: Upstream, tmp_path: Path) -> None:
    seen: list[str] = []
    with refusing_port() as refusing, served(level, tmp_path) as url, httpx.Client(timeout=300) as client:
        for headers, body in requests(upstream.url, refusing):
            upstream.play(reply(401, b'{"error":{"message":"No such key"}}'))
            for path, sent in (("/v1/chat/completions", body), ("/v1/explain", {"request": body})):
                answer = client.post(f"{url}{path}", json=sent, headers=headers)
                seen += [answer.text, str(answer.headers.multi_items())]
        assert any(CANARY in json.dumps(received.headers) for received in upstream.received)
    seen += [(tmp_path / name).read_text() for name in ("out", "err")]
    assert len((tmp_path / "out").read_text().splitlines()) > 10
    assert [text[:500] for text in seen if CANARY in text] == []

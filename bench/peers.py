"""Other gateways for comparison, installed with their own package manager into a temporary directory.

They listen as they please (Portkey on every interface), and only while they are measured.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from bench import payload, process, route
from bench.failure import MeasurementError
from bench.route import Addressing, Route
from bench.subject import Contender, Role, Subject, Way, gateway_way, until_it_answers
from bench.upstream import Behaviour, Upstream

_PATIENCE = 120.0

_PORTKEY_PACKAGE: Final = {
    "private": True,
    "dependencies": {"@portkey-ai/gateway": "*"},
    # Newer ones answer every stream with 500: https://github.com/Portkey-AI/gateway/issues/1389
    "overrides": {"@hono/node-server": "1.14.1"},
}

_LITELLM_KEY: Final = f"sk-{secrets.token_hex(32)}"

_LITELLM_ENVIRONMENT: Final = {
    "LITELLM_MASTER_KEY": _LITELLM_KEY,
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "LITELLM_LOG": "ERROR",
}
"""It does not start without a key; no look-ups on the network at start, and no log line for every request."""


def portkey(cores: frozenset[int], home: Path) -> Contender:
    """Portkey's gateway on node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise MeasurementError("Portkey's gateway needs node and npm")
    prefix = home / "portkey"
    prefix.mkdir()
    (prefix / "package.json").write_text(json.dumps(_PORTKEY_PACKAGE), encoding="utf-8")
    _install("Portkey's gateway", [npm, "install", "--no-audit", "--no-fund", "--prefix", prefix])
    server = prefix / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"

    @contextmanager
    def serve(upstream: Upstream) -> Iterator[Subject]:
        port = process.free_port()
        command: list[str | Path] = [node, server, f"--port={port}", "--headless"]
        with _serving(command, cores, home / "portkey.log", gateway_way(port, upstream)) as subject:
            yield subject

    return Contender("portkey", Role.PEER, serve)


def litellm(cores: frozenset[int], home: Path) -> Contender:
    """LiteLLM's proxy in a virtual environment of its own."""
    environment = home / "litellm"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    _install("LiteLLM", [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "litellm[proxy]"])

    @contextmanager
    def serve(upstream: Upstream) -> Iterator[Subject]:
        port = process.free_port()
        config = home / "litellm.json"
        config.write_text(json.dumps(_litellm_config(upstream)), encoding="utf-8")
        command: list[str | Path] = [environment / "bin" / "litellm", "--config", config, "--host", "127.0.0.1"]
        command += ["--port", str(port), "--num_workers", "1"]
        way = partial(_litellm_way, port)
        with _serving(command, cores, home / "litellm.log", way, _LITELLM_ENVIRONMENT) as subject:
            yield subject

    return Contender("litellm", Role.PEER, serve)


PEERS: Final[dict[str, Callable[[frozenset[int], Path], Contender]]] = {"portkey": portkey, "litellm": litellm}


def _install(what: str, command: Sequence[str | Path]) -> None:
    print(f"installing {what} into a temporary directory; this may take some minutes ...", flush=True)
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise MeasurementError(f"{what} could not be installed: {finished.stderr.strip()[-600:]}")


@contextmanager
def _serving(
    command: Sequence[str | Path],
    cores: frozenset[int],
    log: Path,
    way: Way,
    environment: dict[str, str] | None = None,
) -> Iterator[Subject]:
    with process.running(command, cores, log, environment) as server:
        seconds = until_it_answers(server, way(Behaviour.CALM), payload.chat(), _PATIENCE)
        yield Subject(server, way, seconds)


def _litellm_config(upstream: Upstream) -> dict[str, object]:
    """One model; JSON is YAML too."""
    target = {
        "model": f"openai/{payload.MODEL}",
        "api_base": upstream.base_url(Behaviour.CALM),
        "api_key": "sk-bench",
    }
    return {"model_list": [{"model_name": payload.MODEL, "litellm_params": target}]}


def _litellm_way(
    port: int, behaviour: Behaviour, *, tls: bool = False, addressing: Addressing = route.by_headers
) -> Route:
    """The configuration file says where the upstream is, so only the calm one can be reached."""
    del behaviour, tls, addressing
    return Route(port, route.CHAT_PATH, {"authorization": f"Bearer {_LITELLM_KEY}"})

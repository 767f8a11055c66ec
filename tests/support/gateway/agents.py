"""Runs drivers of real clients against a gateway on loopback: ``make agents AGENTS=FOLDER`` (docs/agents.md).

The drivers and their scripted provider are no part of the project. Environment: AGENTS is their folder, CLIENTS where
the clients are installed, WIRES the wires behind the gateway (empty: as the aliases say). With OWN_NAMES clients name
the models that they know, as Codex and Gemini CLI do otherwise than others, and an alias leads all names to the wire;
without it they name ``@WIRE/scripted-model``. Arguments are parts of the drivers' names.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_FILE = """
[responses]
store = true

[virtual_keys.chat]
provider = "openai"
credential = "env:SCRIPTED_KEY"
base_url = "{url}/v1"

[virtual_keys.messages]
provider = "anthropic"
credential = "env:SCRIPTED_KEY"
base_url = "{url}"

[virtual_keys.gemini]
provider = "google"
credential = "env:SCRIPTED_KEY"
base_url = "{url}"

[virtual_keys.bedrock]
provider = "bedrock"
aws_access_key_id = "env:SCRIPTED_KEY"
aws_secret_access_key = "env:SCRIPTED_KEY"
aws_region = "us-east-1"
base_url = "{url}"

[virtual_keys.cohere]
provider = "cohere"
credential = "env:SCRIPTED_KEY"
base_url = "{url}"

[virtual_keys.ollama]
provider = "ollama"
ollama_api = "native"
base_url = "{url}"
"""

_ALIASES = """
[models."claude-*"]
target = "@messages"

[models."command-*"]
target = "@cohere"

[models."embed-*"]
target = "@cohere"

[models."rerank-*"]
target = "@cohere"

[models."gemini-*"]
target = "@gemini"

[models."gpt-*"]
target = "@chat"

[models."scripted-*"]
target = "@chat"

[models."us.anthropic.*"]
target = "@bedrock"

[models."anthropic.*"]
target = "@bedrock"
"""
_ONE_WIRE = """
[models."*"]
target = "@{wire}"
"""


def main(parts: list[str]) -> int:
    """The number of runs in which a driver failed."""
    folder = Path(os.environ.get("AGENTS") or "missing")
    if not (folder / "run-all.sh").exists():
        _tell("skipped: AGENTS=FOLDER names no folder with drivers (docs/agents.md#make-agents)")
        return 0
    wires = os.environ.get("WIRES", "").split()
    if not wires:
        return _run(folder, parts, _ALIASES, {})
    failed = 0
    for wire in wires:
        _tell(f"behind the gateway: {wire}")
        # A wire of chats does not serve what else the SDKs of Cohere and Ollama ask for.
        if os.environ.get("OWN_NAMES"):
            asked = {"CHAT_ONLY": "1", "NO_EMBEDDINGS": "1"}
            failed += _run(folder, parts, _ONE_WIRE.format(wire=wire), asked)
        else:
            failed += _run(folder, parts, _ALIASES, {"CHAT_ONLY": "1", "MODEL": f"@{wire}/scripted-model"})
    return failed


def _run(folder: Path, parts: list[str], aliases: str, asked: dict[str, str]) -> int:
    """Run the drivers against a gateway with these aliases. 1 if one failed."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream_port, port = _free_port(), _free_port()
        upstream, gateway = f"http://127.0.0.1:{upstream_port}", f"http://127.0.0.1:{port}"
        file = work / "penstock.toml"
        file.write_text(_FILE.format(url=upstream) + aliases)
        file.chmod(0o600)
        environment = {
            **os.environ,
            "SCRIPTED_KEY": "sk-scripted",
            "PENSTOCK_ACCESS_LOG": "false",
            "XDG_DATA_HOME": str(work),
        }
        scripted = ["-m", "scripted", "--port", str(upstream_port)]
        stack.enter_context(_running(scripted, upstream_port, folder, environment))
        serve = ["-m", "penstock", "serve", "--config", str(file), "--port", str(port)]
        stack.enter_context(_running(serve, port, work, environment))
        env = {**environment, "GATEWAY": gateway, "UPSTREAM": upstream, **asked}
        return int(subprocess.run(["bash", str(folder / "run-all.sh"), *parts], check=False, env=env).returncode != 0)


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


@contextmanager
def _running(arguments: list[str], port: int, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """A process of Python that listens at a port, ended with the block."""
    with subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environment) as process:
        try:
            _wait_for(port, process)
            yield
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", port), 10):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing listens at port {port}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

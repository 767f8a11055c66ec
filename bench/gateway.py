"""The gateway: ``penstock serve`` of this checkout, or any command that speaks the same headers."""

from __future__ import annotations

import compileall
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import penstock
from bench import payload, process, route
from bench.route import Route
from bench.subject import Contender, Role, Subject, gateway_way, until_it_answers
from bench.upstream import Upstream

NAME: Final = "penstock"
COMMAND: Final = (
    *(sys.executable, "-m", "penstock", "serve"),
    *("--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning"),
)

_PATIENCE = 30.0


def contender(command: str | None, cores: frozenset[int], home: Path) -> Contender:
    """``command`` may hold ``{port}``; without one it is this checkout's gateway."""
    words = COMMAND if command is None else tuple(shlex.split(command))
    if command is None:
        compile_modules()
    return Contender(NAME, Role.GATEWAY, partial(_serve, words, cores, home))


def compile_modules() -> None:
    """Write the bytecode of the gateway's modules, as installers do: without it each start compiles 470 modules."""
    for folder in penstock.__path__:
        compileall.compile_dir(folder, quiet=1)


@contextmanager
def _serve(command: Sequence[str], cores: frozenset[int], home: Path, upstream: Upstream) -> Iterator[Subject]:
    port = process.free_port()
    words = [word.replace("{port}", str(port)) for word in command]
    # Python's default TLS context reads this variable: the mock's authority is the only one the gateway then knows.
    # The data folder is the run's own: what another gateway keeps on this machine would be read at start.
    environment = {"SSL_CERT_FILE": str(upstream.authority), "PENSTOCK_STORE_DATA_DIR": str(home / "data")}
    with process.running(words, cores, home / "gateway.log", environment) as server:
        first = Route(port, route.CHAT_PATH, route.by_echo(""))
        seconds = until_it_answers(server, first, payload.chat(model="echo"), _PATIENCE)
        yield Subject(server, gateway_way(port, upstream), seconds)

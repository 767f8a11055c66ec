"""What one request costs inside the gateway, counted and not timed: instructions, Python calls, system calls.

    python -m bench.counts [chat] [records] [config] [key] [limits] [limits-redis] [guards] [dialect] [stream]
        [dialect-stream] [config-stream] [hold]
        [wire-chat] [wire-responses] [wire-messages] [wire-gemini] [wire-converse] [wire-cohere] [wire-ollama]
        [records-wire-chat] [records-wire-responses] …

``records`` is a chat with access log, metrics and request log, which all others do without. ``config`` is a chat with
its config in a header, ``key`` one with a gateway key and a saved config, ``limits`` the same with a budget and a rate
limit in memory, ``limits-redis`` with slices of them that are leased of a Redis.
``guards`` is a chat whose config has three local checks of the request, beside ``config`` without them; ``hold`` a
stream whose answer three local checks hold back, beside ``config-stream``. ``wire-…`` is the same question to a host
that speaks the caller's wire, to be compared with ``wire-chat``; ``records-wire-…`` is the same with all readers of
records, over more requests, since their batches are of many.

Counts hardly depend on the machine's other work, so they decide where a time would not. Needs nginx with its lua
module, valgrind and strace; docs/performance.md says how to read the table.
"""

from __future__ import annotations

import http.client
import pstats
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import gateway_file, guarded, local, machine, payload, process, redis_server, upstream
from bench.failure import MeasurementError
from bench.route import CHAT_PATH, Addressing, Headers, Route, by_dialect, by_headers
from bench.subject import until_it_answers
from bench.upstream import Behaviour, Upstream
from bench.wire import WIRES

_WIRES = {f"{readers}wire-{name}": wire for readers in ("", "records-") for name, wire in WIRES.items()}
_STREAMS = frozenset({"stream", "dialect-stream", "config-stream", "hold"})
_REQUESTS = {
    "chat": 300,
    "records": 300,
    "key": 300,
    "limits": 300,
    "limits-redis": 300,
    "dialect": 200,
    "stream": 15,
    "dialect-stream": 15,
    "config": 300,
    "guards": 300,
    "config-stream": 15,
    "hold": 15,
    **{kind: 1500 if kind.startswith("records") else 300 for kind in _WIRES},
}
_WARM = {kind: 6 if kind in _STREAMS else requests for kind, requests in _REQUESTS.items()}
_ADDRESSING: dict[str, Addressing] = {
    "config": guarded.by_config,
    "guards": guarded.by_guarded_request,
    "config-stream": guarded.by_config,
    "hold": guarded.by_guarded_answer,
}
_REDIS = "limits-redis"
_KEYS = {"key": gateway_file.PLAIN, "limits": gateway_file.LIMITED, _REDIS: gateway_file.LIMITED}
_READERS = ("ACCESS_LOG", "METRICS_ENABLED", "LOGS_ENABLED")
_PATIENCE = 120.0
_SHOWN = 40
_RARE = 0.25
"""A system call that is made less often, for each request, is not worth a line."""
_CORES = frozenset({0, 1})

Asking = Callable[[int], None]
"""Sends so many requests, one after the other, on one connection."""


def main(kinds: Sequence[str]) -> int:
    """Print the counts of each kind of request."""
    tools = machine.find_tools()
    missing = tools if isinstance(tools, str) else next((name for name in _NEEDED if not shutil.which(name)), None)
    if isinstance(tools, str) or missing:
        print(f"can't profile: {missing} is missing", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, upstream.running(tools, _CORES, Path(folder) / "mock") as mock:
        for kind in kinds or tuple(_REQUESTS):
            home = Path(tempfile.mkdtemp(dir=folder))
            requests = _REQUESTS[kind]
            print(f"\n{kind}, each of {requests} requests after {_WARM[kind]}:")
            print(f"  {_instructions(kind, mock, home, requests):12,.0f} instructions in user mode")
            for line in (*_system_calls(kind, mock, home, requests), *_calls(kind, mock, home, requests)):
                print(f"  {line}")
    return 0


_NEEDED = ("valgrind", "callgrind_control", "strace")


def _instructions(kind: str, mock: Upstream, home: Path, requests: int) -> float:
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={home / 'callgrind'}"]
    with _serving([*command, sys.executable, "-m", "penstock"], kind, mock, home) as (gateway, ask):
        pid = str(gateway.popen.pid)
        subprocess.run(["callgrind_control", "-i", "on", pid], check=True, capture_output=True)
        ask(requests)
        subprocess.run(["callgrind_control", "-i", "off", pid], check=True, capture_output=True)
        gateway.popen.send_signal(signal.SIGTERM)
        gateway.popen.wait(_PATIENCE)
        collected = re.search(r"Collected : (\d+)", gateway.log.read_text())
    if collected is None:
        raise MeasurementError(f"valgrind counted nothing: {gateway.last_words()}")
    return int(collected[1]) / requests


def _system_calls(kind: str, mock: Upstream, home: Path, requests: int) -> list[str]:
    with _serving([sys.executable, "-m", "penstock"], kind, mock, home) as (gateway, ask):
        summary = home / "strace"
        command = ["strace", "-c", "-f", "-o", str(summary), "-p", str(gateway.popen.pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
            if tracer.stderr is not None:
                tracer.stderr.readline()  # it is attached
            ask(requests)
            tracer.send_signal(signal.SIGINT)
    rows = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", summary.read_text(), re.MULTILINE)
    counts = [(int(count) / requests, name) for count, name in rows if name != "total"]
    return [f"{count:12.2f} {name}" for count, name in counts if count > _RARE]


def _calls(kind: str, mock: Upstream, home: Path, requests: int) -> list[str]:
    command = [sys.executable, "-m", "bench.profiled", str(home / "profile")]
    with _serving(command, kind, mock, home) as (gateway, ask):
        gateway.popen.send_signal(signal.SIGUSR1)
        ask(requests)
        gateway.popen.send_signal(signal.SIGUSR1)
        ask(1)
    functions: dict[tuple[str, int, str], tuple[int, int, float, float, object]]
    functions = pstats.Stats(str(home / "profile")).stats  # type: ignore[attr-defined]
    total = sum(each[1] for each in functions.values())
    lines = [
        f"{total / requests:12.1f} Python-level calls, of which most time take (calls, own µs under the profiler):"
    ]
    for (file, _, name), each in sorted(functions.items(), key=lambda item: -item[1][2])[:_SHOWN]:
        module = "/".join(Path(file).parts[-2:])
        lines.append(f"{each[1] / requests:12.2f} {each[2] / requests * 1e6:8.2f}  {module} {name}")
    return lines


@contextmanager
def _serving(command: Sequence[str], kind: str, mock: Upstream, home: Path) -> Iterator[tuple[process.Process, Asking]]:
    """A warm gateway; but for ``records…`` nothing reads records: batches blur a count of few."""
    port = process.free_port()
    environment = {"PYTHONHASHSEED": "0", "XDG_DATA_HOME": str(home)}
    environment |= {f"PENSTOCK_{reader}": str(kind.startswith("records")).lower() for reader in _READERS}
    serve = [*command, "serve", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    headers = _addressing(kind, mock)
    path, body = CHAT_PATH, payload.chat(stream=kind in _STREAMS)
    if kind in _WIRES:
        path, body = _WIRES[kind].path, _WIRES[kind].body()
    with ExitStack() as stack:
        if kind in _KEYS:
            redis = stack.enter_context(redis_server.running(_CORES, home)) if kind == _REDIS else ""
            file = home / "penstock.toml"
            file.write_text(gateway_file.text(mock.base_url(Behaviour.CALM), redis))
            file.chmod(0o600)
            serve += ["--config", str(file)]
        gateway = stack.enter_context(process.running(serve, _CORES, home / "gateway.log", environment))
        until_it_answers(gateway, Route(port, path, headers), body, _PATIENCE)
        # In one piece: whether a head and a body that are sent apart arrive together is a matter of time.
        request = local.request(path, body, headers)
        with socket.create_connection((local.HOST, port), _PATIENCE) as connection:

            def ask(requests: int) -> None:
                for _ in range(requests):
                    connection.sendall(request)
                    response = http.client.HTTPResponse(connection, method="POST")
                    response.begin()
                    response.read()
                    if response.status != 200:
                        raise MeasurementError(f"the gateway answered with {response.status}")

            ask(_WARM[kind])
            gateway.settle()
            if kind == _REDIS:
                # While the gateway rested its slices have gone back: the first requests lease new ones.
                ask(_WARM[kind])
            yield gateway, ask


def _addressing(kind: str, mock: Upstream) -> Headers:
    if kind in _KEYS:
        return gateway_file.by_key(_KEYS[kind])("")
    if kind in _WIRES:
        return _WIRES[kind].addressing(mock.base_url(Behaviour.WIRES))
    if kind in {"dialect", "dialect-stream"}:
        return by_dialect(mock.base_url(Behaviour.CLAUDE))
    return _ADDRESSING.get(kind, by_headers)(mock.base_url(Behaviour.CALM))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Large bodies beside a bystander: ``python -m bench.large``. While a gateway reads, translates and sends bodies of
many megabytes, another caller asks for ``/health`` again and again: how long does it wait, how much memory is used?

    python -m bench.large                          # every load on both lanes, three rounds (about five minutes)
    python -m bench.large --load million --rounds 1
    python -m bench.large --load texts --provider anthropic --holders   # and where the event loop stood still
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench import local, machine
from bench.local import LocalGateway

_MB: Final = 1_000_000
_SIZE: Final = 100 * _MB
_PAUSE: Final = 0.002
"""Seconds between two questions of the bystander."""
_LOOK_EVERY: Final = 8
"""Questions between two looks at the gateway's memory."""
_IDLE_SECONDS: Final = 5.0
_AFTERWARDS: Final = 1.0
"""Seconds for which the bystander asks on after the last answer: freeing memory takes time, too."""
_LOADS_NICENESS: Final = 10
"""Callers and provider of the load stand behind the gateway and the bystander: elsewhere they have machines of their
own."""
_HELD_SECONDS: Final = "0.03"
_MOST_SECONDS: Final = 0.5
_MOST_BYTES: Final = 1 << 30
_EXPECTED: Final = {"messages": {"200", "413", "503"}}
"""Statuses by load, where not only 200 and 503 (the budget for bodies is spent) are: millions of messages need more
memory than there is for a body."""
_READ: Final = 1 << 20


# What is sent.


def _chat(messages: bytes) -> bytes:
    return b'{"model":"m","max_tokens":64,"messages":[%b]}' % messages


def _texts() -> bytes:
    """One message, one text."""
    return _chat(b'{"role":"user","content":"%b"}' % (b"Which way does the tide run? " * (_SIZE // 29)))


def _foreign() -> bytes:
    """One text beyond ASCII, with escapes."""
    return _chat(b'{"role":"user","content":"%b"}' % ("Где прилив?\\n \U0001f30a ".encode() * (_SIZE // 28)))


def _images() -> bytes:
    """One message, four images."""
    image = b'{"type":"image_url","image_url":{"url":"data:image/png;base64,%b"}}' % (b"iVBORw0KGgoA" * (_SIZE // 48))
    return _chat(b'{"role":"user","content":[%b]}' % b",".join([image] * 4))


def _turns(count: int) -> bytes:
    turn = b'{"role":"user","content":"a"},{"role":"assistant","content":"b"},'
    return _chat(turn * (count // 2) + b'{"role":"user","content":"a"}')


def _surrogates() -> bytes:
    """Many messages, one with half of a surrogate pair, which the fast codec refuses."""
    return _turns(400_000).replace(b'"b"', b'"\\ud83d"', 1)


@dataclass(frozen=True)
class Load:
    """``callers`` send the same body at once."""

    name: str
    callers: int
    body: Callable[[], bytes]


LOADS: Final = (
    Load("texts", 8, _texts),
    Load("foreign", 8, _foreign),
    Load("images", 8, _images),
    Load("messages", 8, lambda: _turns(_SIZE // 32)),
    Load("million", 1, lambda: _turns(1_000_000)),
    Load("surrogates", 1, _surrogates),
)

_AWS: Final = {"x-portkey-aws-access-key-id": "AKIDBENCH", "x-portkey-aws-secret-access-key": "bench-secret"}
PROVIDERS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "openai": ("/openai/v1", {}),
    "anthropic": ("/anthropic/v1", {}),
    "google": ("/google/v1beta", {}),
    "bedrock": ("/bedrock", {**_AWS, "x-portkey-aws-region": "us-east-1"}),
}
"""Provider of the gateway: the path of its base URL, headers of its own. The first speaks the callers' wire."""


# The provider.

_TEXT: Final = "Bear away slowly. "
_USAGE: Final = {"input_tokens": 3, "output_tokens": 4}


def _replies() -> dict[bytes, bytes]:
    """By the first segment of the path, a whole reply."""
    message = {"role": "assistant", "content": _TEXT}
    replies: dict[str, Any] = {
        "openai": {
            "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        },
        "anthropic": {
            "id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": _TEXT}], "usage": _USAGE,
        },
        "google": {
            "candidates": [{"content": {"role": "model", "parts": [{"text": _TEXT}]}, "finishReason": "STOP"}],
        },
        "bedrock": {
            "output": {"message": {"role": "assistant", "content": [{"text": _TEXT}]}}, "stopReason": "end_turn",
            "usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7},
        },
    }  # fmt: skip
    return {name.encode(): json.dumps(reply).encode() for name, reply in replies.items()}


def _provide(listener: socket.socket) -> None:
    """Answer every request with a whole reply, a thread each."""
    os.nice(_LOADS_NICENESS)
    replies = _replies()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection, replies), daemon=True).start()


def _answer(connection: socket.socket, replies: Mapping[bytes, bytes]) -> None:
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(_READ)
        head, _, body = head.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        left, buffer = length - len(body), bytearray(_READ)
        while left > 0:
            received = connection.recv_into(buffer)
            if not received:
                return
            left -= received
        reply = replies[head.split(b"/", 2)[1]]
        fields = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d" % len(reply)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n" + reply)


# The callers.


def _send(name: str, fields: Mapping[str, str], port: int, told: Any) -> None:
    """Send a load's body from all its callers at once, and tell the statuses and the longest time (seconds)."""
    os.nice(_LOADS_NICENESS)
    load = next(load for load in LOADS if load.name == name)
    data = memoryview(local.request(local.CHAT, load.body(), fields))
    statuses: Counter[str] = Counter()
    told.send("ready")
    told.recv()
    began = time.monotonic()
    callers = [threading.Thread(target=_ask, args=(data, port, statuses)) for _ in range(load.callers)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    told.send((dict(statuses), time.monotonic() - began))


def _ask(data: memoryview, port: int, statuses: Counter[str]) -> None:
    with socket.create_connection((local.HOST, port)) as connection:
        with suppress(ConnectionError):  # the answer may have come before the end of the body
            connection.sendall(data)
        try:
            answer = connection.recv(_READ)
        except ConnectionError:
            answer = b""
        statuses[answer[9:12].decode() or "reset"] += 1


class Bystander:
    """A caller that asks for ``/health`` again and again. ``waits`` are the seconds of each answer."""

    def __init__(self, gateway: LocalGateway) -> None:
        self._gateway = gateway
        self._socket = socket.create_connection((local.HOST, gateway.port))
        self.waits: list[float] = []
        self.peak_kb = 0

    def ask_while(self, condition: Callable[[], bool]) -> None:
        self.waits = []
        while condition():
            began = time.monotonic()
            self._socket.sendall(b"GET /health HTTP/1.1\r\nhost: bench\r\n\r\n")
            if not self._socket.recv(_READ):
                raise ConnectionError("the gateway closed the bystander's connection")
            self.waits.append(time.monotonic() - began)
            if len(self.waits) % _LOOK_EVERY == 0:
                self.peak_kb = max(self.peak_kb, self._gateway.process.resident_kb)
            time.sleep(_PAUSE)

    def ask_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self.ask_while(lambda: time.monotonic() < until)

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True)
class Figures:
    """One round. Times in milliseconds: what the bystander waited at most and in 99 of 100 cases, at most before the
    load, and the longest pause of the event loop, of which ``held_ms`` is at most what the gateway itself used of the
    processor. ``peak_mb`` is the resident memory of the gateway and its children at its highest."""

    load: str
    provider: str
    longest_ms: float
    p99_ms: float
    idle_longest_ms: float
    pause_ms: float
    held_ms: float
    peak_mb: float
    seconds: float
    statuses: Mapping[str, int]

    @property
    def problems(self) -> list[str]:
        """What must not be."""
        found = []
        if self.longest_ms > _MOST_SECONDS * 1000:
            found.append(f"a bystander waited {self.longest_ms} ms")
        if self.load != "million" and self.peak_mb > _MOST_BYTES / _MB:
            found.append(f"{self.peak_mb} MB of memory")
        if set(self.statuses) - _EXPECTED.get(self.load, {"200", "503"}):
            found.append(f"statuses {dict(self.statuses)}")
        return found


def measure(load: Load, provider: str, gateway: LocalGateway, upstream_port: int) -> Figures:
    """Let the load's callers send, and ask as a bystander meanwhile."""
    path, own = PROVIDERS[provider]
    host = f"http://{local.HOST}:{upstream_port}{path}"
    fields = {"x-portkey-provider": provider, "x-portkey-custom-host": host, **own}
    if provider != "bedrock":
        fields["authorization"] = "Bearer sk-bench"
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    sender = context.Process(target=_send, args=(load.name, fields, gateway.port, theirs), daemon=True)
    sender.start()
    ours.recv()
    bystander = Bystander(gateway)
    try:
        bystander.ask_for(_IDLE_SECONDS)
        idle = max(bystander.waits)
        _pauses(gateway)
        ours.send("go")
        bystander.ask_while(lambda: not ours.poll())
        waits = bystander.waits
        bystander.ask_for(_AFTERWARDS)
        waits += bystander.waits
    finally:
        bystander.close()
    pauses = _pauses(gateway)
    statuses, seconds = ours.recv()
    sender.join()
    return Figures(
        load.name,
        provider,
        _ms(max(waits)),
        _ms(statistics.quantiles(waits, n=100)[-1]),
        _ms(idle),
        _ms(pauses["longest"]),
        _ms(pauses["held"]),
        round(bystander.peak_kb * 1024 / _MB),
        round(seconds, 1),
        statuses,
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _pauses(gateway: LocalGateway) -> dict[str, float]:
    """The longest pause of the gateway's event loop since the last look (observed.py)."""
    path = Path(os.environ["BENCH_PAUSES"])
    path.unlink(missing_ok=True)
    gateway.process.popen.send_signal(signal.SIGUSR2)
    while not path.exists():
        time.sleep(0.01)
    pauses: dict[str, float] = json.loads(path.read_text("utf-8"))
    return pauses


@contextmanager
def provider_process() -> Iterator[int]:
    """The provider in a process of its own; its port."""
    with socket.create_server((local.HOST, 0)) as listener:
        process = multiprocessing.get_context("fork").Process(target=_provide, args=(listener,), daemon=True)
        process.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            process.terminate()
            process.join()


def run(loads: Sequence[Load], providers: Sequence[str], rounds: int, home: Path, *, holders: bool) -> list[Figures]:
    """Every load to every provider, on one gateway."""
    os.environ["BENCH_PAUSES"] = str(home / "pauses")
    if holders:
        os.environ["BENCH_HELD_SECONDS"] = _HELD_SECONDS
    program, figures = ("-m", "bench.observed"), []
    with provider_process() as port, local.running(home, {}, program=program) as gateway:
        for load in loads:
            for provider in providers:
                for _ in range(rounds):
                    figures.append(measure(load, provider, gateway, port))
                    print(json.dumps({**asdict(figures[-1]), "problems": figures[-1].problems}), flush=True)
        print(gateway.messages())
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.large", description=__doc__)
    parser.add_argument("--load", action="append", choices=[load.name for load in LOADS], help="may be repeated")
    parser.add_argument("--provider", action="append", choices=list(PROVIDERS), help="may be repeated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--holders", action="store_true", help="print where all threads are when the loop stands still")
    options = parser.parse_args()
    machine.allow_many_files()
    loads = [load for load in LOADS if not options.load or load.name in options.load]
    with tempfile.TemporaryDirectory(prefix="penstock-large-") as home:
        figures = run(loads, options.provider or list(PROVIDERS), options.rounds, Path(home), holders=options.holders)
    return 1 if any(each.problems for each in figures) else 0


if __name__ == "__main__":
    sys.exit(main())

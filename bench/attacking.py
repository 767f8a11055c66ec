"""What an attack plays on (bench/attacks.py): gateways, a provider that keeps what it was sent, a bystander."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from bench import local
from bench.disconnects import Answer
from bench.local import LocalGateway
from bench.probe import Wait

LONGEST_WAIT: Final = 0.1
MOST_MEMORY: Final = 50.0
_SETTLES: Final = 5.0
_PATIENCE: Final = 120.0
_MIB: Final = 1 << 20


class Unheld(Exception):
    """An attack got what it was after. The text says what."""


@dataclass
class Mock:
    """A provider that answers every chat and keeps what it was sent: heads, bodies, and CONNECTs to a proxy."""

    port: int = 0
    received: list[bytes] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
                self.received.append(head + await reader.readexactly(length))
                if await self._answer(head, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer a request by its path; whether the connection ends with it."""
        if b"/drip/" in head or b"/burst/" in head:
            await _drip(writer, 4096 if b"/drip/" in head else _MIB)
            return True
        if b"/silent/" in head:
            await asyncio.sleep(_PATIENCE)
        is_bad = b"/fail/" in head or head.startswith(b"CONNECT")
        body = b'{"error":{"message":"no"}}' if is_bad else _COMPLETION
        if b"/flood/" in head:
            body = _COMPLETION.replace(b"tide", b"x" * 20_000_000)
        status = b"500 No" if is_bad else b"200 OK"
        fields = b"content-type: application/json\r\ncontent-length: %d" % len(body)
        writer.write(b"HTTP/1.1 %b\r\n%b\r\n\r\n%b" % (status, fields, body))
        await writer.drain()
        return False

    def saw(self, text: bytes) -> bool:
        return any(text in request for request in self.received)


async def _drip(writer: asyncio.StreamWriter, step: int) -> None:
    """256 KiB of a stream, a chunk for each byte, so many of them at a time."""
    text = local.event("x" * 60_000)
    stream = b"".join(
        [text, *(local.event(f"piece {number}") for number in range(1200)), local.event(None), local.DONE]
    )
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    chunks = [local.chunk(stream[at : at + 1]) for at in range(len(stream))]
    for at in range(0, len(chunks), step):
        writer.write(b"".join(chunks[at : at + step]))
        await writer.drain()
    writer.write(local.LAST_CHUNK)


_COMPLETION: Final = json.dumps(
    {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "tide"}, "finish_reason": "stop"}]}
).encode()  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """What an attack plays on: one gateway, and a provider."""

    gateway: LocalGateway
    mock: Mock
    home: Path

    async def ask(
        self, body: bytes = b'{"model":"echo","messages":[]}', path: str = local.CHAT, **fields: str
    ) -> Answer:
        """Send one request on a connection of its own. Underscores of a field's name stand for dashes."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return await self.send(local.request(path, body, headers))

    async def send(self, *pieces: bytes) -> Answer:
        """Send bytes and read one answer."""
        async with asyncio.timeout(_PATIENCE), local.connected(self.gateway.port) as connection:
            answer = asyncio.create_task(connection.answer(Answer()))
            for piece in pieces:
                connection.send(piece)
                try:
                    await connection.writer.drain()
                except ConnectionError:
                    break  # the gateway has answered already, and closed
            return await answer

    @property
    def provider(self) -> str:
        """The base URL of the provider, save for what its path says of its behaviour."""
        return f"http://{local.HOST}:{self.mock.port}"


Run = Callable[[Scene], Awaitable[str]]


@dataclass(frozen=True)
class Attack:
    """One row: a group (``1c``) and a name, which gateway it is for, and what is sent. ``run`` returns what came of it,
    in a few words; it raises Unheld if the attack succeeds."""

    group: str
    name: str
    run: Run
    gateway: str = "open"


@dataclass(frozen=True)
class Outcome:
    """What an attack did. Seconds, and megabytes."""

    longest: float
    own: float
    cpu: float
    """Computing time of the gateway in the longest wait."""
    before: float
    after: float
    seen: str
    is_held: bool = True

    @property
    def is_within(self) -> bool:
        return self.is_held and self.own <= LONGEST_WAIT and self.after - self.before <= MOST_MEMORY


KEYS: Final = {name: f"pk-{name}-0123456789abcdef" for name in ("team-a", "team-b", "local")}
"""Gateway keys of the guarded gateway: with few permissions, with others, with the provider's host."""
CANARY: Final = "CANARY-OF-THE-ENVIRONMENT"


def catalogue(port: int) -> str:
    """The penstock.toml of the guarded gateway, whose provider listens on this port."""
    hashes = {name: f"sha256:{sha256(key.encode()).hexdigest()}" for name, key in KEYS.items()}
    return f"""
[virtual_keys.cheap]
provider = "openai"
credential = "file:credential"
base_url = "http://{local.HOST}:{port}/good/v1"
models = ["gpt-4o-mini"]
[virtual_keys.rich]
provider = "openai"
credential = "file:credential"
base_url = "http://{local.HOST}:{port}/good/v1"
[configs.saved]
strategy = {{ mode = "fallback" }}
targets = [{{ provider = "@cheap", cb_config = {{ failure_threshold = 1 }} }}, {{ provider = "echo" }}]
[keys.team-a]
hash = "{hashes["team-a"]}"
virtual_keys = ["cheap"]
[keys.team-b]
hash = "{hashes["team-b"]}"
virtual_keys = ["cheap", "rich"]
[keys.local]
hash = "{hashes["local"]}"
hosts = ["127.0.0.1", "localhost", "good.example"]
"""


def settings(kind: str, home: Path, mock: Mock) -> dict[str, str]:
    """The settings of a gateway: ``open``, ``guarded`` by keys, or ``strict`` with time."""
    # What leaves for anywhere but loopback arrives at the provider, as a CONNECT.
    shared = {"LOG_LEVEL": "info", "UPSTREAM_PROXY": f"http://{local.HOST}:{mock.port}"}
    match kind:
        case "guarded":
            (home / "credential").write_text("sk-of-the-operator", "utf-8")
            (home / "credential").chmod(0o600)
            (home / "penstock.toml").write_text(catalogue(mock.port), "utf-8")
            return {**shared, "CONFIG": str(home / "penstock.toml")}
        case "strict":
            return {**shared, "HEAD_TIMEOUT": "2", "BODY_TIMEOUT": "2", "WRITE_TIMEOUT": "2", "BODY_DEADLINE": "10"}
        case _:
            return shared


@asynccontextmanager
async def bystander(gateway: LocalGateway) -> AsyncIterator[list[Wait]]:
    """Ask for /health while the block runs. Afterwards the list holds the longest wait by the clock, and the longest
    that was the gateway's own doing."""
    waits: list[Wait] = []
    command = (sys.executable, "-m", "bench.probe", str(gateway.port), str(gateway.process.popen.pid))
    pipe = asyncio.subprocess.PIPE
    probe = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert probe.stdout is not None
    await probe.stdout.readline()
    try:
        yield waits
    finally:
        out, _ = await probe.communicate(b"\n")
        told = json.loads(out)
        waits += [Wait(**told["longest"]), Wait(**told["worst"])]


async def measure(attack: Attack, scene: Scene) -> Outcome:
    """Play one attack."""
    before = scene.gateway.process.resident_kb / 1024
    scene.mock.received.clear()
    is_held = True
    async with bystander(scene.gateway) as waits:
        await asyncio.sleep(0.1)
        try:
            seen = await attack.run(scene)
        except Unheld as error:
            seen, is_held = str(error), False
        await asyncio.sleep(0.2)
    until = time.monotonic() + _SETTLES
    while scene.gateway.process.resident_kb / 1024 > before + 1 and time.monotonic() < until:
        await asyncio.sleep(0.5)
    longest, worst = waits
    after = scene.gateway.process.resident_kb / 1024
    return Outcome(longest.seconds, worst.own, worst.cpu, before, after, seen, is_held)

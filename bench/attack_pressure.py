"""More attacks that want time or memory: names, calls, keys, translation, connections (groups 7 and 15 to 21)."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Final

from bench import local
from bench.attack_costs import compact
from bench.attacking import KEYS, Attack, Run, Scene, Unheld
from bench.disconnects import Answer

Json = dict[str, Any]
_CHAT: Final = b'{"model":"m","messages":[]}'
_HI: Final[Json] = {"role": "user", "content": "Hi"}


# Slow names (group 7).


def _slow_names(number: int) -> Run:
    async def run(scene: Scene) -> str:
        def ask(host: str) -> asyncio.Task[Answer]:
            fields = {"x_portkey_provider": "openai", "authorization": "Bearer sk-bench", "x_portkey_custom_host": host,
                      "x_portkey_api_key": KEYS["local"]}  # fmt: skip
            return asyncio.create_task(scene.ask(_CHAT, **fields))

        port = scene.mock.port
        slow = [ask(f"http://slow{index}.example:{port}/v1") for index in range(number)]
        await asyncio.sleep(0.3)
        began = time.perf_counter()
        good = await ask(f"http://good.example:{port}/good/v1")
        plain = await ask(f"http://{local.HOST}:{port}/good/v1")
        seconds = time.perf_counter() - began
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        if (good.status, plain.status) != (200, 200) or seconds > 3:
            raise Unheld(f"beside {number} slow names: {good.status} and {plain.status} in {seconds:.1f} s")
        return f"a good name and an address: {seconds * 1000:.0f} ms"

    return run


NAMES: Final = tuple(Attack("7", f"{n} slow names", _slow_names(n), "guarded") for n in (3, 8, 24, 47))


# Many calls for one (group 15).


def _fans_out(targets: int, most: int) -> Run:
    async def run(scene: Scene) -> str:
        config = {"strategy": {"mode": "fallback"}, "provider": "openai", "api_key": "k",
                  "custom_host": f"{scene.provider}/fail/v1", "targets": [{}] * targets}  # fmt: skip
        answer = await scene.ask(x_portkey_config=compact(config))
        calls = len(scene.mock.received)
        if calls > most:
            raise Unheld(f"{calls} calls")
        return f"{answer.status}, {calls} calls"

    return run


def _loops(targets: int) -> Run:
    """The gateway is its own provider, and the config goes along."""

    async def run(scene: Scene) -> str:
        before = len(scene.gateway.records())
        again = {"custom_host": f"http://{local.HOST}:{scene.gateway.port}/v1", "forward_headers": ["x-portkey-config"]}
        target = {"provider": "openai", "api_key": "k", **again}
        config = {"strategy": {"mode": "fallback"}, **target, "targets": [{}] * targets}
        answer = await scene.ask(x_portkey_config=compact(config))
        await asyncio.sleep(0.5)
        requests = len(scene.gateway.records()) - before
        if requests > 10:
            raise Unheld(f"{requests} requests of its own")
        return f"{answer.status}, {requests} lines in the log"

    return run


CALLS: Final = (
    Attack("15", "a fallback of 1,000 targets", _fans_out(1000, 50)),
    *(Attack("15", f"through itself, {n} targets", _loops(n)) for n in (1, 3, 5)),
)


# Private keys (group 16).


def _der(tag: int, *values: bytes) -> bytes:
    value = b"".join(values)
    return bytes([tag, 0x82]) + len(value).to_bytes(2) + value


def sealed_key(iterations: int) -> str:
    """A PKCS#8 key that says how much work its passphrase makes, and holds nothing (RFC 8018, A.4)."""
    parameters = _der(0x30, _der(0x04, b"saltsalt"), _der(0x02, iterations.to_bytes(8)))
    kdf = _der(0x30, _der(0x06, bytes.fromhex("2a864886f70d01050c")), parameters)
    cipher = _der(0x30, _der(0x06, bytes.fromhex("60864801650304012a")), _der(0x04, b"v" * 16))
    algorithm = _der(0x30, _der(0x06, bytes.fromhex("2a864886f70d01050d")), _der(0x30, kdf, cipher))
    text = base64.encodebytes(_der(0x30, algorithm, _der(0x04, b"x" * 1024))).decode()
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{text}-----END ENCRYPTED PRIVATE KEY-----\n"


def large_key(bits: int) -> str:
    """A PKCS#8 RSA key of so many bits whose numbers are made up: its faults are looked for as a real key's are."""

    def number(size: int, last: int = 1) -> bytes:
        value = (1 << (size - 1)) | (0x5555 << size // 2) | last
        return _der(0x02, value.to_bytes(size // 8 + 1))

    half = bits // 2
    values = [
        number(bits),
        b"\x02\x03\x01\x00\x01",
        number(bits, 3),
        *(number(half, 2 * index + 1) for index in range(5)),
    ]
    key = _der(0x30, b"\x02\x01\x00", *values)
    algorithm = _der(0x30, _der(0x06, bytes.fromhex("2a864886f70d010101")), b"\x05\x00")
    text = base64.encodebytes(_der(0x30, b"\x02\x01\x00", algorithm, _der(0x04, key))).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{text}-----END PRIVATE KEY-----\n"


_SIGNED: Final = 3
"""Requests with one key."""


def _signs(provider: str, key: Callable[[], str]) -> Run:
    async def run(scene: Scene) -> str:
        made = key()
        target: Json = {"provider": provider}
        if provider == "oracle":
            target |= {"oracle_tenancy": "ocid1.tenancy", "oracle_user": "ocid1.user", "oracle_fingerprint": "aa:bb"}
            target |= {"oracle_private_key": made, "oracle_private_key_passphrase": "word"}
            target |= {"oracle_region": "eu-frankfurt-1", "oracle_compartment_id": "c"}
        else:
            account = {
                "client_email": "a@b",
                "private_key": made,
                "private_key_id": "k",
                "project_id": "p",
                "type": "service_account",
            }
            target |= {"vertex_service_account_json": account, "vertex_region": "europe-west1"}
        began = time.perf_counter()
        body = compact({"model": "google.gemini-2.5-pro", "messages": [_HI]}).encode()
        for _ in range(_SIGNED):
            answer = await scene.ask(body, x_portkey_config=compact(target))
        told = json.loads(answer.body)["error"]["message"] if answer.status >= 400 else ""
        return f"{answer.status}, {(time.perf_counter() - began) / _SIGNED * 1000:.0f} ms each: {told[:60]}"

    return run


PRIVATE_KEYS: Final = (
    *(Attack("16", f"Oracle: PKCS#8 of {n:,} rounds", _signs("oracle", lambda n=n: sealed_key(n)))  # type: ignore[misc]
      for n in (100_000, 2_000_000, 4_000_000)),
    *(Attack("16", f"{name}: RSA of {n} bits", _signs(name, lambda n=n: large_key(n)))  # type: ignore[misc]
      for name in ("oracle", "vertex-ai") for n in (4096, 8192, 16_384)),
)  # fmt: skip


# Translation (group 17).


def _tool(schema: Json) -> Json:
    return {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", **schema}}}]}


def _backwards(number: int) -> Json:
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": f"f{n}", "arguments": "{}"}} for n in range(number)
    ]
    results = [{"role": "tool", "tool_call_id": f"c{n}", "content": "ok"} for n in reversed(range(number))]
    return {"messages": [_HI, {"role": "assistant", "content": None, "tool_calls": calls}, *results]}


def _images(number: int) -> Json:
    parts = [{"type": "image_url", "image_url": {"url": f"https://x/{n}"}} for n in range(number)]
    return {"messages": [{"role": "user", "content": parts}]}


_NUMBER: Final = 16_000
_SHAPES: Final[dict[str, Callable[[], Json]]] = {
    "allOf of two long required": lambda: _tool(
        {"allOf": [{"required": [f"{tag}{n}" for n in range(_NUMBER)]} for tag in "pq"]}),
    "a long allOf": lambda: _tool({"allOf": [{"properties": {f"p{n}": {"type": "string"}}} for n in range(_NUMBER)]}),
    "results in reverse": lambda: _backwards(_NUMBER),
    "images": lambda: _images(_NUMBER),
    "10,000 tools": lambda: {
        "tools": [{"type": "function", "function": {"name": f"f{n}", "parameters": {}}} for n in range(10_000)]},
}  # fmt: skip
_HOSTS: Final[dict[str, Json]] = {
    "google": {"api_key": "k"}, "cohere": {"api_key": "k"}, "ollama": {}, "anthropic": {"api_key": "k"},
}  # fmt: skip


def _translates(provider: str, shape: str) -> Run:
    async def run(scene: Scene) -> str:
        config = {"provider": provider, **_HOSTS[provider], "custom_host": f"{scene.provider}/fail"}
        body = compact({"model": "gemini-2.5-pro", "max_tokens": 9, "messages": [_HI], **_SHAPES[shape]()}).encode()
        began = time.perf_counter()
        answer = await scene.ask(body, x_portkey_config=compact(config))
        return f"{answer.status}, {len(body) >> 10} KiB, {(time.perf_counter() - began) * 1000:.0f} ms"

    return run


def _dripped(behaviour: str, *, streams: bool) -> Run:
    """An answer that arrives a byte a chunk."""

    async def run(scene: Scene) -> str:
        config = {"provider": "openai", "api_key": "k", "custom_host": f"{scene.provider}/{behaviour}/v1"}
        body = compact({"model": "m", "messages": [_HI], "stream": streams}).encode()
        began = time.perf_counter()
        answer = await scene.ask(body, x_portkey_config=compact(config))
        return f"{answer.status}, {len(answer.body) >> 10} KiB in {time.perf_counter() - began:.1f} s"

    return run


TRANSLATION: Final = (
    *(Attack("17", f"{provider}: {shape}", _translates(provider, shape)) for provider in _HOSTS for shape in _SHAPES),
    Attack("17", "a stream of 256 KiB, a byte a chunk", _dripped("drip", streams=True)),
    Attack("17", "the same at once", _dripped("burst", streams=True)),
    Attack("17", "the same for who wants no stream", _dripped("burst", streams=False)),
)


# Connections (groups 18 and 19).

_FIELDS: Final = b"host: localhost\r\ncontent-type: application/json\r\nx-portkey-provider: echo\r\n"
_BEGUN: Final = b"POST /v1/chat/completions HTTP/1.1\r\n" + _FIELDS
_DRIPS: Final = {
    "head": _BEGUN + b"x: ",
    "body": _BEGUN + b"content-length: 9999\r\n\r\n",
    "extension of a chunk": _BEGUN + b"transfer-encoding: chunked\r\n\r\n1;",
}


def _drips(part: str) -> Run:
    """A byte each half second, where two seconds of silence are allowed."""

    async def run(scene: Scene) -> str:
        began = time.perf_counter()
        async with local.connected(scene.gateway.port) as connection:
            connection.send(_DRIPS[part])
            closed = asyncio.create_task(connection.reader.read())
            while not closed.done() and time.perf_counter() - began < 20:
                connection.send(b"a")
                await asyncio.wait([closed], timeout=0.5)
            seconds = time.perf_counter() - began
            if not closed.done():
                raise Unheld(f"open after {seconds:.0f} s")
            status = closed.result()[9:12].decode() if closed.exception() is None else "closed"
        return f"{status} after {seconds:.1f} s"

    return run


async def _half_open(scene: Scene) -> str:
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(local.connected(scene.gateway.port)) for _ in range(2000)]
        for connection in connections:
            connection.send(_DRIPS["head"])
        await asyncio.sleep(5)
        left = scene.gateway.process.open_files
    if left > 100:
        raise Unheld(f"{left} files are open after 5 s")
    return f"2,000 opened, {left} files open after 5 s"


async def _never_reads(scene: Scene) -> str:
    """Callers that take nothing of 20 MB."""
    files = scene.gateway.process.open_files
    config = compact({"provider": "openai", "api_key": "k", "custom_host": f"{scene.provider}/flood/v1"})
    request = local.request(local.CHAT, _CHAT, {"x-portkey-config": config})
    async with AsyncExitStack() as stack:
        for _ in range(5):
            connection = await stack.enter_async_context(local.connected(scene.gateway.port))
            connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
            connection.send(request)
        await asyncio.sleep(12)
        left = scene.gateway.process.open_files - files
    if left > 1:
        raise Unheld(f"{left} of 5 are open after 12 s")
    return f"{left} of 5 open after 12 s"


def _offers(number: int, offer: bytes) -> Run:
    async def run(scene: Scene) -> str:
        async with local.connected(scene.gateway.port) as connection:
            connection.send(offer * number)
            read = b""
            while read.count(b"HTTP/1.1 ") < number and (piece := await connection.reader.read(65_536)):
                read += piece
        if "Traceback" in scene.gateway.messages():
            raise Unheld("a traceback on standard error")
        return f"{read.count(b'HTTP/1.1 200')} of {number} answered"

    return run


_UPGRADE: Final = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
_PLAIN: Final = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"

CONNECTIONS: Final = (
    *(Attack("18", f"a byte at a time: {part}", _drips(part), "strict") for part in _DRIPS),
    Attack("18", "2,000 half-open connections", _half_open, "strict"),
    Attack("18", "5 callers that never read", _never_reads, "strict"),
    *(Attack("19", f"{n:,} offers of h2c at once", _offers(n, _UPGRADE), "guarded") for n in (800, 3000, 20_000)),
    Attack("19", "20,000 requests at once", _offers(20_000, _PLAIN), "guarded"),
)


# Files (group 21) that `penstock check` reads.

_FILES: Final = {
    "aliases.yaml": "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)),
    "digits.yaml": "provider: echo\nretry: {attempts: " + "9" * 100_000 + "}\n",
    "digits.json": '{"provider":"echo","weight":' + "9" * 100_000 + "}",
    "sixty.yaml": "provider: echo\nweight: " + "1" + ":59" * 20_000 + "\n",
    "merge.yaml": "a: &a {x: 1}\n" + "".join(f"b{n}: &b{n} {{<<: [{','.join(['*a'] * 900)}]}}\n" for n in range(60)),
    "deep.json": "[" * 200_000,
}  # fmt: skip


def _checks(name: str, content: str) -> Run:
    async def run(scene: Scene) -> str:
        path = scene.home / name
        path.write_text(content, "utf-8")
        return await asyncio.to_thread(check, str(path))

    return run


def check(path: str) -> str:
    """``penstock check`` of a file, with 2 GB of memory and 20 seconds."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))"
    program = f"{limit}; from penstock.__main__ import run; run()"
    began = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, "check", path], capture_output=True, timeout=20, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unheld("not done after 20 s") from None
    told = (done.stdout + done.stderr).decode(errors="replace")
    if "Traceback" in told:
        raise Unheld("a traceback")
    return f"exit {done.returncode} in {time.perf_counter() - began:.1f} s: {told.strip()[:60]!r}"


async def _endless(_: Scene) -> str:
    return await asyncio.to_thread(check, "/dev/zero")


FILES: Final = (
    *(Attack("21", f"penstock check {name}", _checks(name, content)) for name, content in _FILES.items()),
    Attack("21", "penstock check /dev/zero", _endless),
)


def _heads(size: int) -> Run:
    async def run(scene: Scene) -> str:
        answer = await scene.send(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * size + b"\r\n\r\n")
        if answer.status == 200:
            raise Unheld("served")
        return str(answer.status)

    return run


HEADS: Final = tuple(
    Attack("21", f"a header of {size >> 10} KiB", _heads(size), "guarded")
    for size in (66_000, 100_000, 250_000, 9_000_000)
)

PRESSURE: Final = (*NAMES, *CALLS, *PRIVATE_KEYS, *TRANSLATION, *CONNECTIONS, *FILES, *HEADS)

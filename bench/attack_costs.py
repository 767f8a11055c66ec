"""Attacks that want time or memory: small requests with a large bill, bodies that are never read, slow callers."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Final

from bench import local
from bench.attacking import KEYS, Attack, Run, Scene

Json = dict[str, Any]
_FALLBACK: Final[Json] = {"strategy": {"mode": "fallback"}, "provider": "echo"}
_ECHO: Final[Json] = {"provider": "echo"}
_MIB: Final = 1 << 20


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def sends(
    config: Json | Callable[[int], Json | str] | None = None, body: Callable[[], bytes] | None = None, times: int = 1,
    path: str = local.CHAT, **fields: str,
) -> Run:  # fmt: skip
    """Send requests with a config, or with one made for each; what the last was answered, and the seconds of each."""

    async def run(scene: Scene) -> str:
        data = body() if body is not None else b'{"model":"echo","messages":[]}'
        began = time.perf_counter()
        for number in range(times):
            headers = dict(fields)
            if config is not None:
                value = config(number) if callable(config) else config
                headers["x_portkey_config"] = value if isinstance(value, str) else compact(value)
            answer = await scene.ask(data, path, **headers)
        each = (time.perf_counter() - began) / times
        return f"{answer.status} × {times}, {each * 1000:.0f} ms each"

    return run


# Configs (group 1).


def _unknown(keys: int, targets: int, tag: str = "") -> Json:
    return {**_FALLBACK, **{f"zq{index:04d}x{tag}": 1 for index in range(keys)}, "targets": [{}] * targets}


def _conditional(query: Any, number: int) -> Json:
    strategy = {"mode": "conditional", "conditions": [{"query": query, "then": "a"}] * number, "default": "a"}
    return {"strategy": strategy, "targets": [{"provider": "echo", "name": "a"}]}


def _patterns(pattern: str, each: int, conditions: int) -> Json:
    return _conditional({"$and": [{"metadata.x": {"$regex": pattern}}] * each}, conditions)


def _read(number: int, operation: Any) -> Json:
    return _conditional({"$and": [{"params.messages": operation}] * (number // 100)}, 100)


def _sticky(fields: int) -> Json:
    strategy = {"mode": "loadbalance", "sticky": {"hash_fields": ["params.messages"] * fields}}
    return {"strategy": strategy, "targets": [_ECHO]}


def _params(count: int, targets: int, name: str = "override_params", tag: int = 0) -> Json:
    return {**_FALLBACK, name: {f"p{index}x{tag}": 1 for index in range(count)}, "targets": [{}] * targets}


def _nested(depth: int) -> str:
    return '{"provider":"echo","metadata":' + '{"aB":[' * depth + "]}" * depth + "}"


def chats(number: int, length: int = 100) -> bytes:
    return compact({"model": "echo", "messages": [{"role": "user", "content": "a" * length}] * number}).encode()


def _tools(number: int) -> bytes:
    properties = {f"p{index}": {"type": "string"} for index in range(10)}
    functions = [
        {"name": f"f{index}", "parameters": {"type": "object", "properties": properties}} for index in range(number)
    ]
    return compact(
        {"model": "echo", "messages": [], "tools": [{"type": "function", "function": each} for each in functions]}
    ).encode()


def _explains(**members: Any) -> Run:
    return sends(None, lambda: compact(members).encode(), path="/v1/explain")


_LONG_HOST: Final = {"provider": "openai", "custom_host": f"http://{local.HOST}:1/{'a' * 1900}"}
_LONG_VALUES: Final[dict[str, Json]] = {
    "25,000 words of api_key": {"api_key": "k," * 25_000},
    "a setting of 20,000 words": {"openai_x": "k," * 20_000},
    "an account of 1,200": {"vertex_service_account_json": {f"k{index}": "v" * 20 for index in range(1200)}},
    "45 paths": {"drop_params": ["a.b.c.d.e.f.g.h.i.j.k.l.m.n"] * 45},
}
_TWICE: Final[Json] = {"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}, "required": ["z"]}
_DOUBLING: Final[Json] = {"$defs": {"n": {"anyOf": [_TWICE, {**_TWICE, "required": ["y"]}]}}, "$ref": "#/$defs/n"}
"""A schema that is applied twice as often to each level of a value as to the level above."""


def _guarded(checks: int, check: Json, text: str = "a", hooks: int = 1) -> Run:
    """A request with its own guards; ``§`` in a check is its number."""
    numbered = [{f"c{n}": json.loads(compact(check).replace("§", str(n))) for n in range(checks)}] * hooks
    body = compact({"model": "echo", "messages": [{"role": "user", "content": text}]}).encode()
    return sends({**_ECHO, "input_guardrails": numbered}, lambda: body)


_LONG: Final = compact({"x": "a" * 1900})

CONFIGS: Final = (
    *(Attack("1a", f"{n} unknown keys × {n} targets", sends(_unknown(n, n))) for n in (80, 150, 300)),
    Attack("1a", "2,000 unknown keys × 9,000 targets", sends(_unknown(2000, 9000))),
    Attack("1a", "20 refused configs, each another", sends(lambda n: _unknown(300, 300, str(n)), times=20)),
    Attack("1a", "20 accepted configs, each another", sends(lambda n: _unknown(90, 500, str(n)), times=20)),
    Attack("1a", "a key of 60 KB", sends({**_ECHO, "retrie" + "s" * 60_000: 1})),
    Attack("1a", "a provider of 60 KB", sends({"provider": "opena" * 12_000})),
    Attack("1a", "a provider's header of 60 KB", sends(x_portkey_provider="opena" * 12_000)),
    Attack("1a", "a virtual key of 60 KB", sends(x_portkey_virtual_key="v" * 60_000)),
    Attack("1a", "values nested 90 and 3,000 deep", sends(lambda n: _nested((45, 3000)[n]), times=2)),
    Attack("1b", "20 × (?:[ab]{300}){300}", sends(_patterns("(?:[ab]{300}){300}", 20, 1))),
    Attack("1b", "12 such configs, each another", sends(
        lambda n: _patterns(f"(?:[ab]{{300}}){{{300 + n}}}", 20, 10), times=12)),
    Attack("1b", "30 configs of 100 × [ab]{99}", sends(lambda n: _patterns(f"[ab]{{9{n % 10}}}", 20, 5), times=30)),
    *(
        Attack("1c", f"{n} × (?:a+)+b", sends(
            _conditional({"metadata.x": {"$regex": "(?:a+)+b"}}, n), times=5, x_portkey_metadata=_LONG))
        for n in (50, 100, 200, 400)
    ),
    Attack("1c", "20 patterns × 5 conditions", sends(
        _patterns("(?:a|aa)+$", 20, 5), times=5, x_portkey_metadata=_LONG)),
    Attack("1d", "20 × 1,500 parameters × 1,000 targets", sends(lambda n: _params(1500, 1000, tag=n), times=20)),
    Attack("1d", "20 × 1,500 default_params × 1,000 targets", sends(
        lambda n: _params(1500, 1000, "default_params", n), times=20)),
    Attack("1d", "20 × an account of 1,500 members", sends(
        lambda n: _params(1500, 1000, "vertex_service_account_json", n), times=20)),
    Attack("1d", "20 × own parameters of 1,000 targets", sends(
        lambda n: {**_params(48, 1, tag=n), "targets": [{"override_params": {"a": 1}}] * 1000}, times=20)),
    Attack("1d", "100 plans that are kept, 1,000 targets each", sends(
        lambda n: {**_FALLBACK, **{f"q{index}x{n}": 1 for index in range(45)}, "targets": [{}] * 1000}, times=100)),
    Attack("1d", "a host of 2,000 characters × 1,000 targets", sends(
        {**_FALLBACK, **_LONG_HOST, "targets": [{}] * 1000})),
    *(
        Attack("1d", f"{name} × 1,000 targets, looked at for keys", sends(
            {**_FALLBACK, "provider": "openai", **above, "targets": [own] * 1000},
            x_portkey_api_key=KEYS["team-b"]), "guarded")
        for own in ({}, {"a": 1})
        for name, above in _LONG_VALUES.items()
    ),
    Attack("1e", "5 MB of messages, no condition", sends(_ECHO, lambda: chats(40_000))),
    *(
        Attack("1e", f"5 MB, {n} conditions", sends(_read(n, {"$gt": 1}), lambda: chats(40_000)))
        for n in (200, 500, 1000)
    ),
    *(Attack("1e", f"5 MB, {n} sticky fields", sends(_sticky(n), lambda: chats(40_000))) for n in (20, 200)),
    *(
        Attack("1f", f"{n} dropped paths, 400 KB of tools", sends(
            {**_ECHO, "drop_params": [f"tools[*].function.x{index}" for index in range(n)]}, lambda: _tools(960)))
        for n in (50, 100, 200)
    ),
    *(
        Attack("1g", f"faults of {n} spaces", _explains(config=_ECHO, faults=" " * n + "x"))
        for n in (400, 1600, 16_000)
    ),
    Attack("1g", "500 faults, 1,000 targets", _explains(
        config={**_FALLBACK, "targets": [{}] * 1000}, request={"model": "echo", "messages": []},
        faults=",".join(f"targets[{index}]=500" for index in range(500)))),
    *(
        Attack("1h", f"{hooks} guards of {n} × (?:a+)+b", _guarded(
            n, {"id": "regexMatch", "rule": "(?:a+)+b§"}, "a" * 2000, hooks))
        for n, hooks in ((50, 1), (190, 1), (190, 5))
    ),
    Attack("1h", "150 guards' patterns [ab]{99}{99}", _guarded(150, {"id": "regexMatch", "rule": "(?:[ab]{99}){9§}"})),
    Attack("1h", "40 schemas of 10 large patterns", _guarded(40, {"id": "jsonSchema", "schema": {
        "patternProperties": {f"(([a-z]{{90}}){{90}}){{{n}}}x§": {} for n in range(10)}}}, '{"a":1}')),
    *(
        Attack("1h", f"a schema that doubles, {n} levels", _guarded(
            1, {"id": "jsonSchema", "schema": _DOUBLING}, '{"a":' * n + "1" + "}" * n))
        for n in (12, 22, 60)
    ),
    Attack("1h", "50 searches for JSON in 100,000 brackets", _guarded(
        50, {"id": "jsonKeys", "keys": ["a"], "operator": "any"}, "[{" * 50_000)),
    Attack("1g", "/v1/explain with 300 × 300", _explains(config=_unknown(300, 300))),
    Attack("1g", "/v1/explain with a config of 1 MB", _explains(
        config={**_ECHO, "metadata": {f"k{n}": 1 for n in range(90_000)}})),
    Attack("1+", "10,000 names in x-portkey-forward-headers", sends(
        _ECHO, x_portkey_forward_headers=",".join(f"x{n}" for n in range(10_000)))),
    Attack("1+", "60 KB of metadata, nested", sends(_ECHO, x_portkey_metadata="[" * 30_000 + "]" * 30_000)),
    Attack("1+", "60 KB of metadata, 6,500 members", sends(
        _ECHO, x_portkey_metadata=compact({f"k{n}": "" for n in range(6500)}))),
)  # fmt: skip


# Bodies before a key is shown (group 3).


def bomb(size: int) -> bytes:
    return gzip.compress(b" " * size, 9)


def members(number: int, size: int) -> bytes:
    """A gzip body of many members."""
    return bomb(size) * number


def _head(length: int | None, path: str = local.CHAT, more: str = "") -> bytes:
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    fields = f"host: {local.HOST}\r\ncontent-type: application/json\r\nx-portkey-provider: echo\r\n{framing}\r\n{more}"
    return f"POST {path} HTTP/1.1\r\n{fields}\r\n".encode()


def _uploads(
    make: Callable[[], bytes], more: str = "", times: int = 1, side_by_side: int = 1, path: str = local.CHAT
) -> Run:
    """Send a body as it is, on several connections at a time."""

    async def run(scene: Scene) -> str:
        body = make()
        statuses = set()
        for _ in range(times):
            request = _head(len(body), path, more), body
            answers = await asyncio.gather(*(scene.send(*request) for _ in range(side_by_side)))
            statuses |= {answer.status for answer in answers}
        return f"{sorted(statuses)} for {len(body) >> 10} KiB"

    return run


async def _unfinished(scene: Scene) -> str:
    """Bodies of 90 MB of which the last byte is missing."""
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(local.connected(scene.gateway.port)) for _ in range(5)]
        for connection in connections:
            connection.send(_head(90 * _MIB))
            try:
                async with asyncio.timeout(3):
                    for _ in range(89):
                        connection.send(b" " * _MIB)
                        await connection.writer.drain()
            except (ConnectionError, TimeoutError):
                pass
        most = scene.gateway.process.resident_kb >> 10
    return f"RSS {most} MB meanwhile"


async def _tiny_chunks(scene: Scene) -> str:
    body = b"1\r\n \r\n" * (11 * _MIB // 6) + b"0\r\n\r\n"
    answer = await scene.send(_head(None), *(body[at : at + _MIB] for at in range(0, len(body), _MIB)))
    return f"{answer.status} for {len(body) >> 20} MiB"


_GZIP: Final = "content-encoding: gzip\r\n"
BODIES: Final = (
    Attack("3", "gzip 98 KiB -> 99 MiB, no key", _uploads(lambda: bomb(99 * _MIB), _GZIP), "guarded"),
    Attack("3", "three of them for a while, no key", _uploads(lambda: bomb(99 * _MIB), _GZIP, 5, 3), "guarded"),
    Attack("3", "gzip of 100,000 members, no key", _uploads(lambda: members(100_000, 9), _GZIP), "guarded"),
    Attack("3", "five unfinished bodies of 90 MB, no key", _unfinished, "guarded"),
    Attack("3", "11 MB in chunks of 1 byte, no key", _tiny_chunks, "guarded"),
    Attack(
        "3", "90 MB to a path that is not there", _uploads(lambda: b" " * (90 * _MIB), path="/v1/nothing"), "guarded"
    ),
    Attack("3", "gzip 98 KiB -> 99 MiB, let in", _uploads(lambda: bomb(99 * _MIB), _GZIP)),
    Attack(
        "3", "gzip within the ratio, 64 MiB, let in", _uploads(lambda: gzip.compress(chats(600, 100_000), 1), _GZIP)
    ),
    Attack("3", "gzip of 100,000 members, let in", _uploads(lambda: members(100_000, 9), _GZIP)),
    Attack("3", "five unfinished bodies of 90 MB, let in", _unfinished),
    Attack("3", "11 MB in chunks of 1 byte, let in", _tiny_chunks),
)

COSTS: Final = (*CONFIGS, *BODIES)

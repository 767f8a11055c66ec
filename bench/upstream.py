"""The mock provider: nginx with lua, so that it never is the bottleneck.

The first path segment chooses how it behaves, so that one server plays every kind of provider. Its other half is
mock.lua: a new behaviour is an enum value, a location and a function there.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

import trustme

from bench import nginx, payload, process, route, wire
from bench.failure import MeasurementError
from bench.machine import Tools
from bench.route import Route

CHUNKS: Final = 100
"""Content chunks of one streamed answer, 5 ms apart; ``data: [DONE]`` comes on top."""

FLOOD_MB: Final = 50
_PIECE: Final = 16
"""Events of a long stream that are sent at once."""


class Behaviour(Enum):
    """How the provider answers; the value is the first path segment."""

    CALM = "calm"
    """Answers at once, or streams when asked to."""
    CLAUDE = "claude"
    """Calm, in the dialect of Anthropic's Messages."""
    WIRES = "wires"
    """Calm, in the wire whose path it is asked by; its streams are long, and come as fast as they are taken."""
    IDLE = "idle"
    """Streams one chunk and then keeps silent."""
    FLOOD = "flood"
    """Streams 50 MB as fast as they are taken."""
    BRIEF = "brief"
    """Calm, with a short stream, and closes idle connections after a second; so do the three below."""
    RESET = "reset"
    """Resets the connection instead of answering."""
    CUT = "cut"
    """Streams three chunks and then breaks off."""
    STALL = "stall"
    """Never answers."""


@dataclass(frozen=True)
class Upstream:
    """The running mock."""

    plain_port: int
    tls_port: int
    authority: Path
    """The certificate of the authority that signed the TLS port's certificate."""

    def base_url(self, behaviour: Behaviour, *, tls: bool = False) -> str:
        origin = f"https://127.0.0.1:{self.tls_port}" if tls else f"http://127.0.0.1:{self.plain_port}"
        return f"{origin}/{behaviour.value}/v1"

    def direct(self, behaviour: Behaviour) -> Route:
        """The way to the mock with nothing in between."""
        return Route(self.plain_port, f"/{behaviour.value}{route.CHAT_PATH}", {})


@contextmanager
def running(tools: Tools, cores: frozenset[int], home: Path) -> Iterator[Upstream]:
    home.mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(home / "authority.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(home / "server.pem"))
    (home / "reply").write_text(_reply(), encoding="utf-8")
    (home / "chunk").write_text(_chunk("tide "), encoding="utf-8")
    for name, text in _claude().items():
        (home / name).write_text(text, encoding="utf-8")
    for name, spoken in wire.WIRES.items():
        (home / f"{name}-answer").write_text(json.dumps(spoken.answer), encoding="utf-8")
        for number, piece in enumerate(_pieces(wire.STREAMS.get(name, []))):
            (home / f"{name}-{number}").write_bytes(piece)
    (home / "block").write_text(_chunk("tide " * 3_000), encoding="utf-8")
    upstream = Upstream(process.free_port(), process.free_port(), home / "authority.pem")
    with nginx.running(tools, cores, home, _http(upstream, home), lua=True) as server:
        _wait(server, upstream)
        yield upstream


def _wait(server: process.Process, upstream: Upstream) -> None:
    body = payload.chat()
    while server.running:
        try:
            route.verify(upstream.direct(Behaviour.CALM), body, b'"object":"chat.completion"')
        except ConnectionRefusedError:
            time.sleep(0.005)
        else:
            return
    raise MeasurementError(f"the mock upstream did not start: {server.last_words()}")


def _http(upstream: Upstream, home: Path) -> str:
    return f"""
    init_by_lua_block {{
        mock = assert(loadfile("{Path(__file__).with_name("mock.lua")}"))("{home}")
    }}
    server {{
        listen 127.0.0.1:{upstream.plain_port} backlog=4096;
        listen 127.0.0.1:{upstream.tls_port} ssl backlog=4096;
        ssl_certificate {home}/server.pem;
        ssl_certificate_key {home}/server.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        keepalive_timeout 75s;
        location /calm/  {{ content_by_lua_block {{ mock.answer({CHUNKS}) }} }}
        location /claude/ {{ content_by_lua_block {{ mock.claude({CHUNKS}) }} }}
        {_wires()}
        location /flood/ {{ content_by_lua_block {{ mock.flood({FLOOD_MB}) }} }}
        location /idle/  {{ lua_check_client_abort on; content_by_lua_block {{ mock.idle() }} }}
        location ~ ^/(brief|reset|cut|stall)/ {{
            keepalive_timeout 1s;
            reset_timedout_connection on;
            lua_check_client_abort on;
            content_by_lua_block {{ mock[ngx.var[1]]() }}
        }}
    }}
"""


def _wires() -> str:
    """A location for each wire: how its paths end, its name, how many pieces its streams have."""
    return "\n        ".join(
        f"location ~ ^/wires/.*{re.escape(spoken.end)}$ "
        f'{{ content_by_lua_block {{ mock.wire("{name}", {len(_pieces(wire.STREAMS.get(name, [])))}) }} }}'
        for name, spoken in wire.WIRES.items()
    )


def _pieces(events: Sequence[bytes]) -> list[bytes]:
    return [b"".join(events[start : start + _PIECE]) for start in range(0, len(events), _PIECE)]


def _reply() -> str:
    """A complete answer of about 1.3 KB, with the members that OpenAI sends."""
    text = "Bear away slowly, then take in the second reef at the mast. " * 16
    message: dict[str, object] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    return json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": payload.MODEL,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 950, "completion_tokens": 240, "total_tokens": 1190},
            "system_fingerprint": "fp_bench",
        },
        separators=(",", ":"),
    )


def _claude() -> dict[str, str]:
    """The same answer as Anthropic's Messages give it: whole, and the pieces of its stream."""
    text = "Bear away slowly, then take in the second reef at the mast. " * 16
    message = {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 950, "output_tokens": 240},
    }
    begun = {**message, "content": [], "stop_reason": None}
    block = {"type": "text", "text": ""}
    delta = {"type": "text_delta", "text": "tide "}
    stopped = {"stop_reason": "end_turn", "stop_sequence": None}
    return {
        "message": json.dumps(message, separators=(",", ":")),
        "opening": _event("message_start", message=begun) + _event("content_block_start", index=0, content_block=block),
        "delta": _event("content_block_delta", index=0, delta=delta),
        "closing": _event("content_block_stop", index=0)
        + _event("message_delta", delta=stopped, usage={"output_tokens": 240})
        + _event("message_stop"),
    }


def _event(kind: str, **members: object) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members}, separators=(',', ':'))}\n\n"


def _chunk(text: str) -> str:
    chunk = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": payload.MODEL,
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    }
    return "data: " + json.dumps(chunk, separators=(",", ":")) + "\n\n"

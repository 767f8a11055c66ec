"""What the wires cost beside each other: lane 1 of each wire beside lane 1 of chat, and a long stream of Responses
beside the same of chat.

All are asked of one gateway in turns, so that the machine's other work weighs on each alike. Their provider is a thread
of this program, which answers with bytes that were made before.
"""

from __future__ import annotations

import http.client
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from bench import payload, route
from bench.failure import MeasurementError
from bench.measures import Run
from bench.results import Sample
from bench.upstream import Behaviour

EVENTS: Final = 10_000
"""Events of the long streams."""
_PIECE: Final = 16
"""Events that are sent at once."""
_TURNS: Final = 5
_REQUESTS: Final = 300
"""Requests of one wire in one turn."""
_STREAMS: Final = 3
"""Long streams of one wire in one turn."""
_TEXT: Final = "Bear away slowly, then take in the second reef at the mast. " * 16
_QUESTION: Final = "How do I reef the mainsail when the wind freshens, and which line do I ease first? " * 40


@dataclass(frozen=True)
class Wire:
    """A wire of chats: its provider, its path at the gateway, the end of the provider's path, a request, an answer."""

    provider: str
    path: str
    end: str
    request: dict[str, Any]
    answer: dict[str, Any]
    headers: tuple[tuple[str, str], ...] = ()


_MESSAGES: Final = [{"role": "user", "content": _QUESTION}]
_COUNTS: Final = {"input_tokens": 950, "output_tokens": 240}
_OUTPUT: Final = {
    "id": "msg_1", "type": "message", "status": "completed", "role": "assistant",
    "content": [{"type": "output_text", "text": _TEXT, "annotations": [], "logprobs": []}],
}  # fmt: skip
RESPONSE: Final = {
    "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [_OUTPUT],
    "usage": {**_COUNTS, "total_tokens": 1190},
}  # fmt: skip
WIRES: Final = {
    "chat": Wire(
        "openai", "/v1/chat/completions", "/chat/completions", {"model": "m", "messages": _MESSAGES},
        {"id": "c", "object": "chat.completion", "created": 1, "model": "m",
         "choices": [{"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}],
         "usage": {"prompt_tokens": 950, "completion_tokens": 240, "total_tokens": 1190}},
    ),
    "responses": Wire("openai", "/v1/responses", "/responses", {"model": "m", "input": _QUESTION}, RESPONSE),
    "messages": Wire(
        "anthropic", "/v1/messages", "/messages", {"model": "m", "max_tokens": 400, "messages": _MESSAGES},
        {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
         "stop_sequence": None, "content": [{"type": "text", "text": _TEXT}], "usage": _COUNTS},
        (("anthropic-version", "2023-06-01"),),
    ),
    "gemini": Wire(
        "google", "/v1beta/models/m:generateContent", ":generateContent",
        {"contents": [{"role": "user", "parts": [{"text": _QUESTION}]}]},
        {"candidates": [{"content": {"role": "model", "parts": [{"text": _TEXT}]}, "finishReason": "STOP", "index": 0}],
         "usageMetadata": {"promptTokenCount": 950, "candidatesTokenCount": 240, "totalTokenCount": 1190}},
    ),
    "converse": Wire(
        "bedrock", "/model/m/converse", "/converse",
        {"messages": [{"role": "user", "content": [{"text": _QUESTION}]}]},
        {"output": {"message": {"role": "assistant", "content": [{"text": _TEXT}]}}, "stopReason": "end_turn",
         "usage": {"inputTokens": 950, "outputTokens": 240, "totalTokens": 1190}, "metrics": {"latencyMs": 7}},
        (("x-portkey-aws-auth-type", "apiKey"),),
    ),
    "cohere": Wire(
        "cohere", "/v2/chat", "/v2/chat", {"model": "m", "messages": _MESSAGES},
        {"id": "c", "message": {"role": "assistant", "content": [{"type": "text", "text": _TEXT}]},
         "finish_reason": "COMPLETE", "usage": {"tokens": _COUNTS}},
    ),
    "ollama": Wire(
        "ollama", "/api/chat", "/api/chat", {"model": "m", "messages": _MESSAGES, "stream": False},
        {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": _TEXT},
         "done": True, "done_reason": "stop", "prompt_eval_count": 950, "eval_count": 240},
        (("x-portkey-ollama-api", "native"),),
    ),
}  # fmt: skip


def wires(run: Run) -> Sample:
    """CPU per request of each wire and its ratio to chat's; CPU per event of a long stream of chat and of Responses."""
    port, process = run.subject.way(Behaviour.CALM).port, run.subject.process
    used: dict[str, list[float]] = {name: [] for name in (*WIRES, *_STREAMED)}
    with _provider() as provider:
        asking: dict[str, tuple[Callable[[int], None], int]] = {
            name: (_asking(wire, port, provider, stream=False), _REQUESTS) for name, wire in WIRES.items()
        }
        for name, wire in _STREAMED.items():
            asking[name] = (_asking(WIRES[wire], port, provider, stream=True), _STREAMS)
        for ask, number in asking.values():
            ask(max(1, number // 3))
        for _ in range(_TURNS):
            for name, (ask, number) in asking.items():
                before = process.cpu_seconds
                ask(number)
                used[name].append((process.cpu_seconds - before) / number * 1e6)
    cpu = {name: sum(values) / len(values) for name, values in used.items()}
    ratios = {f"{name}_ratio": cpu[name] / cpu["chat"] for name in WIRES if name != "chat"}
    events = {name: cpu[name] / EVENTS for name in _STREAMED}
    return {**{name: cpu[name] for name in WIRES}, **ratios, **events, "events_ratio": cpu["events"] / cpu["chunks"]}


_STREAMED: Final = {"chunks": "chat", "events": "responses"}


def _asking(wire: Wire, port: int, provider: str, *, stream: bool) -> Callable[[int], None]:
    """Sends so many requests of a wire, one after the other."""
    body = json.dumps({**wire.request, "stream": True} if stream else wire.request).encode()
    base = f"{provider}/v1" if wire.provider in {"openai", "anthropic"} else provider
    headers = {
        **route.by_headers(base),
        "x-portkey-provider": wire.provider,
        "content-type": "application/json",
        **dict(wire.headers),
    }

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            for _ in range(number):
                connection.request("POST", wire.path, body, headers)
                answer = connection.getresponse()
                data = answer.read()
                if answer.status != 200 or len(data) < len(_TEXT):
                    raise MeasurementError(f"{wire.path} was answered {answer.status}: {data[:300].decode()}")
        finally:
            connection.close()

    return ask


# The provider.


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def _provider() -> Iterator[str]:
    """A provider of every wire; its base URL."""
    with _Server(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Answers(socketserver.StreamRequestHandler):
    """One connection of the gateway's."""

    def handle(self) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while line := self.rfile.readline():
            length = 0
            while (field := self.rfile.readline()).strip():
                field_name, _, value = field.partition(b":")
                length = int(value) if field_name.lower() == b"content-length" else length
            body = self.rfile.read(length)
            path = line.split()[1].decode().partition("?")[0]
            name = next(name for name, wire in WIRES.items() if path.endswith(wire.end))
            if b'"stream": true' in body or b'"stream":true' in body:
                self._stream(name)
            else:
                data = json.dumps(WIRES[name].answer).encode()
                head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                self.wfile.write(head % len(data) + data)

    def _stream(self, name: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        events = STREAMS[name]
        for start in range(0, len(events), _PIECE):
            piece = b"".join(events[start : start + _PIECE])
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


def _chunks() -> list[bytes]:
    """A stream of chat."""
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": payload.MODEL}

    def chunk(delta: dict[str, Any], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"

    usage = b"data: " + json.dumps({**head, "choices": [], "usage": WIRES["chat"].answer["usage"]}).encode() + b"\n\n"
    return [chunk({"content": "tide "}, None)] * (EVENTS - 3) + [chunk({}, "stop"), usage, b"data: [DONE]\n\n"]


def _response_events() -> list[bytes]:
    """A stream of Responses, its events numbered."""
    begun = {**RESPONSE, "status": "in_progress", "output": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    delta = {**place, "delta": "tide ", "logprobs": []}
    middle: list[dict[str, Any]] = [{"type": "response.output_text.delta", **delta}] * (EVENTS - 3)
    events = [
        {"type": "response.created", "response": begun},
        *middle,
        {"type": "response.output_text.done", **place, "text": _TEXT, "logprobs": []},
        {"type": "response.completed", "response": RESPONSE},
    ]
    return [
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps({**event, "sequence_number": number}).encode())
        for number, event in enumerate(events)
    ]


STREAMS: Final = {"chat": _chunks(), "responses": _response_events()}

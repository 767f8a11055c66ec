"""Uploads: large files and forms pass to the host while they arrive, in memory that doesn't grow with them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import Upstream, reply


@pytest.fixture(name="gateway", scope="module")
def gateway_of_its_own_protocol() -> Iterator[RunningGateway]:
    """Under another ASGI server bodies are held (docs/endpoints.md#uploads)."""
    with running_gateway(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent"))) as running:
        yield running


BOUNDARY = "XyZ0123456789"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
PIECE = bytes(range(256)) * 1024
MEBIBYTE = 4
"""Pieces in one."""
FLAT = 24 << 20
"""Bytes that a process may take for an upload of any size, the test's own ends of it among them."""


def head_of_file(name: str = "file") -> bytes:
    return (
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"; filename="a.bin"\r\n'
        "content-type: application/octet-stream\r\n\r\n"
    ).encode()


def field(name: str, value: str) -> bytes:
    return f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


END = f"\r\n--{BOUNDARY}--\r\n".encode()


class Host:
    """A host that reads a request's body without keeping it. ``got`` are its bytes, ``digest`` theirs, ``first`` the
    beginning; ``left``: the other side broke off."""

    def __init__(self, answer: Callable[[Host, socket.socket], None]) -> None:
        self.url = ""
        self.head = b""
        self.first = b""
        self.got = 0
        self.digest = hashlib.sha256()
        self.begun = threading.Event()
        self.left = threading.Event()
        self._answer = answer

    def serve(self, listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            self.head, _, rest = data.partition(b"\r\n\r\n")
            self.count(rest)
            self.begun.set()
            self._answer(self, connection)

    def count(self, data: bytes) -> None:
        self.got += len(data)
        self.first = (self.first + data)[:400]
        self.digest.update(data)

    def read(self, connection: socket.socket, until: Callable[[], bool]) -> bool:
        """Read on until it is enough; False if the other side broke off before."""
        while not until():
            try:
                data = connection.recv(1 << 18)
            except ConnectionError:
                data = b""
            if not data:
                self.left.set()
                return False
            self.count(data)
        return True

    @property
    def length(self) -> int:
        (line,) = [line for line in self.head.lower().split(b"\r\n") if line.startswith(b"content-length: ")]
        return int(line.partition(b": ")[2])


def answered(status: int, body: Any) -> bytes:
    data = json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        status,
        len(data),
        data,
    )


def takes_all(host: Host, connection: socket.socket) -> None:
    if host.read(connection, lambda: host.got >= host.length):
        connection.sendall(answered(200, {"id": "file-1", "text": "hi"}))


@contextlib.contextmanager
def host_that(answer: Callable[[Host, socket.socket], None]) -> Iterator[Host]:
    host = Host(answer)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread = threading.Thread(target=host.serve, args=(listening,), daemon=True)
        thread.start()
        yield host
        thread.join(300)
        assert not thread.is_alive()


def headers(host: str, **more: str) -> dict[str, str]:
    return {
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"{host}/v1",
        "authorization": "Bearer sk-o",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


def pieces(number: int, digest: Any, before: bytes = b"", behind: bytes = b"") -> Iterator[bytes]:
    for piece in (before, *(PIECE for _ in range(number)), behind):
        digest.update(piece)
        yield piece


def peak_of(run: Callable[[], None]) -> int:
    """The most bytes that the process took while something ran."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_200_megabytes_pass_in_flat_memory(gateway: RunningGateway) -> None:
    before, size = field("purpose", "batch") + head_of_file(), 200 * MEBIBYTE
    length, sent = len(before) + size * len(PIECE) + len(END), hashlib.sha256()

    def upload(host: Host) -> None:
        content = pieces(size, sent, before, END)
        fields = headers(host.url, content_type=FORM, content_length=str(length))
        told = httpx.post(f"{gateway.v1}/files", content=content, headers=fields, timeout=300)
        assert (told.status_code, told.json()["id"]) == (200, "file-1")

    with host_that(takes_all) as host:
        peak = peak_of(lambda: upload(host))
    assert (host.got, host.digest.digest()) == (length, sent.digest())
    assert host.head.startswith(b"POST /v1/files HTTP/1.1")
    assert b"boundary=" + BOUNDARY.encode() in host.head
    assert peak < FLAT, peak


def test_a_host_that_reads_slowly_makes_the_caller_wait(gateway: RunningGateway) -> None:
    """Nothing is read of the caller while the host takes nothing: what was sent meanwhile is bounded."""
    goes_on, sent = threading.Event(), 0

    def answer(host: Host, connection: socket.socket) -> None:
        assert goes_on.wait(300)
        takes_all(host, connection)

    with (
        host_that(answer) as host,
        socket.create_connection(("127.0.0.1", int(gateway.url.rpartition(":")[2]))) as caller,
    ):
        total = 100 * MEBIBYTE * len(PIECE)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers(host.url).items())
        caller.sendall(f"POST /v1/files HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}content-length: {total}\r\n\r\n".encode())
        caller.settimeout(1.0)
        with contextlib.suppress(TimeoutError):
            while sent < total:
                sent += caller.send(PIECE)
        assert sent < total // 2  # the kernels' buffers on the way, and ours
        goes_on.set()
        caller.settimeout(300)
        while sent < total:
            at = sent % len(PIECE)
            sent += caller.send(PIECE[at : at + total - sent])
        answer_of_host = b""
        while b"HTTP/1.1 200" not in answer_of_host:  # behind probes (RFC 9110, 15.2.1)
            answer_of_host += caller.recv(4096)
            assert answer_of_host
    assert host.got == total


def test_a_caller_that_leaves_midway(gateway: RunningGateway) -> None:
    def answer(host: Host, connection: socket.socket) -> None:
        host.read(connection, lambda: False)

    with host_that(answer) as host:
        port = int(gateway.url.rpartition(":")[2])
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers(host.url).items())
        lines += "x-portkey-trace-id: t-left\r\n"
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.sendall(
                f"POST /v1/files HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}content-length: 99000000\r\n\r\n".encode()
            )
            caller.sendall(PIECE * 16)
            assert host.begun.wait(300)
        assert host.left.wait(300)
    assert host.got < 99000000
    assert record_of(gateway, "t-left").failure == "client_disconnected"


def test_a_host_that_answers_early_with_an_error(gateway: RunningGateway) -> None:
    told, refused = threading.Event(), {"error": {"message": "too large for us", "type": "invalid_request_error"}}

    def answer(host: Host, connection: socket.socket) -> None:
        connection.sendall(answered(413, refused))
        assert told.wait(300)
        host.read(connection, lambda: False)

    with host_that(answer) as host:
        port = int(gateway.url.rpartition(":")[2])
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers(host.url).items())
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.sendall(
                f"POST /v1/files HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}content-length: 99000000\r\n\r\n".encode()
            )
            caller.sendall(PIECE * 8)
            caller.settimeout(300)
            response = b""
            while b"too large for us" not in response:
                data = caller.recv(65536)
                assert data, response
                response += data
            assert response.startswith(b"HTTP/1.1 413 ")
            assert b"connection: close" in response.lower()
            told.set()
        assert host.left.wait(300)


def test_an_upload_of_unknown_length(gateway: RunningGateway) -> None:
    """In chunks, as it came."""
    sent = hashlib.sha256()

    def answer(host: Host, connection: socket.socket) -> None:
        assert b"transfer-encoding: chunked" in host.head.lower()
        assert host.read(connection, lambda: host.got > 8 * MEBIBYTE * len(PIECE))
        connection.settimeout(300)
        tail = b""
        while not tail.endswith(b"0\r\n\r\n"):
            tail = (tail + connection.recv(1 << 18))[-64:]
        connection.sendall(answered(200, {"id": "file-1"}))

    with host_that(answer) as host:
        content = pieces(12 * MEBIBYTE, sent)
        told = httpx.put(f"{gateway.v1}/proxy/parts", content=content, headers=headers(host.url), timeout=300)
    assert told.status_code == 200


def record_of(gateway: RunningGateway, trace: str) -> Any:
    """The record of a request, which is written when its answer is complete."""
    while True:
        for record in gateway.taken():
            if record.trace_id == trace:
                return record
        time.sleep(0.01)


def transcribed(gateway: RunningGateway, host: Host, *parts: bytes) -> httpx.Response:
    body = b"".join(parts)
    return httpx.post(
        f"{gateway.v1}/audio/transcriptions",
        content=body,
        headers={**headers(host.url, content_type=FORM), "x-portkey-trace-id": "t-form"},
        timeout=60,
    )


SOUND = PIECE * 8


def test_a_forms_model_is_read_before_its_file(upstream: Upstream, tmp_path: Path) -> None:
    """The virtual key's name is taken off the model; every other byte stays."""
    catalogue = tmp_path / "penstock.toml"
    catalogue.write_text(
        f'[virtual_keys.mine]\nprovider = "openai"\ncredential = "file:secret.txt"\nbase_url = "{upstream.url}/v1"\n'
    )
    (tmp_path / "secret.txt").write_text("sk-mine")
    before, rest = field("response_format", "json"), head_of_file() + SOUND + END
    with running_gateway(load({}, {}, tmp_path), catalogue) as running:
        upstream.play(reply(body=b'{"text": "hi"}'))
        told = httpx.post(
            f"{running.v1}/audio/transcriptions",
            content=before + field("model", "@mine/whisper-1") + rest,
            headers={"content-type": FORM},
            timeout=60,
        )
    assert told.json() == {"text": "hi"}
    assert upstream.last.body == before + field("model", "whisper-1") + rest


def test_a_model_behind_the_file_is_found_too(gateway: RunningGateway) -> None:
    with host_that(takes_all) as host:
        behind = b"\r\n" + field("model", "whisper-1")
        told = transcribed(gateway, host, head_of_file(), SOUND, behind, END[2:])
        assert told.status_code == 200
    assert record_of(gateway, "t-form").attempts[-1].model == "whisper-1"


def test_a_second_model_behind_the_file_is_refused(gateway: RunningGateway) -> None:
    def answer(host: Host, connection: socket.socket) -> None:
        host.read(connection, lambda: False)

    with host_that(answer) as host:
        behind = b"\r\n" + field("model", "gpt-4o-transcribe") + field("stream", "true")
        told = transcribed(gateway, host, field("model", "whisper-1"), head_of_file(), SOUND, behind, END[2:])
        assert told.status_code == 400
        assert "model" in told.json()["error"]["message"]
        assert host.left.wait(300)
    assert host.got < len(SOUND) + 4096


def test_a_form_that_may_be_sent_again_is_held(gateway: RunningGateway, upstream: Upstream) -> None:
    """A config with a second target gets the whole form twice."""
    upstream.play(reply(500, b"{}"))
    upstream.play(reply(body=b'{"text": "second"}'))
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    config = {"strategy": {"mode": "fallback"}, "targets": [target, target]}
    body = field("model", "whisper-1") + head_of_file() + SOUND + END
    told = httpx.post(
        f"{gateway.v1}/audio/transcriptions",
        content=body,
        headers={"content-type": FORM, "x-portkey-config": json.dumps(config)},
        timeout=60,
    )
    assert told.json() == {"text": "second"}
    assert [each.body for each in upstream.received] == [body, body]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[RunningGateway]:
    settings = {"server": {"max_body_bytes": 1 << 20, "max_upload_bytes": 4 << 20}}
    (tmp_path / "penstock.toml").write_text("\n".join(f"[{name}]\n" + "\n".join(
        f"{key} = {value}" for key, value in values.items()
    ) for name, values in settings.items()))  # fmt: skip
    with running_gateway(load({}, {}, tmp_path)) as running:
        yield running


def test_what_is_too_large_to_be_held_is_sent_once(small: RunningGateway, upstream: Upstream) -> None:
    """Above max_body_bytes the first target's answer is the last; above max_upload_bytes there is none."""
    upstream.play(reply(500, b'{"error": {"message": "first"}}'))
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    config = {"strategy": {"mode": "fallback"}, "targets": [target, target]}
    fields = {"content-type": FORM, "x-portkey-config": json.dumps(config)}
    body = field("model", "whisper-1") + head_of_file() + SOUND + END
    told = httpx.post(f"{small.v1}/audio/transcriptions", content=body, headers=fields, timeout=300)
    assert (told.status_code, len(upstream.received)) == (500, 1)
    assert "first" in told.text
    told = httpx.post(f"{small.v1}/audio/transcriptions", content=body + SOUND * 2, headers=fields, timeout=300)
    assert told.status_code == 413
    assert "max_upload_bytes" in told.text
    assert len(upstream.received) == 1


def test_a_host_that_answers_early_and_hangs_up(gateway: RunningGateway) -> None:
    """Its kernel resets the connection, since bytes were left unread: the answer was sent before."""

    def answer(host: Host, connection: socket.socket) -> None:
        connection.sendall(answered(413, {"error": {"message": "too large for us", "type": "invalid_request_error"}}))

    for _ in range(10):
        with host_that(answer) as host:
            content = pieces(8 * MEBIBYTE, hashlib.sha256())
            fields = headers(host.url, content_length=str(8 * MEBIBYTE * len(PIECE)))
            told = httpx.post(f"{gateway.v1}/files", content=content, headers=fields, timeout=300)
        assert (told.status_code, "too large for us" in told.text) == (413, True), told.text

"""A raw connection to a gateway: bytes in, responses out."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import httptools

from running import RunningGateway

BODY = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "hi there"}]}).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-portkey-provider: echo\r\ncontent-type: application/json\r\n"
REQUEST = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY

Response = tuple[int, dict[str, str], bytes]


def with_length(head: bytes, body: bytes) -> bytes:
    """A request of ``head`` (without its end) and ``body``."""
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


class Caller:
    """A raw connection, and the responses that come over it."""

    def __init__(self, gateway: RunningGateway, receive_buffer: int | None = None) -> None:
        address = urlsplit(gateway.url)
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(300)
        self.socket.connect((address.hostname, address.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.raw = b""

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def responses(self, count: int) -> list[Response]:
        """Read until so many responses are complete."""
        done: list[Response] = []
        headers: dict[str, str] = {}
        body = b""

        class Callbacks:
            def on_header(self, name: bytes, value: bytes) -> None:
                headers[name.decode()] = value.decode()

            def on_body(self, data: bytes) -> None:
                nonlocal body
                body += data

            def on_message_complete(self) -> None:
                nonlocal body
                if parser.get_status_code() >= 200:
                    done.append((parser.get_status_code(), dict(headers), body))
                headers.clear()
                body = b""

        parser = httptools.HttpResponseParser(Callbacks())
        while len(done) < count:
            data = self.socket.recv(65536)
            assert data, (done, self.raw)
            self.raw += data
            parser.feed_data(data)
        return done

    def rest(self) -> bytes:
        """All bytes up to the end of the connection."""
        received = b""
        try:
            while data := self.socket.recv(65536):
                received += data
        except ConnectionResetError:
            pass
        return received

    def is_closed(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def said(response: Response) -> str:
    """The text of a completion."""
    assert response[0] == 200, response
    text: str = json.loads(response[2])["choices"][0]["message"]["content"]
    return text


def code_of(response: Response) -> tuple[int, str]:
    """The status and the code of an error in OpenAI's words."""
    return response[0], json.loads(response[2])["error"]["code"]

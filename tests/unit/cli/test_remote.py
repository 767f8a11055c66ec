"""A client of a running gateway, of one that breaks off, and of none."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from commands import CHUNK, STREAM, run
from upstream import refusing_port


class Remote(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    reply = b""
    asked = ""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        type(self).asked = self.path
        self.wfile.write(self.reply)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing: a test's output is for its failures."""


@pytest.fixture
def remote() -> Iterator[str]:
    """The address of a gateway on a socket that answers with ``Remote.reply``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Remote)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_chat_with_a_running_gateway(remote: str, suffix: str) -> None:
    stream = CHUNK % b"Hello" + b"data: [DONE]\n\n"
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {STREAM}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    Remote.reply = head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(stream), stream)
    assert run("chat", "Hi", "--url", remote + suffix).output == "Hello\n"
    assert Remote.asked == "/v1/chat/completions"


def test_chat_with_a_gateway_that_breaks_off(remote: str) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {STREAM}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    Remote.reply = head + b"ff\r\n" + CHUNK % b"Hel"
    result = run("chat", "Hi", "--url", remote)
    assert result.exit_code == 1
    assert result.stderr.endswith(f"Error: the gateway at {remote} broke off its reply\n")


def test_chat_with_a_gateway_that_is_not_there() -> None:
    with refusing_port() as port:
        url = f"http://127.0.0.1:{port}"
        result = run("chat", "Hi", "--url", url)
    assert result.exit_code == 1
    assert result.stderr == f"Error: can't reach a gateway at {url}: Connection refused\n"

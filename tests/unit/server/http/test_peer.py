"""Whether the other end of a real connection is gone. Nothing here reads: a transport that reads learns it by itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

import pytest

from penstock.server.http.peer import is_gone


class Transport(asyncio.BaseTransport):
    """A transport as far as its socket."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__({"socket": sock})


def leave_open(_: socket.socket) -> None:
    """The caller waits."""


def end(caller: socket.socket) -> None:
    """The caller ends its own side, as ``nc -N`` does."""
    caller.shutdown(socket.SHUT_WR)


def close(caller: socket.socket) -> None:
    """The caller is gone."""
    caller.close()


def probe(accepted: socket.socket) -> None:
    with contextlib.suppress(ConnectionError):
        accepted.send(b"x")


@pytest.mark.parametrize(("leave", "gone"), [(leave_open, False), (end, False), (close, True)])
def test_only_an_end_that_answers_with_a_reset_is_gone(leave: Callable[[socket.socket], None], gone: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as caller:
        caller.connect(listening.getsockname())
        accepted, _ = listening.accept()
        with accepted:
            transport: Any = Transport(accepted)
            assert not is_gone(transport)
            leave(caller)
            assert not is_gone(transport)
            probe(accepted)
            probe(accepted)
            assert is_gone(transport) == gone


def test_a_unix_socket_is_asked_for_its_error() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not is_gone(Transport(ours))


def test_a_closed_socket_is_gone() -> None:
    sock = socket.socket()
    sock.close()
    assert is_gone(Transport(sock))

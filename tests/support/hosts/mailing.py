"""A mail server on a loopback socket: it takes mails, and keeps them."""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import socket
import ssl
import threading
from collections.abc import Iterator
from email.message import EmailMessage


class Mailbox:
    """``mails`` are those that arrived, ``logins`` what was shown to log in. ``refuses`` is how many mails are answered
    with 451 first, ``unknown`` the addresses that are refused with 550; ``is_silent``: it answers nothing, and
    ``has_come`` and ``has_left`` are set when a client came and went. ``tls`` is offered by STARTTLS."""

    def __init__(self, server: socket.socket, tls: ssl.SSLContext | None) -> None:
        self.port: int = server.getsockname()[1]
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.logins: list[str] = []
        self.refuses = 0
        self.unknown: set[str] = set()
        self.is_silent = False
        self.has_come = threading.Event()
        self.has_left = threading.Event()
        self.was_encrypted = False
        self._server = server
        self._tls = tls

    def serve(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            with contextlib.suppress(OSError, ssl.SSLError):
                self._talk(sock)

    def _talk(self, sock: socket.socket) -> None:
        file = sock.makefile("rwb")
        try:
            if self.is_silent:
                self.has_come.set()
                sock.recv(1)
                self.has_left.set()
                return
            self._say(file, "220 here")
            recipients: list[str] = []
            while line := file.readline():
                word, _, rest = line.decode().strip().partition(" ")
                word = word.upper()
                if word == "EHLO":
                    offers = ["250-here", *(["250-STARTTLS"] if self._offers(sock) else []), "250 AUTH PLAIN"]
                    self._say(file, *offers)
                elif word == "STARTTLS" and self._tls is not None:
                    self._say(file, "220 go")
                    file.close()
                    sock = self._tls.wrap_socket(sock, server_side=True)
                    self.was_encrypted = True
                    file = sock.makefile("rwb")
                elif word == "AUTH":
                    self.logins.append(base64.b64decode(rest.partition(" ")[2]).decode())
                    self._say(file, "235 welcome")
                elif word == "RCPT" and any(f"<{each}>" in rest for each in self.unknown):
                    self._say(file, "550 nobody")
                elif word == "RCPT":
                    recipients.append(rest[3:])  # behind TO:, which newer Pythons write in small letters
                    self._say(file, "250 ok")
                elif word == "DATA":
                    self._say(file, "354 go")
                    self._take(file, recipients)
                    recipients = []
                elif word == "QUIT":
                    self._say(file, "221 bye")
                    return
                else:
                    self._say(file, "250 ok")
        finally:
            with contextlib.suppress(OSError):
                file.close()
            sock.close()

    def _offers(self, sock: socket.socket) -> bool:
        return self._tls is not None and not isinstance(sock, ssl.SSLSocket)

    def _take(self, file: object, recipients: list[str]) -> None:
        lines = []
        while (line := file.readline()) != b".\r\n":  # type: ignore[attr-defined]
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        if self.refuses:
            self.refuses -= 1
            self._say(file, "451 later")
            return
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.recipients.append(recipients)
        self.mails.append(message)
        self._say(file, "250 kept")

    @staticmethod
    def _say(file: object, *lines: str) -> None:
        file.write("".join(f"{line}\r\n" for line in lines).encode())  # type: ignore[attr-defined]
        file.flush()  # type: ignore[attr-defined]


@contextlib.contextmanager
def running_mailbox(tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        mailbox = Mailbox(server, tls)
        thread = threading.Thread(target=mailbox.serve, daemon=True)
        thread.start()
        try:
            yield mailbox
        finally:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
            thread.join(300)
            assert not thread.is_alive()

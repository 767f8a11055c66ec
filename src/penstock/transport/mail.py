"""Mail by SMTP, to the operator's own server: one message at a time, in a thread.

The standard library's client blocks; alerts are few. The address of the server is the operator's, and trusted as such;
link-local and metadata addresses are refused all the same.
"""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from penstock.core.address import AddressPolicy, is_loopback
from penstock.core.http import Origin
from penstock.core.secret import Secret

_PORTS: Final = {"smtp": 587, "smtps": 465}
_LONGEST_SUBJECT: Final = 200


class MailServer(msgspec.Struct, frozen=True):
    """A mail server, and who sends there. ``is_encrypted``: by TLS from the first byte."""

    host: str
    port: int
    is_encrypted: bool = False
    user: str = ""
    password: Secret = Secret("")

    @classmethod
    def parse(cls, text: str) -> MailServer:
        """From ``smtp[s]://[user:password@]host[:port]``. Raises ValueError; the message holds no credential."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in _PORTS or parts.path.strip("/") or parts.query:
            raise ValueError("expected smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465")
        return cls(
            host,
            _PORTS[parts.scheme] if port is None else port,
            parts.scheme == "smtps",
            unquote(parts.username or ""),
            Secret(unquote(parts.password or "")),
        )


class Mailer:
    """Sends mails from one address. ``timeout`` is the longest wait for the server, in seconds."""

    def __init__(
        self,
        server: MailServer,
        sender: str,
        timeout: float,
        policy: AddressPolicy,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._server = server
        self._sender = sender
        self._timeout = timeout
        self._policy = policy
        self._tls = tls

    async def send(self, addresses: Sequence[str], subject: str, text: str) -> str:
        """Send one mail. Returns what went wrong, empty if nothing did."""
        try:
            await asyncio.to_thread(self._send, self._message(addresses, subject, text))
        except (OSError, smtplib.SMTPException, ValueError) as error:
            return f"the mail server {self._server.host}: {_reason(error)}"
        return ""

    def _message(self, addresses: Sequence[str], subject: str, text: str) -> EmailMessage:
        """The mail. Raises ValueError for an address that no header field holds."""
        message = EmailMessage()
        message["From"], message["To"] = self._sender, ", ".join(addresses)
        message["Subject"] = " ".join(subject.split())[:_LONGEST_SUBJECT].encode("utf-8", "replace").decode()
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=self._sender.partition("@")[2] or None)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text.encode("utf-8", "replace").decode())
        return message

    def _send(self, message: EmailMessage) -> None:
        server = self._server
        with _Client(server, self._timeout, self._policy, self._tls) as client:
            if not server.is_encrypted and self._may_encrypt(client):
                client.starttls(context=self._tls())
            if server.user:
                client.login(server.user, server.password.reveal())
            client.send_message(message)

    def _may_encrypt(self, client: smtplib.SMTP) -> bool:
        """Whether the server offers STARTTLS. Raises ValueError if it must, and doesn't."""
        client.ehlo_or_helo_if_needed()
        if client.has_extn("starttls"):
            return True
        if self._server.user and not is_loopback(self._server.host):
            raise ValueError("it offers no encryption, and the password is not sent without")
        return False


class _Client(smtplib.SMTP):
    """The library's client, whose socket is judged before a byte is sent."""

    def __init__(
        self, server: MailServer, timeout: float, policy: AddressPolicy, tls: Callable[[], ssl.SSLContext]
    ) -> None:
        self._server = server
        self._policy = policy
        self._tls = tls
        super().__init__(server.host, server.port, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connected socket. Raises OSError. The library's own method, which its constructor calls."""
        sock = socket.create_connection((host, port), timeout)
        try:
            self._judge(Origin("smtp", host, port, trusted=True), sock)
            return self._tls().wrap_socket(sock, server_hostname=host) if self._server.is_encrypted else sock
        except BaseException:
            sock.close()
            raise

    def _judge(self, origin: Origin, sock: socket.socket) -> None:
        refused = self._policy.refuse_address(origin, sock.getpeername()[0])
        if refused is not None:
            raise OSError(f"it may not be called: {refused}")


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"it answers {error.smtp_code} {words[:200]}"
    return (str(error) or type(error).__name__)[:200]

"""Mail by SMTP, to the operator's own server: one conversation at a time, in a thread, a mail for each address.

The standard library's client blocks; alerts are few. The address of the server is the operator's, and trusted as such;
link-local and metadata addresses are refused all the same.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import email.policy
import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from email.header import Header
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from penstock.core.address import AddressPolicy, is_loopback
from penstock.core.http import Origin
from penstock.core.secret import Secret

_PORTS: Final = {"smtp": 587, "smtps": 465}
_LONGEST_SUBJECT: Final = 200
_WHOLE: Final = 6
"""How many times the longest wait for one answer a whole conversation may take: a server that answers byte by byte
would hold its thread for hours."""


class _Policy(email.policy.EmailPolicy):
    """The library's policy, which folds a subject beyond ASCII word by word: readers drop the spaces between two
    encoded words (https://www.rfc-editor.org/rfc/rfc2047#section-6.2). Here it is encoded as a whole."""

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        if name == "Subject" and not value.isascii():
            return name, Header(value, "utf-8", header_name=name).encode()
        return super().header_store_parse(name, value)


_PLAIN: Final = _Policy(cte_type="7bit")
"""Not every server takes bytes beyond ASCII in a body: https://www.rfc-editor.org/rfc/rfc6152."""


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

    async def send(self, addresses: Sequence[str], subject: str, text: str) -> dict[str, str]:
        """Send a mail to each address. Returns what went wrong, by address; empty if nothing did. An address that the
        server refuses costs the others nothing."""
        sending, problem = _Sending(), ""
        try:
            async with asyncio.timeout(_WHOLE * self._timeout):
                await asyncio.to_thread(self._send, sending, addresses, subject, text)
        except (OSError, ValueError) as error:
            problem = self._problem(error)
        finally:
            sending.cut()
        return {each: sending.refused.get(each, problem) for each in addresses if each not in sending.taken}

    def _problem(self, error: Exception) -> str:
        return f"the mail server {self._server.host}: {_reason(error)}"

    def _message(self, address: str, subject: str, text: str) -> EmailMessage:
        """The mail. Raises ValueError for an address that no header field holds."""
        message = EmailMessage(_PLAIN)
        message["From"], message["To"] = self._sender, address
        message["Subject"] = " ".join(subject.split())[:_LONGEST_SUBJECT].encode("utf-8", "replace").decode()
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=self._sender.partition("@")[2] or None)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text.encode("utf-8", "replace").decode())
        return message

    def _send(self, sending: _Sending, addresses: Sequence[str], subject: str, text: str) -> None:
        server = self._server
        with _Client(server, self._timeout, self._policy, self._tls, sending) as client:
            if not server.is_encrypted and self._may_encrypt(client):
                client.starttls(context=self._tls())
            if server.user:
                _log_in(client, server)
            for address in addresses:
                try:
                    client.send_message(self._message(address, subject, text))
                except smtplib.SMTPServerDisconnected:
                    raise
                except (smtplib.SMTPException, ValueError) as error:
                    sending.refused[address] = self._problem(error)
                else:
                    sending.taken.add(address)

    def _may_encrypt(self, client: smtplib.SMTP) -> bool:
        """Whether the server offers STARTTLS. Raises ValueError if it must, and doesn't."""
        client.ehlo_or_helo_if_needed()
        if client.has_extn("starttls"):
            return True
        if self._server.user and not is_loopback(self._server.host):
            raise ValueError("it offers no encryption, and the password is not sent without")
        return False


class _Sending:
    """One conversation: the addresses that the server took and refused so far, and a way to end it from outside."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.refused: dict[str, str] = {}
        self.client: smtplib.SMTP | None = None
        self.is_cut = False

    def cut(self) -> None:
        """End what still goes on: the thread would wait for the server."""
        self.is_cut = True
        sock = None if self.client is None else self.client.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Client(smtplib.SMTP):
    """The library's client, whose socket is judged before a byte is sent."""

    def __init__(
        self,
        server: MailServer,
        timeout: float,
        policy: AddressPolicy,
        tls: Callable[[], ssl.SSLContext],
        sending: _Sending,
    ) -> None:
        self._server = server
        self._policy = policy
        self._tls = tls
        self._sending = sending
        sending.client = self
        super().__init__(server.host, server.port, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """A connected socket. Raises OSError. The library's own method, which its constructor calls."""
        sock = socket.create_connection((host, port), timeout)
        try:
            self._judge(Origin("smtp", host, port, trusted=True), sock)
            if self._server.is_encrypted:
                sock = self._tls().wrap_socket(sock, server_hostname=host)
            self._keep(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def _keep(self, sock: socket.socket) -> None:
        """Keep the socket, then look: whoever cuts meanwhile finds it, or is seen here. Raises OSError."""
        self.sock = sock
        if self._sending.is_cut:
            raise OSError("nobody waits for the mail any more")

    def _judge(self, origin: Origin, sock: socket.socket) -> None:
        refused = self._policy.refuse_address(origin, sock.getpeername()[0])
        if refused is not None:
            raise OSError(f"it may not be called: {refused}")


def _log_in(client: smtplib.SMTP, server: MailServer) -> None:
    """Show the name and the password. Raises SMTPException."""
    password = server.password.reveal()
    if server.user.isascii() and password.isascii():
        client.login(server.user, password)
        return
    # The library writes ASCII alone; PLAIN has UTF-8: https://www.rfc-editor.org/rfc/rfc4616#section-2.
    shown = base64.b64encode(f"\0{server.user}\0{password}".encode()).decode()
    client.ehlo_or_helo_if_needed()
    code, words = client.docmd("AUTH", f"PLAIN {shown}")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, words)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        error = smtplib.SMTPResponseException(*next(iter(error.recipients.values())))
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"it answers {error.smtp_code} {words[:200]}"
    return (str(error) or type(error).__name__)[:200]

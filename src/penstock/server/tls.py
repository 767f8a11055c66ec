"""TLS towards callers: a server context whose certificate, key and authorities are read again when their files change.

A renewed certificate (certbot, cert-manager, a mounted secret) is in force for the connections made from then on,
without a restart: the files are looked at during a handshake, at most once a second. Files that can't be used, perhaps
because one of them is not yet written, leave in force what was.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from penstock.settings.model import Server
from penstock.stores.reading import Stamp, stamp

_LOG: Final = logging.getLogger("penstock")
_LOOK_AFTER: Final = 1.0
"""Seconds between two looks at the files."""


class TlsFiles(msgspec.Struct, frozen=True):
    """PEM files: the certificate chain, its key (empty: in the file of the chain), the authorities of the callers'
    certificates (empty: callers show none)."""

    certificate: str
    key: str = ""
    client_authorities: str = ""

    @classmethod
    def of(cls, server: Server) -> TlsFiles | None:
        """The files of the settings; None for plain HTTP."""
        return cls(server.tls_cert, server.tls_key, server.tls_client_ca) if server.tls_cert else None

    def context(self) -> ssl.SSLContext:
        """A context from the files as they are now. Raises OSError (ssl.SSLError is one) and ValueError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        # Without a callback OpenSSL would ask on the terminal for the password of an encrypted key.
        context.load_cert_chain(self.certificate, self.key or None, password=_no_password)
        if self.client_authorities:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.client_authorities)
        return context

    def stamps(self) -> tuple[Stamp, ...]:
        """What differs when a file has changed."""
        return tuple(stamp(Path(name)) for name in (self.certificate, self.key, self.client_authorities) if name)


def renewing(files: TlsFiles, clock: Callable[[], float] = time.monotonic) -> ssl.SSLContext:
    """A context that serves with the newest files that can be used. Raises OSError and ValueError at first."""
    return _Renewal(files, clock).first


class _Renewal:
    """Hands each handshake the current context. ``first`` is the context that the server listens with."""

    def __init__(self, files: TlsFiles, clock: Callable[[], float]) -> None:
        self._files = files
        self._clock = clock
        self._seen = files.stamps()
        self._looked = clock()
        self.first = self._current = files.context()
        # OpenSSL calls this in every handshake, with or without a server name.
        self.first.sni_callback = self._choose

    def _choose(self, connection: Any, name: str | None, context: ssl.SSLContext) -> None:  # noqa: ARG002
        now = self._clock()
        if now - self._looked >= _LOOK_AFTER:
            self._looked = now
            self._renew()
        if self._current is not self.first:
            connection.context = self._current

    def _renew(self) -> None:
        stamps = self._files.stamps()
        if stamps == self._seen:
            return
        self._seen = stamps
        try:
            self._current = self._files.context()
        except (OSError, ValueError) as error:
            _LOG.error("%s; the certificate that was in force stays in force", problem(self._files, error))
        else:
            _LOG.info("%s is renewed and in force", self._files.certificate)


def problem(files: TlsFiles, error: OSError | ValueError) -> str:
    """Why the files can't be used, as a sentence without its end."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    names = ", ".join(filter(None, (files.certificate, files.key, files.client_authorities)))
    return f"server.tls_cert, tls_key and tls_client_ca: {names} can't be used: {reason}"


def _no_password() -> str:
    raise ValueError("the key is encrypted: decrypt it first, for example with openssl pkey")

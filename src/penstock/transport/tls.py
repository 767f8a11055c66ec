"""Why a TLS connection to a provider failed, as a sentence that says what to do."""

from __future__ import annotations

import ssl
from typing import Final

from penstock.core.failure import Failure, Kind

_CLIENT_CERTIFICATE: Final = "set upstream.client_cert to a certificate that the provider accepts"
_VERSION: Final = "it speaks no version of TLS from 1.2 on", "have TLS 1.2 or 1.3 switched on there"
_REASONS: Final = {
    "CERTIFICATE_REQUIRED": ("it demands a client certificate", _CLIENT_CERTIFICATE),
    "BAD_CERTIFICATE": ("it refuses the gateway's client certificate", _CLIENT_CERTIFICATE),
    "CERTIFICATE_EXPIRED": ("the gateway's client certificate has expired", _CLIENT_CERTIFICATE),
    "CERTIFICATE_REVOKED": ("the gateway's client certificate is revoked", _CLIENT_CERTIFICATE),
    "UNKNOWN_CA": ("it does not know the authority of the gateway's client certificate", _CLIENT_CERTIFICATE),
    "ACCESS_DENIED": ("it denies access to the gateway's client certificate", _CLIENT_CERTIFICATE),
    "HANDSHAKE_FAILURE": (
        "it refuses what the gateway offers",
        f"if it demands a client certificate, {_CLIENT_CERTIFICATE}; else check the ciphers that it allows",
    ),
    "UNRECOGNIZED_NAME": ("it serves no host of this name", "check the host name"),
    "PROTOCOL_VERSION": _VERSION,
    "UNSUPPORTED_PROTOCOL": _VERSION,
    "WRONG_VERSION_NUMBER": ("it does not speak TLS on this port", "check the port, or call it with http://"),
    "HTTP_REQUEST": ("it does not speak TLS on this port", "check the port, or call it with http://"),
}
"""By the end of OpenSSL's name for the alert: TLSV13_ALERT_CERTIFICATE_REQUIRED, TLSV1_ALERT_PROTOCOL_VERSION."""
_OURS: Final = "check its certificate, and the setting ca_file for a private authority"
_BROKEN: Final = (
    "it broke the handshake off without a reason",
    f"it may demand another version of TLS or a client certificate: {_CLIENT_CERTIFICATE}",
)


def tls_failed(host: str, error: BaseException, *, sent: bool = False) -> Failure:
    """The failure for an error of the handshake, or of a server that refuses the client after it (TLS 1.3).

    ``host`` is the origin's authority. ``sent``: a request was written, which the server did not read.
    """
    reason, advice = _explained(error)
    return Failure(Kind.TLS_FAILED, f"No secure connection to {host}: {reason}; {advice}.", sent=sent)


def refuses_client(error: BaseException | None) -> bool:
    """Whether the server refused the client by an alert of the handshake. In TLS 1.3 the alert arrives after the client
    has finished its own part, perhaps after the request was written (RFC 8446, 4.4.2.4)."""
    return isinstance(error, ssl.SSLError) and "_ALERT_" in (error.reason or "") and _known(error) is not None


def _explained(error: BaseException) -> tuple[str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not pass ({error.verify_message})", _OURS
    if isinstance(error, ssl.SSLError):
        return _known(error) or (f"TLS failed ({error.reason or error})", _OURS)
    if isinstance(error, ConnectionError | EOFError):
        return _BROKEN
    return f"TLS failed ({getattr(error, 'strerror', None) or str(error) or type(error).__name__})", _OURS


def _known(error: ssl.SSLError) -> tuple[str, str] | None:
    reason = error.reason or ""
    return next((text for end, text in _REASONS.items() if reason.endswith(end)), None)

"""Why TLS failed: OpenSSL's names of alerts as sentences."""

from __future__ import annotations

import ssl

import pytest

from penstock.core.failure import Kind
from penstock.transport.tls import refuses_client, tls_failed


def alert(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "upstream.client_cert"),
        (alert("SSLV3_ALERT_HANDSHAKE_FAILURE"), "client certificate"),
        (alert("TLSV1_ALERT_PROTOCOL_VERSION"), "TLS 1.2"),
        (alert("UNSUPPORTED_PROTOCOL"), "TLS 1.2"),
        (alert("TLSV1_ALERT_UNKNOWN_CA"), "authority of the gateway's client certificate"),
        (alert("WRONG_VERSION_NUMBER"), "does not speak TLS"),
        (alert("SOMETHING_NEW"), "SOMETHING_NEW"),
        (ConnectionResetError(104, "Connection reset by peer"), "broke the handshake off"),
        (ConnectionResetError(), "broke the handshake off"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (OSError(), "OSError"),
    ],
)
def test_a_failure_says_why_and_what_to_do(error: OSError, words: str) -> None:
    failure = tls_failed("api.example.com", error)
    assert (failure.kind, failure.sent) == (Kind.TLS_FAILED, False)
    assert failure.message.startswith("No secure connection to api.example.com: ")
    assert failure.message.endswith(".")
    assert words in failure.message


@pytest.mark.parametrize(
    ("error", "refuses"),
    [
        (alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), True),
        (alert("SSLV3_ALERT_BAD_CERTIFICATE"), True),
        (alert("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"), False),
        (alert("WRONG_VERSION_NUMBER"), False),
        (ConnectionResetError(), False),
        (None, False),
    ],
)
def test_which_errors_after_the_handshake_belong_to_it(error: Exception | None, refuses: bool) -> None:
    assert refuses_client(error) is refuses

"""What holds for every signer: nothing shows a secret, and who has another key is somebody else."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from credentials import ENTRA, KEYS, OCI, PRIVATE, account, pem
from penstock.auth import entra, ibm, oci, sigv4
from penstock.auth.google import ServiceAccount
from penstock.auth.sigv4 import SigV4
from penstock.core.secret import Secret


@pytest.mark.parametrize(
    "signer",
    [
        SigV4("bedrock", "r", "AKID", Secret("hidden")),
        ServiceAccount("e", Secret("hidden"), "u"),
        entra.Entra("t", "c", Secret("hidden")),
        entra.ManagedIdentity("m", "http://127.0.0.1/", Secret("hidden")),
    ],
)
def test_nothing_shows_a_secret(signer: Any) -> None:
    assert "hidden" not in f"{signer!r} {signer.identity}"


OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def google_of(key: Any) -> Any:
    return account(private_key=pem(key))


def oracle_of(key: Any) -> Any:
    return oci.signer({**OCI, "oracle_private_key": pem(key)}, None, None)


def amazon_of(**more: str) -> Any:
    return sigv4.signer("bedrock", {**KEYS, **more}, None, None)


def entra_of(**more: str) -> Any:
    return entra.signer({**ENTRA, **more}, None, None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: google_of(PRIVATE), lambda: google_of(OTHER)),
        (lambda: oracle_of(PRIVATE), lambda: oracle_of(OTHER)),
        (lambda: ibm.signer({}, Secret("a"), None), lambda: ibm.signer({}, Secret("b"), None)),
        (amazon_of, lambda: amazon_of(aws_secret_access_key="other")),
        (amazon_of, lambda: amazon_of(aws_session_token="other")),
        (amazon_of, lambda: amazon_of(aws_role_arn="arn:aws:iam::1:role/a")),
        (entra_of, lambda: entra_of(azure_entra_client_secret="other")),
    ],
    ids=["google", "oracle", "ibm", "secret", "session", "role", "entra"],
)
def test_who_knows_only_the_name_of_anothers_key_is_somebody_else(one: Any, other: Any) -> None:
    """Answers in the cache and tokens are kept by identity."""
    assert one().identity == one().identity
    assert one().identity != other().identity

"""Credentials that belong to nobody, and requests to sign with them."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from penstock.auth import google
from penstock.auth.signer import Outgoing
from penstock.core.http import Url

KEYS = {"aws_access_key_id": "AKIDUNIT", "aws_secret_access_key": "unit-secret", "aws_region": "eu-west-1"}
BODY = b'{"messages":[]}'
ADDRESSES = [
    "/model/amazon.nova-lite-v1%3A0/converse",
    "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123%3Ainference-profile%2Fus.anthropic.claude/converse-stream",
    "/model/plain/invoke",
]


def outgoing(address: str = ADDRESSES[0], body: bytes = BODY) -> Outgoing:
    origin = Url.parse("https://bedrock-runtime.eu-west-1.amazonaws.com").origin
    return Outgoing(b"POST", origin, address.encode(), b"content-type: application/json\r\n", body)


def fields(lines: bytes) -> dict[str, str]:
    return {
        name.decode(): value.decode().strip()
        for name, _, value in (line.partition(b":") for line in lines.split(b"\r\n") if line)
    }


# Google.
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
ACCOUNT = {
    "client_email": "unit@p.iam.gserviceaccount.com",
    "private_key": PEM,
    "private_key_id": "k1",
    "project_id": "p",
}


def account(**more: Any) -> Any:
    options = {"vertex_service_account_json": json.dumps({**ACCOUNT, **more})}
    return google.signer(options, None, None)


def pem(key: Any, passphrase: bytes = b"") -> str:
    sealed = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    made = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
    return str(made.decode())


# Entra.
ENTRA = {
    "azure_auth_mode": "entra", "azure_entra_tenant_id": "tenant-1", "azure_entra_client_id": "client-1",
    "azure_entra_client_secret": "very-secret",
}  # fmt: skip


# Oracle and IBM.
OCI = {
    "oracle_tenancy": "ocid1.tenancy", "oracle_user": "ocid1.user", "oracle_fingerprint": "aa:bb",
    "oracle_private_key": PEM,
}  # fmt: skip

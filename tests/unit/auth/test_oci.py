"""Oracle's signatures verify; its keys are looked at before they are needed."""

from __future__ import annotations

import base64
import hashlib
import re

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from credentials import BODY, OCI, PEM, PRIVATE, fields
from penstock.auth import oci
from penstock.auth.signer import Outgoing
from penstock.core.failure import Failure
from penstock.core.http import Url
from penstock.core.secret import Secret


def test_oracles_signature_verifies() -> None:
    signer = oci.signer(OCI, None, None)
    assert isinstance(signer, oci.OciKey)
    request = Outgoing(b"POST", Url.parse("https://unit.oraclecloud.com").origin, b"/20231130/actions/chat", b"", BODY)
    sent = fields(signer.lines(request, None))
    said = dict(re.findall(r'(\w+)="([^"]*)"', sent["authorization"]))
    assert said["keyId"] == "ocid1.tenancy/ocid1.user/aa:bb"
    values = {
        "date": sent["date"], "(request-target)": "post /20231130/actions/chat", "host": "unit.oraclecloud.com",
        "content-length": str(len(BODY)), "content-type": "application/json",
        "x-content-sha256": base64.b64encode(hashlib.sha256(BODY).digest()).decode(),
    }  # fmt: skip
    assert sent["x-content-sha256"] == values["x-content-sha256"]
    text = "\n".join(f"{name}: {values[name]}" for name in said["headers"].split())
    signature = base64.b64decode(said["signature"])
    PRIVATE.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_oracles_key_is_looked_at_before_it_is_needed() -> None:
    assert oci.signer({}, Secret("bearer"), None) is None
    missing = oci.signer({"oracle_private_key": PEM}, None, None)
    assert isinstance(missing, Failure)
    assert missing.param == "oracle_tenancy"
    broken = oci.signer({**OCI, "oracle_private_key": "-----BEGIN nothing"}, None, None)
    assert isinstance(broken, Failure)
    assert "nothing" not in broken.message

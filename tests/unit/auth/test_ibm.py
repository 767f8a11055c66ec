"""IBM's tokens for API keys."""

from __future__ import annotations

import urllib.parse

from penstock.auth import ibm
from penstock.auth.signer import TokenRequest
from penstock.core.secret import Secret


def test_ibm_gives_tokens_for_keys() -> None:
    signer = ibm.signer({}, Secret("api-key"), None)
    assert isinstance(signer, ibm.IamKey)
    wanted = signer.token_request(0.0)
    assert isinstance(wanted, TokenRequest)
    assert wanted.url.origin.host == "iam.cloud.ibm.com"
    assert dict(urllib.parse.parse_qsl(wanted.body.decode()))["apikey"] == "api-key"
    assert ibm.signer({}, Secret("eyJhbGciOi"), None) is None
    assert ibm.signer({}, None, None) is None

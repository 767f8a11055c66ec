"""IBM's tokens for API keys."""

from __future__ import annotations

import urllib.parse

from credentials import outgoing
from penstock.auth import ibm
from penstock.auth.signer import Token, TokenRequest
from penstock.core.secret import Secret


def test_ibm_gives_tokens_for_keys() -> None:
    signer = ibm.signer({}, Secret("api-key"), None)
    assert isinstance(signer, ibm.IamKey)
    wanted = signer.token_request(0.0)
    assert isinstance(wanted, TokenRequest)
    assert wanted.url.origin.host == "iam.cloud.ibm.com"
    assert dict(urllib.parse.parse_qsl(wanted.body.decode()))["apikey"] == "api-key"
    token = signer.read_token(200, b'{"access_token": "t", "expires_in": 60}', 7.0)
    assert token == Token(Secret("t"), 67.0)
    assert signer.lines(outgoing(), token) == b"authorization: Bearer t\r\n"
    assert ibm.signer({}, Secret("eyJhbGciOi"), None) is None
    assert ibm.signer({}, None, None) is None

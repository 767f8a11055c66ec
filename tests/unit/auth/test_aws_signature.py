"""A signature of AWS for any request is the signature that botocore makes at the same moment."""

from __future__ import annotations

import datetime
from unittest import mock
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from credentials import fields
from penstock.auth.aws_signature import signature_lines
from penstock.auth.signer import Outgoing, Token
from penstock.core.http import Url
from penstock.core.secret import Secret

MOMENT = datetime.datetime(2026, 11, 28, 9, 5, 7, tzinfo=datetime.UTC)
JSON = "application/json"


def signed(request: Outgoing, token: Token) -> dict[str, str]:
    return fields(signature_lines(request, token, "bedrock", "eu-west-1", JSON, MOMENT))


def signed_by_botocore(request: Outgoing, token: Token) -> str:
    asked = AWSRequest(request.method.decode(), request.url, {"Content-Type": JSON}, request.body)
    credentials = Credentials(token.key_id, token.secret.reveal(), token.session.reveal() or None)
    with mock.patch("botocore.auth.get_current_datetime", return_value=MOMENT.replace(tzinfo=None)):
        SigV4Auth(credentials, "bedrock", "eu-west-1").add_auth(asked)
    return str(asked.headers["Authorization"])


segments = st.lists(st.text(max_size=12).map(lambda text: quote(text, safe="")), max_size=5)
pairs = st.lists(st.tuples(st.text(min_size=1, max_size=6), st.text(max_size=6)), max_size=4)
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)


@given(
    path=segments,
    query=pairs,
    host=st.sampled_from(["bedrock-runtime.eu-west-1.amazonaws.com", "127.0.0.1:14000", "[::1]:99"]),
    scheme=st.sampled_from(["https", "http"]),
    method=st.sampled_from([b"GET", b"POST"]),
    body=st.binary(max_size=200),
    secret=visible,
    session=st.none() | visible,
)
def test_any_request_is_signed_as_botocore_signs_it(
    path: list[str],
    query: list[tuple[str, str]],
    host: str,
    scheme: str,
    method: bytes,
    body: bytes,
    secret: str,
    session: str | None,
) -> None:
    address = "/" + "/".join(path)
    if query:
        address += "?" + "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    request = Outgoing(method, Url.parse(f"{scheme}://{host}").origin, address.encode(), b"", body)
    token = Token(Secret(secret), 0.0, "AKIDUNIT", Secret(session or ""))
    sent = signed(request, token)
    assert sent["authorization"] == signed_by_botocore(request, token)
    assert sent["x-amz-date"] == "20261128T090507Z"
    assert sent.get("x-amz-security-token") == session


@pytest.mark.parametrize("path", ["/a//b", "/a/./b", "/a/../b", "/a/b/", "/..", "/", "/a/..", "/%2e%2e/b"])
def test_a_path_is_signed_without_empty_and_relative_segments(path: str) -> None:
    request = Outgoing(b"POST", Url.parse("https://sts.amazonaws.com").origin, path.encode(), b"", b"{}")
    token = Token(Secret("s"), 0.0, "AKIDUNIT")
    assert signed(request, token)["authorization"] == signed_by_botocore(request, token)


def test_a_key_that_can_not_stand_in_a_header_is_refused() -> None:
    request = Outgoing(b"POST", Url.parse("https://sts.amazonaws.com").origin, b"/", b"", b"{}")
    with pytest.raises(ValueError, match="authorization"):
        signed(request, Token(Secret("s"), 0.0, "AKID\r\nx: y"))

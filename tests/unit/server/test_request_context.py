"""One request being served: what its headers say of it, and a refusal in its caller's words."""

from __future__ import annotations

import json

import pytest

import calling
from edge import FakeClient
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import CALLERS
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.server.request_context import RequestContext

DIALECTS = pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)
REFUSED = Failure(Kind.BODY_TOO_LARGE, "Too large.")


def context(
    headers: Headers, dialect: CallerDialect = calling.OPENAI, client: FakeClient | None = None
) -> RequestContext:
    return RequestContext(Account(Records(), "POST", "/"), dialect, headers, client or FakeClient())


def test_the_account_knows_what_the_headers_say() -> None:
    made = context([(b"x-portkey-trace-id", b"t"), (b"x-portkey-metadata", b'{"a":"b"}')], calling.ANTHROPIC)
    account = made.account
    assert (account.trace_id, account.metadata, account.address) == (b"t", b'{"a":"b"}', "127.0.0.1")
    assert account.dialect == "anthropic"
    assert made.trace_id == b"t"


def test_of_a_repeated_header_the_last_counts() -> None:
    made = context([(b"a", b"1"), (b"a", b"2")])
    assert (made.fields, made.headers) == ({b"a": b"2"}, [(b"a", b"1"), (b"a", b"2")])


@pytest.mark.parametrize("headers", [[], [(b"x-portkey-trace-id", b"")]])
def test_a_request_without_a_trace_id_gets_one_of_its_own(headers: Headers) -> None:
    one, other = context(headers).trace_id, context(headers).trace_id
    assert one != other
    assert len(bytes.fromhex(one.decode())) == 16


@DIALECTS
async def test_a_refusal_is_told_in_the_callers_words(dialect: CallerDialect) -> None:
    client = FakeClient()
    made = context([(b"x-portkey-trace-id", b"t")], dialect, client)
    await made.refuse(REFUSED, [(b"allow", b"POST")])
    assert (client.status, client.is_complete, made.begun) == (413, True, True)
    assert client.received == dialect.errors.failure(REFUSED, "t").body
    told = json.loads(client.received)
    assert "Too large." in told.get("error", told)["message"]
    assert client.fields[b"allow"] == b"POST"
    assert client.fields[b"x-portkey-trace-id"] == b"t"
    assert client.fields[b"content-type"] == b"application/json"
    assert (made.account.status, made.account.failure) == (413, REFUSED)

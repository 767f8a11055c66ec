"""What a gateway key demands of a request: each demand by itself, and which comes first."""

import json
from ipaddress import ip_network

import pytest

from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.restrictions import NONE, Restrictions
from penstock.dialects.openai.caller.errors import error_body
from penstock.pipeline.restrict import metadata_of, refused

LOCAL = Restrictions(networks=(ip_network("127.0.0.0/8"),))


def failure(restrictions: Restrictions, operation: Operation | None = Operation.CHAT) -> Failure | None:
    return refused(restrictions, operation, "192.0.2.1", 1000)


def test_a_key_without_demands_is_never_refused() -> None:
    assert failure(NONE) is None
    assert metadata_of(NONE, b'{"a":"b"}') == b'{"a":"b"}'
    assert metadata_of(NONE, None) is None


@pytest.mark.parametrize(("end", "is_over"), [(999, True), (1000, True), (1001, False)])
def test_a_key_that_is_over(end: int, is_over: bool) -> None:
    found = failure(Restrictions(expires_at=end))
    assert (found is not None) is is_over
    if found is not None:
        body = json.loads(error_body(found))
        assert (found.status, body["error"]["code"], body["status"]) == (401, "01", "failure")
        assert "Error Code: 01" in body["message"]


@pytest.mark.parametrize(
    ("scopes", "operation", "is_refused"),
    [
        (None, Operation.CHAT, False), (frozenset(), Operation.CHAT, True), (frozenset(), Operation.MODELS, True),
        (frozenset({"logs.write"}), Operation.EMBEDDINGS, True), (frozenset({"virtual_keys.list"}), Operation.CHAT, True),
        (frozenset({"virtual_keys.list"}), Operation.MODELS, False), (frozenset({"virtual_keys.list"}), Operation.MODEL, False),
        (frozenset({"virtual_keys.list"}), None, True),
    ],
)  # fmt: skip
def test_a_call_needs_a_scope(scopes: frozenset[str] | None, operation: Operation | None, is_refused: bool) -> None:
    found = failure(Restrictions(scopes=scopes), operation)
    assert (found is not None) is is_refused
    if found is not None:
        body = json.loads(error_body(found))
        assert (found.status, body["error"]["code"]) == (403, "033")
        assert "completions.write" in body["error"]["message"]


def test_an_address_that_the_key_does_not_list() -> None:
    found = failure(LOCAL)
    assert found is not None
    assert (found.kind, found.status, "192.0.2.1" in found.message) == (Kind.NOT_ALLOWED, 403, True)
    assert refused(LOCAL, Operation.CHAT, "127.0.0.1", 0) is None
    assert refused(LOCAL, Operation.CHAT, None, 0) is not None


def test_the_order_of_refusals() -> None:
    everything = Restrictions(expires_at=1, scopes=frozenset(), networks=())
    assert [each.status for each in (failure(everything), failure(Restrictions(None, frozenset(), ()))) if each] == [
        401, 403,
    ]  # fmt: skip


@pytest.mark.parametrize("own", [b'{"team":"mine","user":"u"}', None, b"no JSON", b'["team"]'])
def test_the_keys_metadata_win(own: bytes | None) -> None:
    found = metadata_of(Restrictions(metadata={"team": "search"}), own)
    assert isinstance(found, bytes)
    assert json.loads(found) == ({"team": "search", "user": "u"} if own and own[:1] == b"{" else {"team": "search"})


@pytest.mark.parametrize(
    ("own", "missing"),
    [(None, "a, b"), (b'{"a":"x"}', "b"), (b'{"a":"","b":null}', "a, b"), (b'{"a":{},"b":0}', "")],
)
def test_names_that_metadata_must_have(own: bytes | None, missing: str) -> None:
    found = metadata_of(Restrictions(required_metadata=("a", "b")), own)
    if missing:
        assert isinstance(found, Failure)
        assert (found.status, found.param) == (400, "x-portkey-metadata")
        assert f"lack {missing}:" in found.message
    else:
        assert found == own


@pytest.mark.parametrize(
    ("own", "user"),
    [(None, "Ada"), (b"{}", "Ada"), (b'{"_user":""}', "Ada"), (b'{"_user":"Bea"}', "Bea"), (b'{"a":"b"}', "Ada")],
)
def test_a_request_that_names_nobody_is_the_owners(own: bytes | None, user: str) -> None:
    merged = metadata_of(Restrictions(user="Ada"), own)
    assert isinstance(merged, bytes)
    assert json.loads(merged)["_user"] == user

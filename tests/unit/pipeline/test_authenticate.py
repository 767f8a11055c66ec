"""Who is calling: anybody where no gateway key is set, else who shows one that is known."""

from __future__ import annotations

import hashlib
import time
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from penstock.core.failure import Failure, Kind
from penstock.pipeline.authenticate import (
    ANYBODY,
    KEY_HEADERS,
    Caller,
    access_key_id,
    authenticate,
    credential,
    query_without_keys,
)
from penstock.stores.catalogue import EMPTY, Catalogue, GatewayKey, VirtualKey

KEY = GatewayKey("team", hashlib.sha256(b"right").digest())
GUARDED = Catalogue(keys=(KEY,))


def test_without_gateway_keys_anybody_may_call() -> None:
    assert authenticate({b"authorization": b"Bearer whatever"}, EMPTY) == Caller(catalogue=EMPTY)
    assert ANYBODY.tenant == ""


@pytest.mark.parametrize("header", KEY_HEADERS)
@pytest.mark.parametrize("shown", [b"right", b"Bearer right", b"bearer  right "])
def test_a_key_may_stand_where_sdks_send_keys(header: bytes, shown: bytes) -> None:
    assert authenticate({header: shown}, GUARDED) == Caller(KEY, header, catalogue=GUARDED)
    assert Caller(KEY, header).tenant == "team"


@pytest.mark.parametrize("before", ["", "SignedHeaders=host, "])
def test_the_access_key_id_of_a_signed_request_admits_and_goes_no_further(before: str) -> None:
    signed = f"AWS4-HMAC-SHA256 {before}Credential=right/20261129/us-east-1/bedrock/aws4_request, Signature=ab".encode()
    assert access_key_id(signed) == "right"
    assert authenticate({b"authorization": signed}, GUARDED) == Caller(KEY, b"authorization", catalogue=GUARDED)
    both = authenticate({b"x-portkey-api-key": b"right", b"authorization": signed}, GUARDED)
    assert isinstance(both, Caller)
    assert both.withheld == (b"x-portkey-api-key", b"authorization")
    assert isinstance(authenticate({b"authorization": signed.replace(b"right", b"other")}, GUARDED), Failure)
    assert (credential(signed), access_key_id(b"Bearer Credential=right/x")) == ("", "")


def test_beside_the_providers_own_key_it_is_found() -> None:
    fields = {b"authorization": b"Bearer right", b"x-portkey-api-key": b"sk-own", b"x-api-key": b"sk-other"}
    assert authenticate(fields, GUARDED) == Caller(KEY, b"authorization", catalogue=GUARDED)


@pytest.mark.parametrize(
    "value", [b"right", b"Bearer right", b"BEARER right", b"Token right", b"a,right", b'"right"', b"Basic dTpyaWdodA=="]
)
def test_every_further_header_with_a_gateway_key_is_withheld(value: bytes) -> None:
    fields = {b"x-portkey-api-key": b"right", b"authorization": value, b"api-key": b"sk-own", b"x-api-key": b"wright"}
    caller = authenticate(fields, GUARDED)
    assert caller == Caller(KEY, b"x-portkey-api-key", (b"authorization",), GUARDED)
    assert isinstance(caller, Caller)
    assert caller.withheld == (b"x-portkey-api-key", b"authorization")
    assert Caller(KEY, b"api-key").withheld == (b"api-key",)


def test_pairs_of_a_query_with_a_gateway_key_go_no_further() -> None:
    caller = authenticate({b"authorization": b"Bearer right"}, GUARDED)
    assert isinstance(caller, Caller)
    query = "a=1&token=right&t=Bearer+right&%72ight&b=wright&c=%72ight"
    assert query_without_keys(query, caller) == "a=1&b=wright"
    assert query_without_keys("", caller) == ""
    assert query_without_keys(query, Caller()) == query


def test_a_guarded_catalogue_without_keys_lets_nobody_in() -> None:
    assert isinstance(authenticate({b"authorization": b"Bearer right"}, Catalogue(is_guarded=True)), Failure)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "The request has no key"),
        ({b"authorization": b""}, "The request has no key"),
        ({b"authorization": b"Bearer wrong"}, "does not know the key"),
        ({b"authorization": b"Bearer penstock_admin_wrong"}, "An admin key calls no models"),
        ({b"x-other": b"right"}, "The request has no key"),
    ],
)
def test_who_shows_none_that_is_known_is_refused(fields: dict[bytes, bytes], words: str) -> None:
    failure = authenticate(fields, GUARDED)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.status, words in failure.message) == (Kind.INVALID_GATEWAY_KEY, 401, True)
    assert "wrong" not in failure.message


@pytest.mark.parametrize(
    ("value", "key"), [(b"k", "k"), (b"BEARER k", "k"), (b" k ", "k"), (b"Basic k", ""), (b"\xff", "\ufffd")]
)
def test_a_key_without_its_scheme(value: bytes, key: str) -> None:
    assert credential(value) == key


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b"Bearer sk-1", "sk-1"),
        (b"bearer  sk-1 ", "sk-1"),
        (b"sk-1", "sk-1"),
        (b"Bearer", ""),
        (b"BEARER ", ""),
        (b"Basic dXNlcjpwYXNz", ""),
        (b"Digest username=a", ""),
        (b"AWS4-HMAC-SHA256 Credential=a", ""),
        (b"", ""),
        (b"Bearers", "Bearers"),
    ],
)
def test_the_key_in_a_header_value(value: bytes, key: str) -> None:
    assert credential(value) == key


def test_while_the_keys_of_the_database_are_not_in_force_nobody_is_told_of_a_wrong_key() -> None:
    failure = authenticate({b"authorization": b"Bearer right"}, Catalogue(is_guarded=True, is_stale=True))
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.status) == (Kind.STORE_UNAVAILABLE, 503)
    own = msgspec.structs.replace(GUARDED, is_stale=True)
    assert isinstance(authenticate({b"authorization": b"Bearer right"}, own), Caller)


def test_a_caller_keeps_what_its_workspace_sees() -> None:
    key = msgspec.structs.replace(KEY, id="1", workspace="a")
    catalogue = Catalogue({"v": VirtualKey("v", "echo", workspace="b")}, keys=(key,))
    caller = authenticate({b"authorization": b"Bearer right"}, catalogue)
    assert isinstance(caller, Caller)
    assert caller.catalogue is catalogue.seen_by(key)
    assert caller.tenant == "1"


@pytest.mark.parametrize("number", [10, 100_000])
def test_a_look_up_takes_one_digest_and_one_step_however_many_keys_there_are(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counted(dict[bytes, GatewayKey]):
        looks = 0

        def get(self, *arguments: Any) -> Any:
            Counted.looks += 1
            return super().get(*arguments)

    digests = [0]

    def counting(data: bytes) -> Any:
        digests[0] += 1
        return hashlib.sha256(data)

    catalogue = Catalogue(keys=(KEY, *(GatewayKey(f"k{each}", each.to_bytes(32)) for each in range(number))))
    msgspec.structs.force_setattr(catalogue, "keys_by_digest", Counted(catalogue.keys_by_digest))
    monkeypatch.setattr("penstock.stores.catalogue.hashlib", SimpleNamespace(sha256=counting))
    assert isinstance(authenticate({b"x-portkey-api-key": b"right"}, catalogue), Caller)
    assert (Counted.looks, digests[0]) == (1, 1)


@pytest.mark.parametrize("before", [b", " * 30_000, b" " * 60_000, b"Credential=" * 5000, b"Credential=a, " * 4000])
def test_a_long_signature_takes_no_time(before: bytes) -> None:
    """Whoever has no key can send it."""
    began = time.process_time()
    assert access_key_id(b"AWS4-HMAC-SHA256 " + before) == ""
    assert time.process_time() - began < 0.5

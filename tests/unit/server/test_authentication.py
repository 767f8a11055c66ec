"""Who a request comes from, as its account tells it; what a head has come to holds while the catalogue stays."""

from __future__ import annotations

import hashlib
from typing import Any

from calling import OPENAI, headers_of
from edge import FakeClient
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.restrictions import Restrictions
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.head_memo import HeadMemo
from penstock.pipeline.metadata import METADATA
from penstock.server.authentication import authenticate_caller
from penstock.server.request_context import RequestContext
from penstock.stores.catalogue import Catalogue, GatewayKey


def holding(**members: Any) -> Catalogue:
    return Catalogue(keys=(GatewayKey("app", hashlib.sha256(b"right").digest(), **members),))


def asking(*more: tuple[bytes, bytes], key: str = "right") -> RequestContext:
    account = Account(Records(), "POST", "/v1/chat/completions")
    account.operation = Operation.CHAT
    return RequestContext(account, OPENAI, [*headers_of(authorization=f"Bearer {key}"), *more], FakeClient(b""))


def test_the_account_tells_the_key() -> None:
    used: dict[str, float] = {}
    context = asking()
    caller = authenticate_caller(context, holding(id="k", workspace="w", labels={"team": "a"}), used)
    account = context.account
    assert isinstance(caller, Caller)
    assert (account.key, account.key_id, account.workspace, account.labels) == ("app", "k", "w", {"team": "a"})
    assert used == {"k": account.at}


def test_who_has_no_key_or_two_is_refused() -> None:
    unknown = authenticate_caller(asking(key="wrong"), holding(), {})
    twice = authenticate_caller(asking((b"authorization", b"Bearer other")), holding(), {})
    assert isinstance(unknown, Failure)
    assert isinstance(twice, Failure)
    assert (unknown.kind, twice.kind) == (Kind.INVALID_GATEWAY_KEY, Kind.INVALID_REQUEST)


def test_what_a_head_came_to_is_used_again_until_the_catalogue_changes() -> None:
    memo, catalogue = HeadMemo(), holding()
    first = authenticate_caller(asking(), catalogue, {}, memo)
    assert authenticate_caller(asking(), catalogue, {}, memo) is first
    assert isinstance(authenticate_caller(asking(), Catalogue(is_guarded=True), {}, memo), Failure)
    assert isinstance(authenticate_caller(asking(), catalogue, {}, memo), Caller)


def test_what_a_key_demands_is_asked_of_each_request() -> None:
    memo = HeadMemo()
    demanding = holding(restrictions=Restrictions(metadata={"team": "a"}, required_metadata=("user",)))
    for _ in range(2):
        context = asking((METADATA, b'{"user":"u"}'))
        assert isinstance(authenticate_caller(context, demanding, {}, memo), Caller)
        assert context.fields[METADATA] == context.account.metadata == b'{"user":"u","team":"a"}'
        missing = authenticate_caller(asking(), demanding, {}, memo)
        assert isinstance(missing, Failure)
    ended = holding(restrictions=Restrictions(expires_at=1))
    assert isinstance(authenticate_caller(asking(), ended, {}, memo), Failure)

"""Ids in the messages of a session: the caller's become the host's own, the host's become bound."""

from __future__ import annotations

import json

import pytest

from penstock.core.bound_id import Binder
from penstock.core.failure import Failure, Kind
from penstock.dialects.responses.relay.bound import KEPT_IDS
from penstock.pipeline.keeping.session_ids import SessionIds

BINDER = Binder((b"0123456789abcdef",), "team")
IDS = SessionIds(BINDER, "openai|up", KEPT_IDS, lambda raw: BINDER.bind(raw, "openai|up"))


def asked(previous: str) -> bytes:
    return json.dumps({"type": "response.create", "input": "Hi", "previous_response_id": previous}).encode()


def test_a_bound_id_becomes_the_hosts_own() -> None:
    assert IDS.of_caller(asked(BINDER.bind("resp_1", "openai|up"))) == asked("resp_1").replace(b": ", b":").replace(
        b", ", b","
    )


@pytest.mark.parametrize("message", [asked("resp_1"), b"no JSON _pk_", b"[1]", asked("text _pk_ text")])
def test_any_other_message_keeps_its_bytes(message: bytes) -> None:
    told = IDS.of_caller(message)
    assert told is message or (isinstance(told, Failure) and b"text" in message)


@pytest.mark.parametrize(
    ("bound", "kind"),
    [
        (BINDER.bind("resp_1", "openai|other"), Kind.TARGET_GONE),
        (Binder((b"0123456789abcdef",), "others").bind("resp_1", "openai|up"), Kind.NOT_FOUND),
    ],
)
def test_ids_of_other_accounts_and_tenants_are_refused(bound: str, kind: Kind) -> None:
    failure = IDS.of_caller(asked(bound))
    assert isinstance(failure, Failure)
    assert failure.kind is kind


def test_the_hosts_ids_are_bound_in_events_about_responses() -> None:
    event = b'{"type":"response.created", "response":{"id":"resp_1","x":1.0}}'
    told = IDS.of_host(event)
    assert BINDER.read(json.loads(told)["response"]["id"]).raw == "resp_1"  # type: ignore[union-attr]
    assert told.endswith(b',"x":1.0}}')
    delta = b'{"type":"response.output_text.delta","delta":"resp_1"}'
    assert IDS.of_host(delta) is delta
    assert SessionIds(BINDER, "openai|up", KEPT_IDS).of_host(event) is event

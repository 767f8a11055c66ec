"""What an attempt came to: the class of every failure and of every status, and what counts as good, silent, unheard."""

from __future__ import annotations

import pytest

from penstock.core.failure import Failure, Kind
from penstock.core.outcome import ErrorClass, Outcome, class_of, class_of_status, failed

CLASSES = {
    Kind.CONNECT_TIMEOUT: ErrorClass.TIMEOUT,
    Kind.FIRST_BYTE_TIMEOUT: ErrorClass.TIMEOUT,
    Kind.FIRST_TOKEN_TIMEOUT: ErrorClass.TIMEOUT,
    Kind.IDLE_TIMEOUT: ErrorClass.TIMEOUT,
    Kind.TOTAL_TIMEOUT: ErrorClass.TIMEOUT,
    Kind.HOST_UNAVAILABLE: ErrorClass.CONNECTION,
    Kind.NAME_NOT_RESOLVED: ErrorClass.CONNECTION,
    Kind.CONNECTION_REFUSED: ErrorClass.CONNECTION,
    Kind.TLS_FAILED: ErrorClass.CONNECTION,
    Kind.PROXY_FAILED: ErrorClass.CONNECTION,
    Kind.CONNECTION_CLOSED: ErrorClass.CONNECTION,
    Kind.TRUNCATED: ErrorClass.CONNECTION,
    Kind.TOKEN_UNAVAILABLE: ErrorClass.CONNECTION,
    Kind.MISSING_API_KEY: ErrorClass.AUTH,
    Kind.CREDENTIAL_REFUSED: ErrorClass.AUTH,
    Kind.VIRTUAL_KEY_EXPIRED: ErrorClass.AUTH,
    Kind.VIRTUAL_KEY_DISABLED: ErrorClass.AUTH,
    Kind.POOL_EXHAUSTED: ErrorClass.SERVER_ERROR,
    Kind.BODIES_EXHAUSTED: ErrorClass.SERVER_ERROR,
    Kind.CONNECTIONS_EXHAUSTED: ErrorClass.SERVER_ERROR,
    Kind.OUT_OF_FILES: ErrorClass.SERVER_ERROR,
    Kind.STORE_UNAVAILABLE: ErrorClass.SERVER_ERROR,
    Kind.BUDGET_EXCEEDED: ErrorClass.QUOTA,
    Kind.RATE_LIMIT_EXCEEDED: ErrorClass.RATE_LIMIT,
    Kind.BUDGET_STORE_UNAVAILABLE: ErrorClass.SERVER_ERROR,
    Kind.SHUTTING_DOWN: ErrorClass.SERVER_ERROR,
    Kind.INVALID_RESPONSE: ErrorClass.SERVER_ERROR,
    Kind.STREAM_ERROR: ErrorClass.SERVER_ERROR,
    Kind.UPSTREAM_REDIRECT: ErrorClass.SERVER_ERROR,
    Kind.UPSTREAM_STATUS: ErrorClass.SERVER_ERROR,
    Kind.LOOP_DETECTED: ErrorClass.SERVER_ERROR,
    Kind.NOT_INSTALLED: ErrorClass.SERVER_ERROR,
    Kind.NOT_IMPLEMENTED: ErrorClass.SERVER_ERROR,
    Kind.INTERNAL: ErrorClass.SERVER_ERROR,
}
"""Every other kind is the caller's own mistake, and of no class."""
UNHEARD = {
    Kind.NAME_NOT_RESOLVED, Kind.CONNECTION_REFUSED, Kind.CONNECT_TIMEOUT, Kind.TLS_FAILED, Kind.PROXY_FAILED,
    Kind.CONNECTION_CLOSED, Kind.TRUNCATED, Kind.POOL_EXHAUSTED, Kind.SHUTTING_DOWN, Kind.TOKEN_UNAVAILABLE,
    Kind.HOST_UNAVAILABLE, Kind.BODIES_EXHAUSTED, Kind.CONNECTIONS_EXHAUSTED, Kind.STORE_UNAVAILABLE,
}  # fmt: skip


def failure(kind: Kind, *, sent: bool = False) -> Failure:
    return Failure(kind, "It broke.", sent=sent)


@pytest.mark.parametrize("kind", Kind)
def test_the_class_of_every_failure(kind: Kind) -> None:
    assert class_of(failure(kind)) is CLASSES.get(kind)


@pytest.mark.parametrize("kind", Kind)
def test_the_outcome_of_every_failure(kind: Kind) -> None:
    for sent in (False, True):
        outcome = failed(failure(kind, sent=sent))
        assert (outcome.status, outcome.error) == (failure(kind).status, CLASSES.get(kind))
        assert (outcome.committed, outcome.stored, outcome.ok) == (False, False, False)
        assert outcome.is_network is (kind in UNHEARD)
        assert outcome.is_silence is (CLASSES.get(kind) is ErrorClass.TIMEOUT)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, None),
        (302, None),
        (400, None),
        (401, ErrorClass.AUTH),
        (402, ErrorClass.QUOTA),
        (403, ErrorClass.AUTH),
        (404, None),
        (408, ErrorClass.TIMEOUT),
        (413, None),
        (429, ErrorClass.RATE_LIMIT),
        (499, None),
        (500, ErrorClass.SERVER_ERROR),
        (503, ErrorClass.SERVER_ERROR),
        (504, ErrorClass.TIMEOUT),
        (529, ErrorClass.SERVER_ERROR),
        (599, ErrorClass.SERVER_ERROR),
    ],
)
def test_the_class_of_a_status(status: int, error: ErrorClass | None) -> None:
    assert class_of_status(status) is error


@pytest.mark.parametrize(
    ("status", "ok"), [(199, False), (200, True), (246, True), (299, True), (300, False), (304, True), (404, False)]
)
def test_a_good_outcome_is_success_without_a_failure(status: int, ok: bool) -> None:
    outcome = Outcome(status)
    assert (outcome.ok, outcome.is_network, outcome.is_silence) == (ok, False, False)
    assert not Outcome(status, failure(Kind.STREAM_ERROR)).ok


def test_an_outcome_is_good_only_without_a_failure_and_with_success() -> None:
    assert Outcome(200).ok
    assert Outcome(246).ok
    assert not Outcome(404).ok
    assert not Outcome(200, Failure(Kind.STREAM_ERROR, "It broke.")).ok

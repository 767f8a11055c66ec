"""Whether the same target is tried again, and when: every policy with every outcome (docs/portkey.md#retries)."""

from __future__ import annotations

import datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.failure import MEANINGS, Failure, Kind, RetrySafety
from penstock.core.outcome import ErrorClass, Outcome
from penstock.routing.plan import RetryPolicy
from penstock.routing.policies import RETRIED_STATUSES
from penstock.routing.retry import RetryAfter, StopRetrying, decide, ends_walk, is_final, matches, retry_after
from playing import OK, answered, broken

DEFAULT = RetryPolicy(3, RETRIED_STATUSES)
NOW = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)


def decided(
    policy: RetryPolicy | None, outcome: Outcome, tries: int = 0, waited: float = 0.0, *, alternative: bool = False
) -> RetryAfter | StopRetrying:
    return decide(policy, outcome, tries, waited, 0.5, alternative=alternative)


# Whether.


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
def test_what_is_retried_unless_the_config_says_otherwise(status: int) -> None:
    assert decided(DEFAULT, answered(status)) == RetryAfter(1.0)
    assert decided(RetryPolicy(3, frozenset({418})), answered(status)) == StopRetrying(0)


@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 408, 409, 413, 422, 501])
def test_what_is_retried_only_when_the_config_names_it(status: int) -> None:
    assert decided(DEFAULT, answered(status)) == StopRetrying(0)
    assert decided(RetryPolicy(3, frozenset({status})), answered(status)) == RetryAfter(1.0)


@pytest.mark.parametrize("policy", [None, RetryPolicy(0, RETRIED_STATUSES)])
def test_without_attempts_nothing_is_retried_nor_counted(policy: RetryPolicy | None) -> None:
    assert decided(policy, answered(500)) == StopRetrying(0)
    assert decided(policy, broken(Kind.CONNECTION_REFUSED, sent=False)) == StopRetrying(0)


@pytest.mark.parametrize("kind", Kind)
def test_what_never_left_is_always_retried_and_what_would_fail_again_never(kind: Kind) -> None:
    nothing, everything = RetryPolicy(3, frozenset()), RetryPolicy(3, frozenset(range(400, 600)), frozenset(ErrorClass))
    safety = MEANINGS[kind].retry
    assert isinstance(decided(nothing, broken(kind)), RetryAfter) is (safety is RetrySafety.UNSENT)
    assert isinstance(decided(everything, broken(kind)), RetryAfter) is (safety is not RetrySafety.NEVER)


@pytest.mark.parametrize(
    ("policy", "outcome", "again"),
    [
        (DEFAULT, OK, False),
        (RetryPolicy(3, frozenset({200})), OK, False),
        (DEFAULT, Outcome(500, answered(500).failure, committed=True), False),
        (DEFAULT, broken(Kind.CONNECTION_CLOSED), True),
        (RetryPolicy(3, frozenset({500})), broken(Kind.CONNECTION_CLOSED), True),
        (RetryPolicy(3, frozenset({502})), broken(Kind.CONNECTION_CLOSED), True),
        (RetryPolicy(3, frozenset({503})), broken(Kind.CONNECTION_CLOSED), False),
        (DEFAULT, broken(Kind.FIRST_BYTE_TIMEOUT), False),
        (RetryPolicy(3, frozenset({408})), broken(Kind.FIRST_BYTE_TIMEOUT), True),
        (RetryPolicy(3, frozenset(), frozenset({ErrorClass.TIMEOUT})), broken(Kind.FIRST_TOKEN_TIMEOUT), True),
        (RetryPolicy(3, frozenset(), frozenset({ErrorClass.RATE_LIMIT})), answered(429), True),
        (RetryPolicy(3, frozenset(), frozenset({ErrorClass.RATE_LIMIT})), answered(500), False),
        (RetryPolicy(3, frozenset({400})), answered(400, error=ErrorClass.CONTEXT_LENGTH), False),
        (RetryPolicy(3, frozenset(), frozenset({ErrorClass.CONTENT_FILTER})), answered(400, error=ErrorClass.CONTENT_FILTER), False),
        (RetryPolicy(3, frozenset({200})), Outcome(200, broken(Kind.STREAM_ERROR).failure), True),
        (DEFAULT, Outcome(429, broken(Kind.STREAM_ERROR).failure, error=ErrorClass.RATE_LIMIT), True),
    ],
)  # fmt: skip
def test_which_outcomes_a_policy_means(policy: RetryPolicy, outcome: Outcome, again: bool) -> None:
    assert isinstance(decided(policy, outcome), RetryAfter) is again


@pytest.mark.parametrize(
    "kind", [Kind.FIRST_BYTE_TIMEOUT, Kind.FIRST_TOKEN_TIMEOUT, Kind.IDLE_TIMEOUT, Kind.CONNECT_TIMEOUT]
)
def test_a_silent_target_is_left_when_there_is_another(kind: Kind) -> None:
    policy = RetryPolicy(3, frozenset({408, 503}))
    assert decided(policy, broken(kind), 1, alternative=True) == StopRetrying(1, "silent")
    assert decided(policy, broken(kind), 1) == RetryAfter(2.0)
    assert isinstance(decided(policy, answered(503), 1, alternative=True), RetryAfter)


@pytest.mark.parametrize(
    ("outcome", "tries", "count"),
    [(OK, 2, 2), (answered(400), 1, 1), (answered(500), 3, -1), (answered(500), 9, -1), (answered(400), 3, 3)],
)
def test_how_many_retries_are_told(outcome: Outcome, tries: int, count: int) -> None:
    result = decided(DEFAULT, outcome, tries)
    assert isinstance(result, StopRetrying)
    assert result.count == count


# When.


@pytest.mark.parametrize(("tries", "seconds"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (5, 16), (99, 16)])
def test_the_backoff_doubles_up_to_its_bound(tries: int, seconds: float) -> None:
    policy = RetryPolicy(100, RETRIED_STATUSES)
    spread = [decide(policy, answered(500), tries, 0.0, chance, alternative=False) for chance in (0.0, 0.5, 1.0)]
    assert [step.seconds for step in spread if isinstance(step, RetryAfter)] == pytest.approx(
        [0.8 * seconds, seconds, 1.2 * seconds]
    )


@pytest.mark.parametrize(
    ("heeds", "status", "requested", "expected"),
    [
        (True, 429, 0.35, RetryAfter(0.35, 0.35)),
        (True, 503, 12.0, RetryAfter(12.0, 12.0)),
        (True, 429, 59.9, RetryAfter(59.9, 59.9)),
        (True, 429, 60.0, StopRetrying(-1, "told to wait 60s")),
        (True, 429, 3600.0, StopRetrying(-1, "told to wait 3600s")),
        (True, 500, 12.0, RetryAfter(1.0)),
        (True, 429, None, RetryAfter(1.0)),
        (False, 429, 12.0, RetryAfter(1.0)),
        (False, 429, 3600.0, RetryAfter(1.0)),
        (None, 429, 0.35, RetryAfter(1.0)),
        (None, 429, 10.0, RetryAfter(10.0)),
        (None, 429, 10.1, RetryAfter(1.0)),
        (None, 500, 5.0, RetryAfter(1.0)),
    ],
)
def test_the_providers_wish(
    heeds: bool | None, status: int, requested: float | None, expected: RetryAfter | StopRetrying
) -> None:
    policy = RetryPolicy(3, RETRIED_STATUSES, use_retry_after=heeds)
    assert decided(policy, answered(status, requested)) == expected


@pytest.mark.parametrize(("waited", "again"), [(0.0, True), (40.0, True), (40.1, False), (60.0, False)])
def test_the_wishes_together_have_a_bound(waited: float, again: bool) -> None:
    policy = RetryPolicy(5, RETRIED_STATUSES, use_retry_after=True)
    assert isinstance(decided(policy, answered(429, 20.0), 1, waited), RetryAfter) is again


@given(
    st.builds(
        RetryPolicy,
        st.integers(0, 9),
        st.frozensets(st.sampled_from([200, 408, 429, 500, 502, 503])),
        st.frozensets(st.sampled_from(ErrorClass)),
        st.sampled_from([True, False, None]),
    ),
    st.builds(answered, st.integers(300, 599), st.none() | st.floats(0, 1e9)) | st.sampled_from(Kind).map(broken),
    st.integers(0, 12),
    st.floats(0, 60),
    st.floats(0, 1),
    st.booleans(),
)
def test_every_decision_is_within_its_bounds(
    policy: RetryPolicy, outcome: Outcome, tries: int, waited: float, chance: float, alternative: bool
) -> None:
    result = decide(policy, outcome, tries, waited, chance, alternative=alternative)
    if isinstance(result, StopRetrying):
        assert result.count in {-1, tries} or (result.count, policy.attempts) == (0, 0)
    else:
        assert tries < policy.attempts
        assert waited + result.requested <= 60
        assert result.seconds == result.requested > 0 or result.requested == 0
        assert result.requested or 0.8 * min(2**tries, 16) <= result.seconds <= max(10.0, 1.2 * min(2**tries, 16))
        longest = max(10.0, 1.2 * min(2**tries, 16)) + 1e-9  # the last bit of a product may round up
        assert result.requested or 0.8 * min(2**tries, 16) <= result.seconds <= longest


# What rules about status codes mean.


@pytest.mark.parametrize(
    ("codes", "outcome", "expected"),
    [
        ({429}, answered(429), True),
        ({429}, answered(500), False),
        (set(), answered(500), False),
        ({200}, OK, True),
        ({500}, broken(Kind.CONNECTION_REFUSED, sent=False), True),
        ({502}, broken(Kind.CONNECTION_REFUSED, sent=False), True),
        ({500}, broken(Kind.CONNECTION_CLOSED), True),
        ({500}, broken(Kind.TRUNCATED), True),
        ({500}, broken(Kind.CONNECT_TIMEOUT, sent=False), True),
        ({503}, broken(Kind.CONNECT_TIMEOUT, sent=False), True),
        ({503}, broken(Kind.CONNECTION_REFUSED, sent=False), False),
        ({500}, broken(Kind.FIRST_BYTE_TIMEOUT), False),
        ({500}, broken(Kind.INVALID_RESPONSE), False),
        ({408}, broken(Kind.FIRST_BYTE_TIMEOUT), True),
    ],
)
def test_which_statuses_an_outcome_stands_for(codes: set[int], outcome: Outcome, expected: bool) -> None:
    assert matches(frozenset(codes), outcome) is expected


def test_failures_that_no_other_target_could_mend() -> None:
    final = {kind for kind in Kind if is_final(Failure(kind, "It broke."))}
    assert final == {Kind.SHUTTING_DOWN, Kind.LOOP_DETECTED, Kind.NO_MATCHING_TARGET}
    assert not is_final(None)


def test_a_gateway_on_the_way_that_has_seen_the_request_too_often_ends_the_walk() -> None:
    looped, failed_ = answered(508), answered(500)
    assert ends_walk(looped)
    assert not ends_walk(failed_)
    policy = RetryPolicy(3, frozenset({500, 508}))
    assert decide(policy, looped, 0, 0.0, 0.5, alternative=False) == StopRetrying(0)


# How long a provider asks to be left alone.


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": " 2 "}, 2.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "350"}, 0.35),
        ({"x-ms-retry-after-ms": "350"}, 0.35),
        ({"retry-after": "9", "x-ms-retry-after-ms": "800", "retry-after-ms": "100"}, 0.1),
        ({"retry-after": "9", "x-ms-retry-after-ms": "800"}, 0.8),
        ({"retry-after": "9", "retry-after-ms": "soon"}, 9.0),
        ({"retry-after": "Wed, 01 Jan 2025 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Wed, 01 Jan 2025 01:00:30 +0100"}, 30.0),
        ({"retry-after": "Wed, 01 Jan 2025 00:00:30 -0000"}, 30.0),
        ({"retry-after": "Wed, 01 Jan 2025 00:00:30"}, 30.0),
        ({"retry-after": "Wednesday, 01-Jan-25 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Wed Jan  1 00:00:30 2025"}, 30.0),
        ({"retry-after": "Wed, 01 Jan 2020 00:00:00 GMT"}, 0.0),
        ({"retry-after": ""}, None),
        ({"retry-after": " "}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "9" * 300}, 1e9),
        ({"retry-after": "2s"}, None),
        ({"retry-after": "Wed, 32 Jan 2025 00:00:30 GMT"}, None),
        ({"retry-after": "Wed, 01 Jan 2025 25:00:00 GMT"}, None),
        ({"retry-after": "Wed, 01 Jan 2025 00:00:30 +9999"}, None),
        ({"retry-after": "Wed, 01 Jan 99999999999999999999 00:00:30 GMT"}, None),
        ({"retry-after": "\xff"}, None),
    ],
)
def test_reading_the_wish(headers: dict[str, str], seconds: float | None) -> None:
    fields = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    assert retry_after(fields, NOW) == (seconds if seconds is None else pytest.approx(seconds))


@given(st.datetimes(timezones=st.sampled_from([datetime.UTC, datetime.timezone(datetime.timedelta(hours=-7))])))
def test_every_date_is_read(moment: datetime.datetime) -> None:
    text = format_datetime(moment.replace(microsecond=0), usegmt=moment.tzinfo is datetime.UTC)
    expected = max(0.0, (moment.replace(microsecond=0) - NOW).total_seconds())
    found = retry_after([(b"retry-after", text.encode())], NOW)
    # Years of two digits have a meaning of their own (RFC 5322, 4.3).
    assert found == expected or moment.year < 1000


@given(
    st.sampled_from([b"retry-after", b"retry-after-ms", b"x-ms-retry-after-ms"]),
    st.binary(max_size=40) | st.text("0123456789:,+- .eGMTJanWedx", max_size=40).map(str.encode),
)
def test_no_nonsense_breaks_it(name: bytes, value: bytes) -> None:
    seconds = retry_after([(name, value)], NOW)
    assert seconds is None or seconds >= 0

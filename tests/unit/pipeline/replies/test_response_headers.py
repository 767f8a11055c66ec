"""What the gateway says of itself in headers, what it passes on of the provider's, and when a client shall come back."""

from __future__ import annotations

import pytest

import calling
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.core.outcome import Outcome
from penstock.pipeline.call import Answer
from penstock.pipeline.replies.response_headers import REQUEST_ID, reply_headers, with_response_headers
from penstock.routing.trace import AttemptStep
from penstock.routing.walk import Walked

FAILURE = Failure(Kind.UPSTREAM_STATUS, "No", sent=True)
STEPS = (AttemptStep("config.targets[0]", "429", 5.0, ["next"]), AttemptStep("config.targets[1]", "200", 7.0))


def answer(status: int = 200, headers: Headers | None = None, **members: object) -> Answer:
    failure = None if status < 400 else FAILURE
    return Answer(status, headers or [], b"", Outcome(status, failure, **members))  # type: ignore[arg-type]


def told(given: Answer, walked: Walked | None = None) -> dict[bytes, bytes]:
    with_response_headers(given, calling.call(), walked or Walked())
    names = [name for name, _ in given.headers]
    assert len(names) == len(set(names))
    return dict(given.headers)


def test_of_the_providers_headers_those_pass_that_are_about_the_answer() -> None:
    given = [
        (b"content-type", b"a"), (b"x-request-id", b"r"), (b"retry-after", b"2"), (b"set-cookie", b"s"),
        (b"content-length", b"3"), (b"transfer-encoding", b"chunked"), (b"x-portkey-trace-id", b"t"),
        (b"x-penstock-trace", b"t"), (b"access-control-allow-origin", b"*"), (b"server", b"nginx"),
    ]  # fmt: skip
    assert [name for name, _ in reply_headers(given)] == [b"content-type", b"x-request-id", b"retry-after"]


COMMANDS = [
    b"clear-site-data", b"refresh", b"set-cookie", b"set-cookie2", b"link", b"sourcemap", b"public-key-pins", b"expect-ct",
    b"strict-transport-security", b"content-security-policy", b"content-security-policy-report-only", b"permissions-policy",
    b"referrer-policy", b"origin-trial", b"service-worker-allowed", b"cross-origin-opener-policy", b"cross-origin-x",
    b"access-control-allow-credentials", b"accept-ch", b"report-to", b"nel", b"x-accel-redirect", b"x-sendfile",
    b"x-reproxy-url", b"proxy-authentication-info", b"speculation-rules", b"alt-svc",
]  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_what_commands_a_browser_or_a_proxy_stays_back(name: bytes) -> None:
    assert reply_headers([(name, b"x"), (b"x-accel-buffering", b"no")]) == [(b"x-accel-buffering", b"no")]


@pytest.mark.parametrize(
    ("connection", "kept"),
    [
        ([], [b"x-a", b"x-b"]),
        ([b"close"], [b"x-a", b"x-b"]),
        ([b"Keep-Alive"], [b"x-a", b"x-b"]),
        ([b"x-a"], [b"x-b"]),
        ([b"close, X-A"], [b"x-b"]),
        ([b"x-a ,x-b"], []),
        ([b"x-a", b"close"], [b"x-b"]),
        ([b"x-a", b"x-b"], []),
    ],
)
def test_fields_of_the_providers_connection_stay_back(connection: list[bytes], kept: list[bytes]) -> None:
    headers = [(b"x-a", b"1"), *((b"connection", value) for value in connection), (b"x-b", b"2")]
    assert [name for name, _ in reply_headers(headers)] == kept


def test_a_refusal_has_the_ids_of_the_request_alone() -> None:
    call, given = calling.call(), answer(400)
    with_response_headers(given, call)
    assert dict(given.headers) == {b"x-portkey-trace-id": calling.TRACE, REQUEST_ID: call.account.id.encode()}
    assert call.account.id != calling.call().account.id


def test_an_answer_names_its_target_and_its_way() -> None:
    given = answer()
    given.target, given.cache_status = calling.target(path="config.targets[1]"), "MISS"
    call = calling.call()
    with_response_headers(given, call, Walked(2, STEPS, None, 2))
    line = "targets[0] 429 5ms next; targets[1] 200 7ms"
    assert dict(given.headers) == {
        b"x-portkey-trace-id": calling.TRACE,
        REQUEST_ID: call.account.id.encode(),
        b"x-portkey-last-used-option-index": b"config.targets[1]",
        b"x-portkey-retry-attempt-count": b"2",
        b"x-portkey-cache-status": b"MISS",
        b"x-portkey-provider": b"nvidia",
        b"x-penstock-trace": line.encode(),
    }
    assert call.account.trace == line


def test_what_was_left_out_is_named_in_what_a_header_can_hold() -> None:
    given = answer()
    given.dropped = ("seed", "a,b", "50%", "ü\r\n")
    assert told(given)[b"x-penstock-dropped-params"] == b"seed,a%2Cb,50%25,%C3%BC%0D%0A"


def test_not_everything_is_named_that_a_caller_can_think_of() -> None:
    given = answer()
    given.dropped = tuple("x" * 200 for _ in range(60))
    names = told(given)[b"x-penstock-dropped-params"].split(b",")
    assert (len(names), names[0], names[-1]) == (41, b"x" * 100, b"...")
    given = answer()
    given.dropped = tuple("x" for _ in range(60))
    assert told(given)[b"x-penstock-dropped-params"] == b"x," * 50 + b"..."


def test_names_that_take_more_room_in_a_header_are_fewer() -> None:
    given = answer()
    given.dropped = tuple("\N{GRINNING FACE}" * 64 for _ in range(32))
    value = told(given)[b"x-penstock-dropped-params"]
    assert value.endswith(b"%80,...")
    assert len(value) <= 4100


@pytest.mark.parametrize(
    ("status", "calls", "retry_after", "advised", "is_final"),
    [
        (429, 1, None, None, False),
        (429, 2, None, b"1", True),
        (503, 2, 2.2, b"3", True),
        (500, 2, None, None, True),
        (429, 1, 7.0, b"7", False),
        (200, 3, None, None, False),
        (401, 1, None, None, True),
        (403, 1, None, None, False),
    ],
)
def test_what_was_retried_here_is_not_to_be_retried_there(
    status: int, calls: int, retry_after: float | None, advised: bytes | None, is_final: bool
) -> None:
    headers = told(answer(status, retry_after=retry_after), Walked(upstream_calls=calls))
    assert headers.get(b"retry-after") == advised
    assert (headers.get(b"x-should-retry") == b"false") is is_final


def test_the_providers_own_advice_stands_unless_it_was_followed() -> None:
    given = answer(503, [(b"retry-after", b"9"), (b"x-should-retry", b"true")], retry_after=3.0)
    headers = told(given, Walked(upstream_calls=2))
    assert (headers[b"retry-after"], headers[b"x-should-retry"]) == (b"9", b"false")

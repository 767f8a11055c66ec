"""What is no LLM endpoint: small pages, readiness while draining, and answers that say what there is."""

import pytest

from penstock.server.pages.pages import Pages
from penstock.server.surfaces import SURFACES


def error_of(path: str, method: str = "GET") -> tuple[int, str, dict[bytes, bytes]]:
    found = SURFACES.find(method, path)
    failure, headers = Pages().missing(path, method, found)
    return failure.status, failure.message, dict(headers)


@pytest.mark.parametrize("path", ["/", "/health", "/v1/health", "/ready"])
def test_pages_that_there_are(path: str) -> None:
    assert Pages().page(path)[0] == 200


def test_readiness_ends_before_the_gateway_does() -> None:
    pages = Pages()
    pages.draining = True
    assert pages.page("/ready")[0] == 503
    assert pages.page("/health")[0] == 200


class Watched:
    """A database with what is wrong with it."""

    def __init__(self, *problems: str, is_lost: bool = False) -> None:
        self.problems, self.is_lost = problems, is_lost


@pytest.mark.parametrize(
    ("watched", "body"),
    [
        (None, b'{"status":"ok"}'),
        (Watched(), b'{"status":"ok"}'),
        (Watched(is_lost=True), b'{"status":"degraded","database":"lost"}'),
        (Watched("the provider canary", "configs.canary"), b'{"status":"degraded","unusable_rows":2}'),
    ],
)
def test_the_health_page_tells_of_the_database_without_a_name(watched: Watched | None, body: bytes) -> None:
    assert Pages(watched).page("/health")[::2] == (200, body)


class Shared:
    """Replicas that share one kind of state."""

    def __init__(self, *, is_lost: bool, limits_are_lost: bool = False) -> None:
        self.limits_are_lost = limits_are_lost
        self.is_lost, self.state = is_lost, {"cache": "shared", "sticky": "process"}


def test_the_health_page_tells_that_limits_are_counted_by_each_worker_for_now() -> None:
    body = Pages(None, Shared(is_lost=False, limits_are_lost=True)).page("/health")[2]
    assert body.startswith(b'{"status":"degraded","limits":"degraded",')


@pytest.mark.parametrize(
    ("is_lost", "begin"), [(False, b'{"status":"ok",'), (True, b'{"status":"degraded","redis":"lost",')]
)
def test_the_health_page_tells_what_is_per_process(is_lost: bool, begin: bytes) -> None:
    body = Pages(None, Shared(is_lost=is_lost)).page("/health")[2]
    assert body == begin + b'"state":{"cache":"shared","sticky":"process"}}'


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/v1/embeddings", "GET", b"POST"),
        ("/v1/models/a/b", "POST", b"GET, DELETE"),
        ("/v1/explain", "GET", b"POST"),
        ("/health", "POST", b"GET"),
    ],
)
def test_the_wrong_method_is_told_the_right_one(path: str, method: str, allowed: bytes) -> None:
    status, message, headers = error_of(path, method)
    assert (status, headers[b"allow"]) == (405, allowed)
    assert method in message


def test_a_slip_in_a_path_is_told() -> None:
    status, message, _ = error_of("/v1/chat/completion")
    assert (status, message.endswith("did you mean /v1/chat/completions?")) == (404, True)


def test_any_other_path_is_told_what_there_is() -> None:
    status, message, _ = error_of("/zzz" * 100)
    assert status == 404
    assert "/v1/chat/completions" in message
    assert len(message) < 300

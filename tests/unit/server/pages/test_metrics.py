"""The page as an application of its own, and the key that a request for it shows."""

from typing import Any

import pytest

from penstock.core.failure import Failure, Kind
from penstock.server.origin import Origins
from penstock.server.pages.metrics import MetricsApp, MetricsPage

REFUSED = Failure(Kind.NOT_ALLOWED, "No.")


class Source:
    async def page(self, accept: str) -> tuple[bytes, bytes]:
        return b"text/plain", f"for {accept}".encode()


class Admission:
    """Lets in one key."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str | None]] = []

    async def refused(self, presented: str, address: str | None) -> Failure | None:
        self.shown.append((presented, address))
        return None if presented == "key" else REFUSED


@pytest.mark.parametrize(
    ("fields", "presented"),
    [
        ({}, ""),
        ({b"authorization": b"Bearer key"}, "key"),
        ({b"authorization": b"bearer  key "}, "key"),
        ({b"authorization": b"Basic key"}, ""),
        ({b"x-portkey-api-key": b"key", b"authorization": b"Bearer other"}, "key"),
        ({b"authorization": b"Bearer " + b"x" * 9999}, "x" * 4096),
        ({b"authorization": b"Bearer \xff"}, "\ufffd"),
    ],
)
async def test_the_key_that_is_shown(fields: dict[bytes, bytes], presented: str) -> None:
    admission = Admission()
    failure = await MetricsPage(Source(), admission).refused(fields, "192.0.2.1")
    assert admission.shown == [(presented, "192.0.2.1")]
    assert failure == (None if presented == "key" else REFUSED)


async def test_without_an_admission_everybody_may_read() -> None:
    page = MetricsPage(Source())
    assert await page.refused({}, None) is None
    status, headers, body = await page.page({b"accept": b"text/plain"})
    assert (status, body) == (200, b"for text/plain")
    assert dict(headers)[b"cache-control"] == b"no-store"


async def ask(scope: dict[str, Any]) -> tuple[int, bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        raise AssertionError("nothing is received")

    app = MetricsApp(MetricsPage(Source()), Origins(is_loopback=True))
    await app({"type": "http", "method": "GET", "path": "/metrics", "headers": [], **scope}, receive, send)
    assert dict(sent[0]["headers"])[b"content-length"] == str(len(sent[1]["body"])).encode()
    return sent[0]["status"], sent[1]["body"]


async def test_the_application() -> None:
    assert await ask({}) == (200, b"for ")
    assert (await ask({"path": "/"}))[0] == 404
    assert (await ask({"method": "POST"}))[0] == 405
    assert (await ask({"headers": [(b"host", b"evil.example")]}))[0] == 403

"""Links to results of batches lead to the gateway."""

from __future__ import annotations

import pytest

from penstock.pipeline.keeping.result_links import own_links, tells_of_batches

PATH = b"/v1/messages/batches/msgbatch_1/results"


@pytest.mark.parametrize(
    "origin", [b"https://api.anthropic.com", b"http://127.0.0.1:1", b"https://proxy.example/claude"]
)
def test_the_path_stays_of_an_address(origin: bytes) -> None:
    body = b'{"id":"msgbatch_1", "results_url" : "%b", "x":[{"results_url":"%b"}]}'
    assert own_links(body % (origin + PATH, origin + PATH)) == body % (PATH, PATH)


@pytest.mark.parametrize(
    "body",
    [
        b'{"results_url":null}',
        b'{"results_url":"https://api.anthropic.com/v1/files/f/content"}',
        b'{"text":"\\"results_url\\":\\"https://a.example/v1/messages/batches/b/results\\""}',
        b'{"results_url":"/v1/messages/batches/b/results"}',
        b"\x1f\x8b no JSON",
    ],
)
def test_anything_else_stays(body: bytes) -> None:
    assert own_links(body) == body


@pytest.mark.parametrize(
    ("target", "tells"),
    [
        (b"/v1/messages/batches", True),
        (b"/v1/messages/batches/b?beta=true", True),
        (b"/v1/messages/batches/b/cancel", True),
        (PATH, False),
        (PATH + b"?beta=true", False),
        (b"/v1/files", False),
    ],
)
def test_results_are_not_searched(target: bytes, tells: bool) -> None:
    assert tells_of_batches(target) is tells

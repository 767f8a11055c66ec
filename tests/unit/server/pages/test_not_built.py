"""Endpoints that clients know and this release doesn't have are told as such."""

from __future__ import annotations

import pytest

from penstock.core.failure import Failure, Kind
from penstock.server.pages.not_built import not_built
from penstock.server.surfaces import SURFACES


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/gemini-2.5-pro:generateAnswer",
        "/model/anthropic.claude/async-invoke",
        "/model/amazon.nova-sonic-v1:0/invoke-with-bidirectional-stream",
        "/async-invoke",
        "/async-invoke/arn:aws:bedrock:1",
        "/v1/chat",
        "/api/pull",
        "/api/blobs/sha256:1",
        "/v1/virtual-keys",
    ],
)
def test_a_known_endpoint_is_not_built(path: str) -> None:
    failure = not_built(path)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.status) == (Kind.NOT_IMPLEMENTED, 501)


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/guardrails/words", "/v1/feedback", "/v1/analytics/x", "/console/"])
def test_what_needs_a_database_is_not_blamed_on_the_release(path: str) -> None:
    failure = not_built(path)
    assert failure is not None
    assert "store.database" in failure.message
    assert "release" not in failure.message


@pytest.mark.parametrize(
    "path", ["/", "/nope", "/v1", "/v1/chat/completion", "/v1/response", "/models/x", *SURFACES.paths]
)
def test_any_other_path_is_not_meant(path: str) -> None:
    # Below the Realtime API's path there are surfaces; the socket itself is not built.
    assert not_built(path) is None or path.startswith("/v1/realtime/")

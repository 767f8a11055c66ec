"""Errors under status 200, from each wire to each other, plain and streamed: the status that the host names, or 502,
and the caller's own shape."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from doors import HOSTS, OF_HOSTS, door, error_message
from running import RunningGateway
from upstream import Upstream, reply

NAMELESS = {"error": {"message": "No such luck."}}
UNKNOWN = {"type": "error", "error": {"type": "weird", "message": "No such luck."}}
ERRORS = {
    "nameless": (NAMELESS, 502),
    "text": ({"error": "No such luck."}, 502),
    "unknown": (UNKNOWN, 502),
    "numbered": ({"error": {"message": "No such luck.", "code": 429}}, 429),
    "known": ({"error": {"message": "No such luck.", "code": "rate_limit_exceeded"}}, 429),
}


def asked(gateway: RunningGateway, upstream: Upstream, caller: str, target: str, *, stream: bool) -> httpx.Response:
    provider, model, end = HOSTS[target]
    path, body = door(caller, model, stream=stream)
    headers = {
        "authorization": "Bearer k", "x-portkey-provider": provider, "x-portkey-custom-host": upstream.url + end,
        **OF_HOSTS.get(target, {}),
    }  # fmt: skip
    return httpx.post(gateway.url + path, json=body, headers=headers, timeout=300)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("caller", HOSTS)
@pytest.mark.parametrize("gateway", ["http1"], indirect=True)
def test_an_error_has_the_status_that_it_names_or_502(
    caller: str, error: str, stream: bool, gateway: RunningGateway, upstream: Upstream
) -> None:
    body, status = ERRORS[error]
    for target in HOSTS:
        upstream.play(reply(body=json.dumps(body).encode()))
        answer = asked(gateway, upstream, caller, target, stream=stream)
        assert (target, answer.status_code) == (target, status)
        if target == caller:
            assert "No such luck." in answer.text
        else:
            assert "No such luck." in error_message(caller, told(answer))


def told(answer: httpx.Response) -> Any:
    assert answer.headers["content-type"].startswith("application/json")
    return answer.json()

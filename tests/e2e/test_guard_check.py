"""One check on its own, over a socket: off unless the operator switches it on, and for this machine alone."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from penstock.settings import load
from running import running_gateway

CHECK = {
    "id": "default.contains",
    "parameters": {"words": ["bad"], "operator": "none"},
    "context": {"request": {"text": "bad"}},
    "eventType": "beforeRequestHook",
}


@pytest.mark.parametrize("is_on", [True, False])
def test_it_is_off_by_default(is_on: bool) -> None:
    environment = {"PENSTOCK_ACCESS_LOG": "false"} | ({"PENSTOCK_GUARDS_CHECK_ENDPOINT": "true"} if is_on else {})
    with running_gateway(load({}, environment, Path("/nonexistent"))) as gateway:
        url = f"{gateway.url}/penstock/guards/check"
        got = httpx.post(url, json=CHECK, timeout=300, trust_env=False)
        assert got.status_code == (200 if is_on else 404)
        if not is_on:
            return
        assert got.json()["verdict"] is False
        for name in (
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "via",
            "forwarded",
            "cf-connecting-ip",
        ):
            proxied = httpx.post(url, json=CHECK, headers={name: "203.0.113.9"}, timeout=300, trust_env=False)
            assert proxied.status_code == 403
        assert httpx.post(url, json={**CHECK, "id": "none"}, timeout=300, trust_env=False).status_code == 400
        for page in (
            {"origin": "https://elsewhere.test", "sec-fetch-site": "cross-site"},
            {"origin": gateway.url, "sec-fetch-site": "same-origin"},
        ):
            assert httpx.post(url, json=CHECK, headers=page, timeout=300, trust_env=False).status_code == 403

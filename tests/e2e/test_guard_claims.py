"""Claims of a caller's token as header fields for the provider, which no caller can make up."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from running import RunningGateway
from upstream import Upstream, reply

KEY = ECKey.generate_key("P-256", {"kid": "one"})


def ask(
    gateway: RunningGateway, upstream: Upstream, path: str, headers: dict[str, str], **config: Any
) -> httpx.Response:
    keys = {"keys": [KEY.as_dict(private=False)]}
    check = {"jwt": {"jwks": keys, "headerKey": "x-token", "extractClaims": ["sub", "team"]}, "deny": True}
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    given = {**target, "input_guardrails": [{**check, **config.pop("hook", {})}], **config}
    headers = {"x-portkey-config": json.dumps(given), **headers}
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    return httpx.post(f"{gateway.v1}/{path}", json=body, headers=headers, timeout=300, trust_env=False)


def token(**claims: Any) -> str:
    return jwt.encode({"alg": "ES256", "kid": "one"}, {"iat": int(time.time()), **claims}, KEY)


def test_a_provider_gets_claims(gateway: RunningGateway, upstream: Upstream) -> None:
    for path in ("chat/completions", "vector_stores"):
        made_up = {"x-jwt-sub": "root", "x-jwt-team": "root", "x-token": token(sub="ann")}
        assert ask(gateway, upstream, path, made_up).status_code == 200
        assert upstream.last.headers["x-jwt-sub"] == "ann"
        assert "x-jwt-team" not in upstream.last.headers
        assert upstream.last.headers["authorization"] == "Bearer k"
    assert ask(gateway, upstream, "chat/completions", {"x-jwt-sub": "root"}).status_code == 446
    assert len(upstream.received) == 2


def test_without_a_good_token_no_claim_is_told(gateway: RunningGateway, upstream: Upstream) -> None:
    headers = {"x-jwt-sub": "root", "x-token": "bad"}
    got = ask(gateway, upstream, "chat/completions", headers, hook={"deny": False}, forward_headers=["x-jwt-sub"])
    assert got.status_code == 246
    assert "x-jwt-sub" not in upstream.last.headers


def test_a_check_that_fails_lets_no_caller_tell_claims(gateway: RunningGateway, upstream: Upstream) -> None:
    """An issuer that does not answer in time tells nothing; nor may the caller, then."""
    check = {
        "jwksUri": "http://127.0.0.1:9/keys", "headerKey": "x-token", "extractClaims": ["sub"], "timeout": 1,
        "failOnError": False,
    }  # fmt: skip
    headers = {"x-jwt-sub": "root", "x-token": token(sub="ann")}
    hook = {"jwt": check, "deny": False}
    got = ask(gateway, upstream, "chat/completions", headers, hook=hook, forward_headers=["x-jwt-sub"])
    assert got.status_code in {200, 246}
    assert "x-jwt-sub" not in upstream.last.headers


def test_a_callers_own_guard_tells_no_claim_of_anothers(gateway: RunningGateway, upstream: Upstream) -> None:
    mine = ECKey.generate_key("P-256", {"kid": "mine"})
    shown = jwt.encode({"alg": "ES256", "kid": "mine"}, {"iat": int(time.time()), "sub": "root"}, mine)
    keys = {"keys": [mine.as_dict(private=False)]}
    own = [{"jwt": {"jwks": keys, "headerKey": "x-mine", "extractClaims": ["sub"]}}]
    headers = {"x-token": token(sub="ann"), "x-mine": shown}
    for name in ("x-portkey-default-input-guardrails", "unread"):
        upstream.received.clear()
        got = ask(gateway, upstream, "chat/completions", {**headers, name: json.dumps(own)})
        assert got.status_code == 200
        assert upstream.last.headers.get("x-jwt-sub") == ("ann" if name == "unread" else None)


def test_who_asks_is_part_of_what_is_cached(gateway: RunningGateway, upstream: Upstream) -> None:
    for name in ("ann", "bob", "ann"):
        upstream.play(reply())
        assert (
            ask(
                gateway, upstream, "chat/completions", {"x-token": token(sub=name)}, cache={"mode": "simple"}
            ).status_code
            == 200
        )
    assert [each.headers["x-jwt-sub"] for each in upstream.received] == ["ann", "bob"]


def test_a_guard_beside_the_model_tells_none(gateway: RunningGateway, upstream: Upstream) -> None:
    got = ask(gateway, upstream, "chat/completions", {}, hook={"parallel": True})
    assert (got.status_code, upstream.received) == (400, [])

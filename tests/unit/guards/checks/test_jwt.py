"""Only a token that a known key signed, in time and with the right claims, passes; whatever goes wrong refuses it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from judging import Way, asked, refused
from penstock.guards.base import CheckError, Judgement, OutboundReply, OutboundRequest

NOW = 1_800_000_000
KEY = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"})
OTHER = ECKey.generate_key("P-256", {"kid": "two"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
URL = "https://issuer.example/keys"
CLAIMS = {"iat": NOW - 60, "exp": NOW + 60, "sub": "u", "aud": "gateway", "iss": "issuer", "groups": ["a", "b"]}


def keys(*listed: Any) -> dict[str, Any]:
    return {"keys": [each.as_dict(private=False) for each in listed]}


def token(key: Any = KEY, alg: str = "ES256", head: dict[str, Any] | None = None, **claims: Any) -> str:
    given = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode({"alg": alg, "kid": key.kid, **(head or {})}, given, key, algorithms=[alg])


def judge(shown: str | None, way: Way | None = None, **parameters: Any) -> Judgement:
    way = way or Way(lambda _: OutboundReply(200, {}, json.dumps(keys(KEY, RSA)).encode()))
    headers = {} if shown is None else {"authorization": shown}
    return asked("jwt", {"jwksUri": URL, **parameters}, "hi", way, headers=headers, now=NOW)


@pytest.mark.parametrize("key", [KEY, RSA])
def test_a_good_token(key: Any) -> None:
    alg = "ES256" if key is KEY else "RS256"
    for shown in (token(key, alg), f"Bearer {token(key, alg)}", f"bearer {token(key, alg)}"):
        judgement = judge(shown)
        assert (judgement.verdict, judgement.error) == (True, None), judgement.data
        assert judgement.data["validations"]["signatureValid"]


@pytest.mark.parametrize(
    "shown",
    [
        None, "", "garbage", "a.b.c", "Bearer ", token()[:-4] + "AAAA", token(OTHER), "x" * 20_000,
        token(exp=NOW - 6), token(nbf=NOW + 6), token(iat=None), token(iat=NOW - 90_000), token(iat=NOW + 60),
        token(exp="soon"), token(key=ECKey.generate_key("P-256", {"kid": "one"})),
    ],
)  # fmt: skip
def test_a_bad_token_is_a_false_verdict(shown: str | None) -> None:
    judgement = judge(shown)
    assert (judgement.verdict, judgement.error) == (False, None)
    assert not shown or len(shown) < 9 or shown not in json.dumps(judgement.data)


@pytest.mark.parametrize("is_inline", [True, False])
def test_of_a_private_key_nobody_reads_more_than_the_public_part(is_inline: bool) -> None:
    """To prove that the numbers of a private key of 6144 bits fit takes seconds. Here they do not fit."""
    whole = RSA.as_dict(private=True)
    listed = {"keys": [{**whole, **dict.fromkeys(("d", "p", "q", "dp", "dq", "qi"), whole["d"])}]}
    way = Way(lambda _: OutboundReply(200, {}, json.dumps(listed).encode()))
    judgement = judge(token(RSA, "RS256"), way, **({"jwks": listed} if is_inline else {}))
    assert (judgement.verdict, judgement.error) == (True, None), judgement.data


def test_a_huge_key_is_left_out() -> None:
    huge = {"kty": "RSA", "kid": "rsa", "e": "AQAB", "n": "_" + "A" * 1366}
    way = Way(lambda _: OutboundReply(200, {}, json.dumps({"keys": [huge]}).encode()))
    assert judge(token(RSA, "RS256"), way).data["explanation"].endswith("unknown key.")


def test_no_algorithm_without_a_signature() -> None:
    head = "eyJhbGciOiJub25lIn0"
    claims = token().split(".")[1]
    assert not judge(f"{head}.{claims}.").verdict
    assert refused("jwt", {"jwksUri": URL, "algorithms": ["none"]}) == "p.algorithms"


def test_a_secret_key_needs_to_be_asked_for() -> None:
    secret = OctKey.import_key("a-secret-of-thirty-two-bytes-here", {"kid": "s"})
    inline = {"keys": [secret.as_dict(private=True)]}
    shown = token(secret, "HS256")
    assert not judge(shown, jwks=inline).verdict
    assert judge(shown, jwks=inline, algorithms=["HS256"]).verdict
    # A public key is no secret, though its text is known.
    assert not judge(shown, algorithms=["HS256", "ES256"]).verdict


@pytest.mark.parametrize(
    "reply",
    [CheckError("away"), OutboundReply(500, {}, b""), OutboundReply(200, {}, b"no"), OutboundReply(200, {}, b'{"keys":[{}]}')],
)  # fmt: skip
def test_keys_that_cannot_be_read(reply: OutboundReply | CheckError) -> None:
    judgement = judge(token(), Way(lambda _: reply))
    assert (judgement.verdict, judgement.error) == (False, None)


def test_an_unknown_key_makes_the_set_be_read_again_once() -> None:
    sets = [keys(KEY), keys(KEY, OTHER)]
    way = Way(lambda _: OutboundReply(200, {}, json.dumps(sets[min(len(way.sent), 2) - 1]).encode()))
    assert judge(token(OTHER), way, cacheMaxAge=60).verdict
    assert way.fetched == [(60.0, False), (60.0, True)]
    [request, _] = way.sent
    assert (request.method, request.url, request.timeout) == ("GET", URL, 3.0)


@pytest.mark.parametrize(
    ("parameters", "verdict"),
    [
        ({"audience": "gateway", "issuer": ["issuer"]}, True),
        ({"audience": ["other"]}, False),
        ({"issuer": "other"}, False),
        ({"requiredClaims": ["sub"]}, True),
        ({"requiredClaims": ["email"]}, False),
        ({"claimValues": {"sub": {"values": ["u"]}}}, True),
        ({"claimValues": {"groups": {"values": ["a", "b"], "matchType": "containsAll"}}}, True),
        ({"claimValues": {"groups": {"values": ["c"], "matchType": "contains"}}}, False),
        ({"claimValues": {"sub": {"values": ["^u$"], "matchType": "regex"}}}, True),
        ({"headerPayloadMatch": ["iss"]}, False),
        ({"maxTokenAge": "30s"}, False),
        ({"maxTokenAge": "2 minutes"}, True),
        ({"headerKey": "X-Token"}, False),
    ],
)
def test_claims(parameters: dict[str, Any], verdict: bool) -> None:
    assert judge(token(), **parameters).verdict is verdict


def test_a_claim_that_the_header_repeats() -> None:
    registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    for issuer, verdict in (("issuer", True), ("another", False)):
        shown = jwt.encode({"alg": "ES256", "kid": "one", "iss": issuer}, CLAIMS, KEY, registry=registry)
        assert judge(shown, headerPayloadMatch=["iss"]).verdict is verdict


def test_claims_become_headers() -> None:
    shown = token(sub="u\u00e9", n=5, ok=True, deep={"a": [1]})
    names = ["iss", "groups", "n", "ok", "deep", "sub", "missing"]
    told = judge(shown, extractClaims=names).headers
    assert told == {
        "x-jwt-iss": "issuer",
        "x-jwt-groups": "a,b",
        "x-jwt-n": "5",
        "x-jwt-ok": "true",
        "x-jwt-deep": '{"a":[1]}',
        "x-jwt-sub": None,
        "x-jwt-missing": None,
    }
    assert judge(shown, extractClaims=["ISS", "n"], claimPrefix="X-Own-Id-").headers == {
        "x-own-id-iss": None,
        "x-own-id-n": "5",
    }
    for bad in ("garbage", None):
        assert judge(bad, extractClaims=["n"]).headers == {"x-jwt-n": None}
    assert judge(shown).headers == {}


def test_introspection() -> None:
    told: dict[str, Any] = {"active": True, "sub": "u"}
    way = Way(lambda _: OutboundReply(200, {}, json.dumps(told).encode()))

    def introspect(**more: Any) -> Judgement:
        parameters = {"introspectEndpoint": "https://issuer.example/introspect", **more}
        return asked("jwt", parameters, "hi", way, headers={"authorization": "Bearer opaque"}, now=NOW)

    assert introspect(requiredClaims=["sub"]).verdict
    request: OutboundRequest = way.sent[0]
    assert (request.method, request.body, way.fetched) == ("POST", b"token=opaque", [])
    assert introspect(introspectContentType="application/json", introspectCacheMaxAge=5).verdict
    assert (way.sent[1].body, way.fetched) == (b'{"token":"opaque"}', [(5.0, False)])
    told["active"] = False
    assert not introspect().verdict


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({}, "p.jwksUri"),
        ({"jwks": {}}, "p.jwks"),
        ({"jwksUri": URL, "extractClaims": ["a b"]}, "p.extractClaims"),
        ({"jwksUri": URL, "extractClaims": ["key"], "claimPrefix": "x-api-"}, "p.claimPrefix"),
        ({"jwksUri": URL, "extractClaims": ["authorization"], "claimPrefix": ""}, "p.claimPrefix"),
        ({"jwksUri": URL, "extractClaims": ["config"], "claimPrefix": "x-portkey-"}, "p.claimPrefix"),
        ({"jwksUri": URL, "extractClaims": ["sub"], "claimPrefix": "authorization"}, "p.claimPrefix"),
        ({"jwksUri": URL, "claimValues": {"a": {"matchType": "some"}}}, "p.claimValues.a.matchType"),
    ],
)
def test_what_is_refused(parameters: dict[str, Any], path: str) -> None:
    assert refused("jwt", parameters) == path

"""JSON web tokens: whether the caller shows one that a trusted issuer signed. The check fails closed.

Sources: RFC 7519 (JWT), RFC 7517 (JWK), RFC 7662 (introspection), docs/guardrails.md#json-web-tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec

from penstock.core.json_text import read_json_or_none, write_json
from penstock.guards.base import (
    Check,
    CheckError,
    Context,
    Judgement,
    Outbound,
    OutboundRequest,
    Phase,
    Prepared,
    Reads,
)
from penstock.guards.key_set import fits, has_key, read_key_set
from penstock.guards.parameters import Parameters
from penstock.guards.patterns import compiled, seconds_for

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

    from penstock.routing.javascript_regex import Pattern

_SECONDS: Final = 3.0
_ASYMMETRIC: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_ALGORITHMS: Final = frozenset({*_ASYMMETRIC, "HS256", "HS384", "HS512", "ES256K", "Ed25519", "Ed448"})
_MATCHES: Final = ("exact", "contains", "containsAll", "regex")
_AGE: Final = re.compile(r"(\d+(?:\.\d+)?) ?(s|m|h|d|w|y)\w*", re.IGNORECASE)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31557600}
_LONGEST: Final = 16_384
"""Characters of a token."""
_LONGEST_CLAIM: Final = 4096
"""Characters of a claim that a header tells."""
_CLAIM: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PREFIX: Final = re.compile(
    r"x-(?!portkey-|penstock-|api-|goog-|amz-|amzn-|forwarded-|ms-|real-)[a-z0-9]+(?:-[a-z0-9]+)*-"
)
"""No header of the gateway's, of a provider's credentials or of proxies."""


class _ClaimRule(msgspec.Struct, frozen=True):
    """The values that a claim may have."""

    values: tuple[str, ...]
    match: str
    patterns: tuple[Pattern, ...] = ()

    def holds(self, claim: Any) -> bool:
        values = [_text(each) for each in (claim if isinstance(claim, list) else [claim]) if each is not None]
        match self.match:
            case "exact":
                return any(each in self.values for each in values)
            case "contains":
                return any(value in each for value in self.values for each in values)
            case "containsAll":
                return all(any(value in each for each in values) for value in self.values)
            case _:
                return any(
                    pattern.compiled.search(each, timeout=seconds_for(each)) is not None
                    for pattern in self.patterns
                    for each in values
                )


class _Rules(msgspec.Struct, frozen=True):
    """What a token must be. Times are in seconds."""

    algorithms: tuple[str, ...]
    tolerance: float
    max_age: float
    audience: tuple[str, ...]
    issuer: tuple[str, ...]
    required: tuple[str, ...]
    values: Mapping[str, _ClaimRule]
    same: tuple[str, ...]


class _Issuer(msgspec.Struct, frozen=True):
    """Where tokens are, and who says whether they are good. ``kept`` and ``kept_answers`` are in seconds."""

    header: str
    keys: Any
    source: str
    kept: float
    endpoint: str
    kept_answers: float
    form: str


def _jwt(parameters: Parameters) -> Prepared:
    issuer, rules, told_on = _issuer(parameters), _rules(parameters), _headers_of_claims(parameters)

    async def ask(context: Context, outbound: Outbound) -> Judgement:
        judgement, claims = await _asked(context, outbound, issuer, rules)
        if not told_on:
            return judgement
        known = claims if judgement.verdict else {}
        headers = {header: _header_text(known.get(claim)) for claim, header in told_on.items()}
        return msgspec.structs.replace(judgement, headers=headers)

    return Prepared(ask=ask, size=2000, transforms=bool(told_on), tells=tuple(told_on.values()))


def _issuer(parameters: Parameters) -> _Issuer:
    source, endpoint = parameters.url("jwksUri"), parameters.url("introspectEndpoint")
    if not (source or endpoint or parameters.has("jwks")):
        parameters.complain("jwksUri", "Required: jwksUri, jwks or introspectEndpoint")
    forms = ("application/x-www-form-urlencoded", "application/json")
    return _Issuer(
        parameters.text("headerKey", "Authorization").lower(),
        _inline(parameters),
        source,
        parameters.number("cacheMaxAge", 86_400, least=0) or 0.0,
        endpoint,
        parameters.number("introspectCacheMaxAge", 0, least=0) or 0.0,
        parameters.choice("introspectContentType", forms, forms[0]),
    )


async def _asked(
    context: Context, outbound: Outbound, issuer: _Issuer, rules: _Rules
) -> tuple[Judgement, Mapping[str, Any]]:
    """The judgement of a request, and the claims of its token."""
    token = context.headers.get(issuer.header, "").strip()
    token = token[7:].strip() if token[:7].lower() == "bearer " else token
    if not token:
        return _refused("The request has no token."), {}
    if len(token) > _LONGEST:
        return _refused("The token is too long."), {}
    claims: dict[str, Any] = {}
    head: dict[str, Any] = {}
    if issuer.keys is not None or issuer.source:
        read = await _verified(token, issuer.keys, issuer.source, issuer.kept, rules, outbound)
        if isinstance(read, str):
            return _refused(read), {}
        head, claims = read
    if issuer.endpoint:
        introspection = await _introspected(token, issuer.endpoint, issuer.form, issuer.kept_answers, outbound)
        if isinstance(introspection, str):
            return _refused(introspection), {}
        claims = {**introspection, **claims}
    # What introspection calls active may be opaque: then it tells the times, or nothing does.
    return _judged(head, claims, rules, context.now, is_signed=bool(head)), claims


def _headers_of_claims(parameters: Parameters) -> dict[str, str]:
    """The claims that the provider gets, each with the header that tells it."""
    prefix = parameters.text("claimPrefix", "x-jwt-").lower()
    if parameters.has("claimPrefix") and not _PREFIX.fullmatch(prefix):
        parameters.complain("claimPrefix", "it must be the beginning of a header's name of your own: x-NAME-")
    claims = parameters.texts("extractClaims")
    for claim in claims:
        if not _CLAIM.fullmatch(claim):
            parameters.complain("extractClaims", f"no header can have the name of the claim '{claim[:40]}'")
    return {claim: prefix + claim.lower() for claim in claims}


def _header_text(claim: Any) -> str | None:
    """A claim as a header's value; None for one that is missing, too long, or of signs that no header holds."""
    if isinstance(claim, list) and all(isinstance(each, str | int | float) for each in claim):
        text = ",".join(map(_text, claim))
    else:
        text = write_json(claim).decode() if isinstance(claim, dict | list) else "" if claim is None else _text(claim)
    text = text.strip()
    return text if text and text.isascii() and text.isprintable() and len(text) <= _LONGEST_CLAIM else None


def _rules(parameters: Parameters) -> _Rules:
    algorithms = parameters.texts("algorithms", _ASYMMETRIC)
    for each in algorithms:
        if each not in _ALGORITHMS:
            parameters.complain("algorithms", f"there is no algorithm '{each[:20]}' here")
    return _Rules(
        tuple(algorithms),
        parameters.number("clockTolerance", 5, least=0) or 0.0,
        _age(parameters),
        parameters.texts("audience"),
        parameters.texts("issuer"),
        parameters.texts("requiredClaims"),
        _claim_rules(parameters),
        parameters.texts("headerPayloadMatch"),
    )


def _age(parameters: Parameters) -> float:
    value = parameters.any("maxTokenAge")
    if value is None:
        return 86_400.0
    match = _AGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None:
        return float(match[1]) * _UNITS[match[2].lower()]
    return parameters.number("maxTokenAge", 86_400, least=0) or 0.0


def _inline(parameters: Parameters) -> KeySet | None:
    value = parameters.any("jwks")
    if value is None:
        return None
    value = read_json_or_none(value.encode()) if isinstance(value, str) else value
    keys = read_key_set(value)
    if keys is None:
        parameters.complain("jwks", "it must be a set of keys: an object with keys")
    return keys


def _claim_rules(parameters: Parameters) -> dict[str, _ClaimRule]:
    rules: dict[str, _ClaimRule] = {}
    for name, value in (parameters.object("claimValues") or {}).items():
        path = f"{parameters.path}.claimValues.{name[:60]}"
        if not isinstance(value, dict):
            parameters.complain(f"claimValues.{name[:60]}", "it must be an object with values and matchType")
            continue
        own = Parameters(value, path, parameters.problems)
        match = own.choice("matchType", _MATCHES, "exact")
        listed = own.any("values")
        listed = listed if isinstance(listed, list) else [] if listed is None else [listed]
        values = tuple(_text(each) for each in listed)
        if not values:
            own.complain("values", "Required: a list of values")
        own.refuse_unknown()
        patterns = [compiled(each, own, "values") for each in (values if match == "regex" else ())]
        rules[name] = _ClaimRule(values, match, tuple(each for each in patterns if each is not None))
    return rules


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


async def _verified(
    token: str, inline: KeySet | None, source: str, kept: float, rules: _Rules, outbound: Outbound
) -> tuple[dict[str, Any], dict[str, Any]] | str:
    """The header and the claims of a token whose signature is right; else why it is not."""
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        head = dict(jws.extract_compact(token.encode()).headers())
    except (JoseError, ValueError, TypeError, KeyError):
        return "The token is not well formed."
    if head.get("alg") not in rules.algorithms:
        return "The token is signed with an algorithm that is not allowed."
    if "crit" in head:
        return "The token demands an extension that is not known here."
    keys = inline
    if keys is None or (source and not has_key(keys, head)):
        keys = await _fetched(source, kept, outbound, renews=False)
        if keys is not None and not has_key(keys, head):
            keys = await _fetched(source, kept, outbound, renews=True)
    if keys is None:
        return "The keys of the issuer can't be read."
    if not has_key(keys, head):
        return "The token is signed with an unknown key."
    return _opened(token, keys, head, rules)


def _opened(
    token: str, keys: KeySet, head: dict[str, Any], rules: _Rules
) -> tuple[dict[str, Any], dict[str, Any]] | str:
    from joserfc import jws, jwt
    from joserfc.errors import JoseError

    key = next(each for each in keys.keys if fits(each, head))
    try:
        # The header may repeat claims (RFC 7519, 5.3).
        registry = jws.JWSRegistry(algorithms=sorted(rules.algorithms), strict_check_header=False)
        claims = jwt.decode(token, key, registry=registry).claims
    except (JoseError, ValueError, TypeError, KeyError):
        return "The signature of the token is wrong."
    return head, dict(claims)


async def _fetched(source: str, kept: float, outbound: Outbound, *, renews: bool) -> KeySet | None:
    request = OutboundRequest("GET", source, {"accept": "application/json"}, b"", _SECONDS)
    reply = await outbound.fetch(request, kept, renews=renews)
    if isinstance(reply, CheckError) or not 200 <= reply.status < 300:
        return None
    return read_key_set(read_json_or_none(reply.body))


async def _introspected(token: str, endpoint: str, form: str, kept: float, outbound: Outbound) -> dict[str, Any] | str:
    """The claims of a token that its issuer calls active; else why there are none."""
    body = write_json({"token": token}) if form.endswith("json") else urlencode({"token": token}).encode()
    headers = {"content-type": form, "accept": "application/json"}
    request = OutboundRequest("POST", endpoint, headers, body, _SECONDS)
    reply = await (outbound.fetch(request, kept) if kept else outbound.send(request))
    if isinstance(reply, CheckError) or not 200 <= reply.status < 300:
        return "The issuer of the token can't be asked."
    value = read_json_or_none(reply.body)
    if not isinstance(value, dict) or value.get("active") is not True:
        return "The issuer does not call the token active."
    return value


def _judged(
    head: Mapping[str, Any], claims: Mapping[str, Any], rules: _Rules, now: float, *, is_signed: bool
) -> Judgement:
    missing = [name for name in rules.required if claims.get(name) is None]
    failed = [name for name, rule in rules.values.items() if not rule.holds(claims.get(name))]
    differs = [name for name in rules.same if name not in head or head[name] != claims.get(name)]
    validations = {
        "signatureValid": True,
        "requiredClaims": {"valid": not missing, "missing": missing},
        "claimValues": {"valid": not failed, "failed": failed},
        "headerPayloadMatch": {"valid": not differs},
    }
    problem = _untimely(claims, rules, now, needs_issue=is_signed) or _misplaced(claims, rules)
    if problem is None and (missing or failed or differs):
        problem = "Claims of the token are missing, or have values that are not allowed."
    explanation = problem or "The token is valid."
    return Judgement(
        problem is None, {"verdict": problem is None, "explanation": explanation, "validations": validations}
    )


def _untimely(claims: Mapping[str, Any], rules: _Rules, now: float, *, needs_issue: bool) -> str | None:
    """What is wrong with the token's times."""
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if claims.get(name) is not None}
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in times.values()):
        return "A time of the token is no number."
    if "exp" in times and now >= times["exp"] + rules.tolerance:
        return "The token has expired."
    if "nbf" in times and now < times["nbf"] - rules.tolerance:
        return "The token is not valid yet."
    if "iat" not in times:
        return "The token does not tell when it was issued." if needs_issue else None
    if now < times["iat"] - rules.tolerance:
        return "The token was issued in the future."
    return "The token is too old." if now - times["iat"] > rules.max_age + rules.tolerance else None


def _misplaced(claims: Mapping[str, Any], rules: _Rules) -> str | None:
    """What is wrong with the token's audience and issuer."""
    audience = claims.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    if rules.audience and not any(each in rules.audience for each in listed):
        return "The token is for another audience."
    if rules.issuer and claims.get("iss") not in rules.issuer:
        return "The token comes from another issuer."
    return None


def _refused(why: str) -> Judgement:
    return Judgement(verdict=False, data={"verdict": False, "explanation": why})


CHECKS: Final = (
    Check(
        "default.jwt", _jwt, frozenset({Phase.BEFORE}), fails_closed=True, reads=Reads.CALLER, timeout=_SECONDS * 2.5
    ),
)

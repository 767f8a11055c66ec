"""Checks that ask other servers: webhooks, logs, whether addresses in a text can be reached.

Every call keeps to the address policy, a time and a size (``Outbound``). No header of the caller's and no configuration
leaves the gateway.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from penstock.core.json_text import read_json, read_json_or_none, write_json
from penstock.core.secret import Secret
from penstock.core.segments import Segment
from penstock.guards.base import (
    Check,
    CheckError,
    Context,
    Judgement,
    Outbound,
    OutboundRequest,
    Phase,
    Prepared,
    could_not,
    no_text,
)
from penstock.guards.parameters import Parameters
from penstock.guards.patterns import excerpt

_SECONDS: Final = 3.0
_URL: Final = re.compile(r"https?://[^\s,\"'{}\[\]]+")
_TRAILING: Final = ".,;:!?>"
_SIGNATURE: Final = "x-penstock-signature"
_MOST_URLS: Final = 20
_LONGEST: Final = 512 << 10
"""Characters of a text in which addresses are looked for, while the event loop waits."""
_MOST_REDIRECTS: Final = 5
_TRACING: Final = frozenset({"x-portkey-trace-id", "x-portkey-span-id"})
_NEVER_SENT: Final = frozenset(
    """
    authorization cookie set-cookie host connection content-length transfer-encoding proxy-authorization
    proxy-authenticate keep-alive te trailer upgrade
    """.split()
)


def read_headers(parameters: Parameters) -> dict[str, str]:
    """Headers: an object, or its JSON as text."""
    value = parameters.any("headers")
    if isinstance(value, str):
        try:
            value = read_json(value.encode()) if value.strip() else {}
        except ValueError:
            value = None
            parameters.complain("headers", "it must be an object, or its JSON")
    if value is not None and not isinstance(value, dict):
        parameters.complain("headers", "it must be an object, or its JSON")
    return {str(name): str(each) for name, each in value.items()} if isinstance(value, dict) else {}


def context_value(context: Context) -> dict[str, Any]:
    """What other servers are told of a request and its answer: no headers."""
    response = context.response
    request_text = "\n".join(_texts(context.request.last_segments))
    return {
        "request": {
            "json": context.request.json,
            "text": request_text,
            "isStreamingRequest": context.is_streaming,
            "isTransformed": context.request.is_changed,
        },
        "response": {
            "json": {} if response is None else response.json,
            "text": "" if response is None else "\n".join(_texts(response.segments)),
            "statusCode": context.status,
            "isTransformed": response is not None and response.is_changed,
        },
        "provider": context.provider,
        "requestType": context.request_type,
        "metadata": dict(context.metadata),
        "eventType": context.phase.value,
    }


def _texts(segments: tuple[Segment, ...]) -> list[str]:
    return [each.text for each in segments if each.is_plain]


def _forwarded(context: Context, names: tuple[str, ...]) -> dict[str, str]:
    """The caller's headers that the config sends on: no credentials, and none that steer this gateway."""
    return {
        name.lower(): context.headers[name.lower()]
        for name in names
        if name.lower() in context.headers
        and name.lower() not in _NEVER_SENT
        and (name.lower() in _TRACING or not _is_secret(name.lower()))
    }


def signature(secret: Secret, seconds: int, body: bytes) -> str:
    """What tells a webhook that this gateway asks: ``t=SECONDS,v1=HEX``, an HMAC-SHA256 of ``SECONDS.BODY``."""
    made = hmac.new(secret.reveal().encode(), b"%d." % seconds + body, hashlib.sha256)
    return f"t={seconds},v1={made.hexdigest()}"


def _is_secret(name: str) -> bool:
    return "key" in name or name.startswith(("x-portkey-", "x-penstock-"))


def _webhook(parameters: Parameters) -> Prepared:
    url = parameters.required_url("webhookURL")
    headers, names = read_headers(parameters), parameters.texts("forwardHeaders")
    secret = Secret(parameters.text("signingSecret"))
    timeout = int(parameters.number("timeout", _SECONDS * 1000, least=1) or 0)

    async def ask(context: Context, outbound: Outbound) -> Judgement:
        sent = {"content-type": "application/json", **_forwarded(context, names), **headers}
        body = write_json(context_value(context))
        if secret.reveal():
            sent[_SIGNATURE] = signature(secret, int(context.now), body)
        reply = await outbound.send(OutboundRequest("POST", url, sent, body, timeout / 1000))
        result_data: dict[str, Any] = {"webhookUrl": _shown(url), "requestContext": {"timeout": timeout}}
        if isinstance(reply, CheckError):
            return could_not(
                reply.message, reply.name, {"explanation": "The webhook could not be asked.", **result_data}
            )
        value = read_json_or_none(reply.body)
        if not 200 <= reply.status < 300:
            is_json = reply.headers.get("content-type") == "application/json"
            message = f"The webhook answered with status {reply.status}."
            result_data |= {"explanation": message, **({"responseData": value} if is_json else {})}
            return could_not(message, "HttpError", result_data)
        if not isinstance(value, dict) or not isinstance(value.get("verdict"), bool):
            return could_not(
                "The webhook told no verdict.", data={"explanation": "There is no verdict.", **result_data}
            )
        data: dict[str, Any] = {
            "verdict": value["verdict"],
            "explanation": f"The webhook {'lets the text pass' if value['verdict'] else 'refuses the text'}.",
            "webhookUrl": result_data["webhookUrl"],
            **({"responseData": value["data"]} if "data" in value else {}),
            "requestContext": result_data["requestContext"],
        }
        try:
            changed = _new_body(value, context.phase)
        except ValueError as error:
            # A refusal stands whatever it says of a change.
            return could_not(str(error), data=data) if value["verdict"] else Judgement(verdict=False, data=data)
        return Judgement(value["verdict"], data, body=changed)

    return Prepared(ask=ask, size=len(url) + 200)


def _new_body(value: Mapping[str, Any], phase: Phase) -> bytes | None:
    """The body that a webhook wants in place of the one that it judged; None where it wants none. Raises ValueError
    for a change that is in no form that is known: what it should take out must not go on in silence."""
    side = "request" if phase is Phase.BEFORE else "response"
    new: Any = value.get("transformedData")
    for name in (side, "json"):
        if new is not None and not isinstance(new, dict):
            break
        new = (new or {}).get(name)
    if new is not None and not isinstance(new, dict):
        raise ValueError(f"The webhook's change is no object at transformedData.{side}.json.")
    return write_json(new) if new else None


def _shown(url: str) -> str:
    """An address without user information and query, which may hold credentials."""
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return ""


def _log(parameters: Parameters) -> Prepared:
    url = parameters.required_url("logURL")
    headers, names, waits = read_headers(parameters), parameters.texts("forwardHeaders"), parameters.switch("sync")
    timeout = parameters.number("timeout", _SECONDS * 1000, least=1) or 0

    async def ask(context: Context, outbound: Outbound) -> Judgement:
        sent = {"content-type": "application/json", **_forwarded(context, names), **headers}
        body = write_json(context_value(context))
        request = OutboundRequest("POST", url, sent, body, timeout / 1000)
        if not waits:
            if not outbound.tell(request):
                return could_not("Too many logs are under way.")
            return Judgement(verdict=True, data={"message": f"Sent to {_shown(url)}."})
        reply = await outbound.send(request)
        if isinstance(reply, CheckError):
            return could_not(reply.message, reply.name)
        if not 200 <= reply.status < 300:
            return could_not(f"The log answered with status {reply.status}.", "HttpError")
        return Judgement(verdict=True, data={"message": f"Sent to {_shown(url)}."})

    return Prepared(ask=ask, size=len(url) + 200)


def urls_in(text: str) -> list[str]:
    """The addresses in a text, each once, without the punctuation that follows them."""
    return list(dict.fromkeys(_without_punctuation(match[0]) for match in _URL.finditer(text)))


def _without_punctuation(url: str) -> str:
    """An address without the punctuation behind it, and without brackets that close and were not opened in it."""
    end, excess = len(url), url.count(")") - url.count("(")
    while end and (url[end - 1] in _TRAILING or (url[end - 1] == ")" and excess > 0)):
        excess -= url[end - 1] == ")"
        end -= 1
    return url[:end]


def _valid_urls(parameters: Parameters) -> Prepared:
    only_dns, inverts = parameters.switch("onlyDNS"), parameters.switch("not")
    method = "DNS lookup" if only_dns else "HTTP request"
    resolver = parameters.choice("resolver", tuple(_RESOLVERS), "system")
    if parameters.has("resolver") and not only_dns:
        parameters.complain("resolver", "it says how names are looked up: it needs onlyDNS")
    known = _RESOLVERS[resolver]

    async def ask(context: Context, outbound: Outbound) -> Judgement:
        text = context.text
        if not text:
            return no_text({"validationMethod": method, "not": inverts})
        if len(text) > _LONGEST:
            return could_not(f"The text has more than {_LONGEST} characters: its addresses are not looked for.")
        urls = urls_in(text)
        result_data = {"validationMethod": method, "textExcerpt": excerpt(text)}
        if not urls:
            data = {"explanation": "There is no address in the text.", "urls": [], "not": inverts, **result_data}
            return Judgement(verdict=False, data=data)
        asked = urls[:_MOST_URLS]
        reached = await (_resolved(asked, known, outbound) if only_dns else _reached(asked, outbound))
        valid = [url for url in asked if url in reached]
        invalid = [url for url in urls if url not in valid]
        verdict = (not invalid) is not inverts
        data = {
            "verdict": verdict,
            "not": inverts,
            "explanation": f"{len(valid)} of {len(urls)} addresses can be reached.",
            "validUrls": valid,
            "invalidUrls": invalid,
            **result_data,
        }
        return Judgement(verdict, data)

    return Prepared(ask=ask, servers=_MOST_URLS)


async def _resolved(urls: list[str], known: _Known, outbound: Outbound) -> set[str]:
    """Those of some addresses whose hosts a resolver knows."""
    hosts = {url: _host(url) for url in urls}
    names = sorted({host for host in hosts.values() if host})
    good = {name for name, is_known in zip(names, await known(outbound, names), strict=True) if is_known}
    return {url for url, host in hosts.items() if host in good}


_Known = Callable[[Outbound, Sequence[str]], Awaitable[Sequence[bool]]]
"""Whether a resolver knows the addresses of some hosts, in their order."""


async def _known_to_system(outbound: Outbound, hosts: Sequence[str]) -> Sequence[bool]:
    return await outbound.resolves(hosts)


async def _known_over_https(outbound: Outbound, hosts: Sequence[str]) -> Sequence[bool]:
    """By the JSON form of DNS over HTTPS that Portkey asks. Source:
    https://developers.cloudflare.com/1.1.1.1/encryption/dns-over-https/make-api-requests/dns-json/"""
    headers = {"accept": "application/dns-json"}
    requests = [OutboundRequest("GET", f"{_DNS}?{urlencode({'name': host})}", headers, b"", _SECONDS) for host in hosts]
    values = [
        None if isinstance(reply, CheckError) else read_json_or_none(reply.body)
        for reply in await outbound.send_all(requests)
    ]
    return [isinstance(each, dict) and each.get("Status") == 0 and bool(each.get("Answer")) for each in values]


_DNS: Final = "https://1.1.1.1/dns-query"
_RESOLVERS: Final[Mapping[str, _Known]] = {"system": _known_to_system, "doh": _known_over_https}


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


async def _reached(urls: list[str], outbound: Outbound) -> set[str]:
    """Those of some addresses that answer with a good status. Each redirect is judged like a new address."""
    reached: set[str] = set()
    asking = [(url, url, "HEAD") for url in urls]
    for _ in range(_MOST_REDIRECTS + 1):
        requests = [OutboundRequest(method, place, _AGENT, b"", _SECONDS, limit=0) for _, place, method in asking]
        replies = await outbound.send_all(requests) if requests else ()
        following: list[tuple[str, str, str]] = []
        for (url, place, method), reply in zip(asking, replies, strict=True):
            if isinstance(reply, CheckError):
                continue
            location = reply.headers.get("location")
            if method == "HEAD" and reply.status in {405, 501}:
                following.append((url, place, "GET"))
            elif reply.status in {301, 302, 303, 307, 308} and location:
                following.append((url, urljoin(place, location), "HEAD"))
            elif 200 <= reply.status < 300:
                reached.add(url)
        asking = following
    return reached


_AGENT: Final = {"user-agent": "URLValidator/1.0", "accept": "*/*"}

CHECKS: Final = (
    Check("default.webhook", _webhook, replaces=True, timeout=_SECONDS),
    Check("default.log", _log, timeout=_SECONDS, informs=True),
    Check("default.validUrls", _valid_urls),
)

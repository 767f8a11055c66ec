"""Requests that pass as they are: method, path, query, headers and body. The gateway looks into a body of JSON only.

The path is appended to the provider's base URL, without its first ``/v1/proxy`` or ``/v1``. Sources:
docs/endpoints.md#what-passes-as-it-is; docs/portkey.md.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote, unquote_plus

from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.http import HEAD, SLASH, header_line, segments_at_any_host
from penstock.pipeline.authenticate import KEY_HEADERS
from penstock.pipeline.call import Call
from penstock.pipeline.prepare import PreparedRequest
from penstock.pipeline.request_headers import NEVER_FORWARDED, hop_line, withheld
from penstock.pipeline.target_route import TargetRoute
from penstock.routing.permit import ACCOUNT_HEADERS

_KEPT_BACK: Final = frozenset(
    b"forwarded via x-real-ip referer origin if-modified-since priority save-data dnt".split()
    + b"x-amzn-trace-id cf-connecting-ip true-client-ip cdn-loop".split()
    + b"x-http-method-override x-http-method x-method-override".split()
    + [*KEY_HEADERS, *(name.encode() for name in ACCOUNT_HEADERS)]
)
"""Request headers that say who the caller is, or which account is asked; and those by which a host takes a request for
one of another method (https://cloud.google.com/apis/docs/http#http_mapping), which would pass for reading here."""
_KEPT_BACK_PREFIXES: Final = (b"x-portkey-", b"x-penstock-", b"x-forwarded-", b"sec-", b"proxy-", b"x-amz-", b"x-goog-")
_UPLOADS: Final = b"x-goog-upload-"
"""Headers by which Google's uploads are made in steps (https://ai.google.dev/api/files)."""
_SEGMENT: Final = "!$&'()*+,;=:@-._~"
"""What may stand in a segment of a path beside letters and digits (RFC 3986, 3.3)."""
_READING: Final = frozenset({b"GET", b"DELETE"})


def pass_through(call: Call, route: TargetRoute) -> PreparedRequest | Failure:
    """The request for a target."""
    method = call.account.method.encode()
    refused = _refused(call, route, method)
    if refused is not None:
        return refused
    model_route = route.endpoint.default_route
    headers = _headers(call, route, model_route.headers)
    if isinstance(headers, Failure):
        return headers
    base, _, own = model_route.plain.partition("?")
    path = base.removesuffix("/") + _path(call, route)
    query = "&".join(pair for pair in (call.query, _missing(own, call.query)) if pair)
    target = f"{path or '/'}?{query}" if query else path or "/"
    payload, model = call.body, None
    if call.request is not None:
        changed = route.changes.removed(route.changes.filled(call.request.body))
        model = changed.text("model")
        # A body that nothing changes keeps its bytes.
        payload = call.body if changed is call.request.body and not _is_renamed(call) else changed.encode()
    bind = None if call.bind is None else call.bind(route.target)
    return PreparedRequest(
        dialect=call.dialect,
        origin=model_route.origin,
        method=HEAD if call.account.is_head else method,
        target=target.encode(),
        headers=headers,
        payload=payload,
        model=model,
        bind=bind,
        upload=call.upload,
    )


def _is_renamed(call: Call) -> bool:
    """Whether the model's name lost the provider before it (pipeline/choice.py)."""
    request = call.request
    if request is None or request.model is None:
        return False
    return Body.parse(call.body).raw("model") != request.body.raw("model")


def _refused(call: Call, route: TargetRoute, method: bytes) -> Failure | None:
    slug = route.provider.slug
    if call.resource is not None and call.resource not in route.provider.resources:
        text = (
            f"{call.resource} is not supported by {slug}. To ask {slug} all the same, at a path below its base URL, "
            "call /v1/proxy/PATH."
        )
        return Failure(Kind.UNSUPPORTED_OPERATION, text)
    # A body names what is wanted, whatever the method is: some hosts take one with GET.
    if route.model_lists is not None and (method not in _READING or call.body):
        text = (
            "Your gateway key or virtual key allows certain models only, and this request passes without a look at the "
            "models that it may use: call an endpoint that the gateway knows (docs/endpoints.md)."
        )
        return Failure(Kind.NOT_ALLOWED, text)
    model = _deleted_model(call) if method == b"DELETE" else None
    return None if model is None or route.model_lists is None else route.model_lists.refused(model)


def _deleted_model(call: Call) -> str | None:
    """The model that a request deletes, by its path; None for one that deletes something else."""
    segments = segments_at_any_host(f"{call.resource or ''}/{call.parameters.get('rest', '')}")
    kinds = [each.partition(";")[0].lower() for each in segments]
    at = next((index for index, each in enumerate(kinds, 1) if each.endswith("models")), len(kinds))
    return "/".join(segments[at:]) or None


def _path(call: Call, route: TargetRoute) -> str:
    """The path below the provider's base URL. Its rest goes out as it came."""
    start = "" if call.resource is None else route.provider.resources[call.resource]
    rest = call.parameters.get("rest")
    return f"{start}/{_encoded(rest, call.parameters.get('raw_rest', ''))}" if rest else start


def _encoded(rest: str, raw: str) -> str:
    """The end of a path, percent-encoded. A segment stands as in ``raw``, which is how it came (latin-1), unless it was
    a bound id: then ``rest`` has the provider's own."""
    parts, segments = SLASH.split(raw), rest.split("/")
    if len(parts) != 2 * len(segments) - 1:
        return quote(rest, safe=_SEGMENT + "/", errors="surrogatepass")
    for index, segment in enumerate(segments):
        came = parts[2 * index]
        parts[2 * index] = (
            quote(came, safe=_SEGMENT + "%", encoding="latin-1")
            if unquote(came) == segment
            else quote(segment, safe=_SEGMENT, errors="surrogatepass")
        )
    return "".join(parts)


def _missing(own: str, query: str) -> str:
    """The pairs of the provider's own query (``api-version``) that the caller's doesn't have."""
    asked = {unquote_plus(pair.partition("=")[0]) for pair in query.split("&")}
    return "&".join(pair for pair in own.split("&") if pair.partition("=")[0] not in asked)


def _headers(call: Call, route: TargetRoute, block: bytes) -> bytes | Failure:
    """The provider's header block, and the caller's headers that it doesn't have. None of them holds a gateway key."""
    known = {line.partition(b":")[0].lower() for line in block.split(b"\r\n")}
    kept_back = {*withheld(call), *known, *_KEPT_BACK, *NEVER_FORWARDED}
    catalogue, lines = call.caller.catalogue, []
    for name, value in call.headers:
        if catalogue is not None and catalogue.holds_key(value.decode("utf-8", "replace")):
            continue
        is_content_type = name == b"content-type" and call.body
        is_kept_back = name in kept_back or (name.startswith(_KEPT_BACK_PREFIXES) and not name.startswith(_UPLOADS))
        if is_content_type or not is_kept_back:
            try:
                lines.append(header_line(name, value))
            except ValueError as error:
                return Failure(Kind.INVALID_REQUEST, f"A header can't be forwarded: {error}.", name.decode("latin-1"))
    return block + b"".join(lines) + hop_line(call.hops, route, route.endpoint.default_route)

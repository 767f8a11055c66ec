"""``POST /v1/explain``: explains as JSON how a request would be routed. No provider is called, no credential is
shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.http import NO_SNIFF, Headers
from penstock.core.json_text import UNREADABLE
from penstock.core.operation import Operation
from penstock.dialects.caller import JSON, NO_STORE
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.pipeline.authenticate import Caller
from penstock.pipeline.call import Call
from penstock.pipeline.metadata import METADATA
from penstock.pipeline.restrict import metadata_of
from penstock.pipeline.route import Router
from penstock.server.respond import refusal
from penstock.server.surface_table import Match
from penstock.server.surfaces import DEFAULT_DIALECT, find

if TYPE_CHECKING:
    from penstock.routing.explain import Explanation

PATH: Final = "/v1/explain"
_CHAT: Final = "/v1/chat/completions"
_LARGEST: Final = 64 << 10
"""Bytes of the largest config and of the largest metadata: the size of the largest header."""
LARGEST_BODY: Final = 512 << 10
"""Bytes of the largest body: an explanation is made in one go, while nothing else is served."""
_GUARD_SECONDS: Final = 0.2
"""Computing time of the guards of one explanation."""
_NULL: Final = msgspec.Raw(b"null")


class _ExplainRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an explain request: ``request`` is the body of the request to explain, ``config`` and ``metadata``
    are its headers, ``faults`` and ``seed`` control the simulated providers,
    whose answer is ``answer``: a text, or a body in the request's wire."""

    config: msgspec.Raw = _NULL
    request: msgspec.Raw = _NULL
    metadata: dict[str, Any] | None = None
    path: str = _CHAT
    faults: str = ""
    seed: int | None = None
    answer: str | dict[str, Any] | None = None


_EXPLAIN_REQUEST: Final = msgspec.json.Decoder(_ExplainRequest)


async def answer(
    router: Router, caller: Caller, headers: Headers, body: bytes, name: str | None = None
) -> tuple[int, Headers, bytes]:
    """Status, headers and body of the response. ``headers`` have the same meaning as on a chat completion, and so has
    the ``name`` in ``/@NAME/v1/explain``."""
    explained = await _explained(router, caller, headers, body, name)
    if isinstance(explained, Failure):
        return refusal(explained, DEFAULT_DIALECT)
    return 200, [(b"content-type", JSON), NO_STORE, NO_SNIFF], msgspec.json.encode(explained)


async def _explained(
    router: Router, caller: Caller, headers: Headers, body: bytes, name: str | None
) -> Explanation | Failure:
    if len(body) > LARGEST_BODY:
        text = f"The body is larger than {LARGEST_BODY} bytes, which is more than {PATH} takes: send a shorter request."
        return Failure(Kind.BODY_TOO_LARGE, text)
    try:
        request = _EXPLAIN_REQUEST.decode(body)
    except UNREADABLE as error:
        return _bad(f"it can't be read ({error})")
    fields = _headers_of(request, caller, headers)
    if isinstance(fields, Failure):
        return fields
    match, named, path = find("POST", request.path)
    surface = match.surface.meant_by(bytes(request.request)) if isinstance(match, Match) else None
    call = Call(
        Operation.CHAT if surface is None else surface.operation,
        DEFAULT_DIALECT if surface is None else surface.dialect,
        fields,
        dict(fields),
        b"",
        b"",
        Account(Records(), "POST", request.path),
        path,
        caller=caller,
        default_provider=None if surface is None else surface.default_provider,
        path_name=named or name,
        parameters={} if not isinstance(match, Match) else match.parameters,
        streams=None if surface is None else surface.streams,
    )
    if request.request != _NULL:
        body_read = call.dialect.reading.body(bytes(request.request))
        if isinstance(body_read, Failure):
            return body_read
        call.request = call.addressed(body_read)
    from penstock.pipeline.explain import explain, load_keys  # few ask for explanations

    await load_keys(router, call)
    answer = msgspec.json.encode(request.answer) if isinstance(request.answer, dict) else request.answer
    return explain(router, call, request.faults, request.seed, answer, seconds=_GUARD_SECONDS)


def _headers_of(request: _ExplainRequest, caller: Caller, headers: Headers) -> Headers | Failure:
    """The headers of the request to explain: those that came, with the config and metadata of the body in place of
    theirs."""
    fields: dict[bytes, bytes] = {}
    if request.config != _NULL:
        config = _config(bytes(request.config))
        if isinstance(config, Failure):
            return config
        fields[b"x-portkey-config"] = config
    if request.metadata is not None:
        metadata = _metadata(request.metadata, caller)
        if isinstance(metadata, Failure):
            return metadata
        fields[METADATA] = metadata
    return [*(field for field in headers if field[0] not in fields), *fields.items()]


def _config(raw: bytes) -> bytes | Failure:
    """The value of the header x-portkey-config: a JSON object unchanged, or the name of a saved config."""
    if len(raw) > _LARGEST:
        return _bad(f"its config is larger than {_LARGEST} bytes", "config")
    if raw[:1] == b"{":
        return raw
    try:
        return msgspec.json.decode(raw, type=str).encode()
    except UNREADABLE:
        return _bad("its config must be an object, or the name of a saved one", "config")


def _metadata(metadata: dict[str, Any], caller: Caller) -> bytes | Failure:
    """The value of the header x-portkey-metadata, with what the caller's key puts into it."""
    raw = msgspec.json.encode(metadata)
    if len(raw) > _LARGEST:
        return _bad(f"its metadata are larger than {_LARGEST} bytes", "metadata")
    if caller.key is None or caller.key.restrictions is None:
        return raw
    return metadata_of(caller.key.restrictions, raw) or raw


def _bad(reason: str, param: str | None = None) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"The body is none that {PATH} takes: {reason}.", param)

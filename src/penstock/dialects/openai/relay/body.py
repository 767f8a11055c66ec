"""OpenAI's chat completions, lane 1: the caller's dialect is the provider's, so bytes pass untouched.

What the gateway still does here: check the few members that it reads itself, apply a target's parameter changes to the
top-level map, read the usage off a reply. Streams are looked at in stream.py, errors written and understood in
errors.py. Source: OpenAI API reference, "Chat Completions".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.json_path import Path, without_path
from penstock.core.json_text import UNREADABLE, read_json
from penstock.core.usage import Usage
from penstock.dialects.chat_quirks import ChatQuirks
from penstock.dialects.openai.relay.usage import read_usage

CONTENT_TYPE: Final = b"application/json"
DEVELOPER: Final = b'"developer"'
STREAM_TYPE: Final = b"text/event-stream"


class Request(msgspec.Struct, frozen=True):
    """A chat request as far as the gateway looks into it. ``model`` is None when the body names none."""

    body: Body
    model: str | None
    stream: bool


def read_request(data: bytes) -> Request | Failure:
    """Check what the gateway relies on; everything else is the provider's to judge."""
    try:
        body = Body.parse(data)
        model = body.value("model")
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")
    if model is not None and (not isinstance(model, str) or not model):
        return _wrong_type("model", "a non-empty string")
    if "messages" in body and not body.is_array("messages"):
        return _wrong_type("messages", "an array of message objects")
    stream = body.raw("stream")
    if stream not in _BOOLEANS:
        return _wrong_type("stream", "true or false")
    return Request(body, model, stream == b"true")


_BOOLEANS: Final = frozenset({None, b"true", b"false", b"null"})


def _wrong_type(name: str, expected: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"The gateway could not read the request: {name} must be {expected}.", name)


def wants_usage(body: Body | None) -> bool:
    """Whether a stream's usage is asked for (``stream_options.include_usage``)."""
    raw = None if body is None else body.raw("stream_options")
    if body is None or raw is None or b"include_usage" not in raw:
        return False
    options = body.value("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


class Shape(msgspec.Struct, frozen=True):
    """How a target's requests differ from the caller's: parameters by name, as JSON bytes where they have a value.

    Applied in this order: defaults fill gaps, overrides replace, then the provider's renames and drops; last goes what
    the config wants taken out (``removes``).
    """

    defaults: Mapping[str, bytes] = {}
    overrides: Mapping[str, bytes] = {}
    renames: Mapping[str, str] = {}
    drops: frozenset[str] = frozenset()
    developer_role: bool = True
    removes: tuple[Path, ...] = ()

    @property
    def is_plain(self) -> bool:
        changes = self.defaults or self.overrides or self.renames or self.drops or self.removes
        return not changes and self.developer_role


def renames_and_drops(quirks: ChatQuirks) -> Shape:
    """What a host calls otherwise or refuses."""
    renames = {rename.parameter: rename.to for rename in quirks.renames}
    return Shape(renames=renames, drops=frozenset(drop.parameter for drop in quirks.drops))


def shape(body: Body, changes: Shape) -> tuple[Body, tuple[str, ...]]:
    """The body for a target, and the names of the parameters that were left out or gave way to a renamed one."""
    gaps = {name: raw for name, raw in changes.defaults.items() if body.is_null(name)}
    if gaps or changes.overrides:
        body = body.replaced({**gaps, **changes.overrides})
    given_way = []
    for name, new in changes.renames.items():
        if name in body:
            given_way += [new] if new in body else []
            body = body.renamed(name, new)
    refused = [name for name in body if name in changes.drops]
    for name in refused:
        body = body.without(name)
    if not changes.developer_role:
        body = with_roles(body, {DEVELOPER: b'"system"'})
    for path in changes.removes:
        body = without_path(body, path)
    return body, (*given_way, *refused)


_MESSAGES: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def with_roles(body: Body, roles: Mapping[bytes, bytes]) -> Body:
    """Messages of some roles under others; every other byte of every message stays."""
    raw = body.raw("messages")
    if raw is None or not any(role in raw for role in roles):
        return body
    try:
        messages = _MESSAGES.decode(raw)
    except UNREADABLE:
        return body
    changed = []
    for message in messages:
        members = Body(dict(message))
        role = roles.get(members.raw("role") or b"")
        changed.append((members if role is None else members.replaced({"role": role})).encode())
    return body.replaced({"messages": b"[" + b",".join(changed) + b"]"})


class _UsageOnly(msgspec.Struct):
    usage: msgspec.Raw = msgspec.Raw(b"null")


_USAGE_ONLY: Final = msgspec.json.Decoder(_UsageOnly)


def read_reply(data: bytes) -> Usage | Failure | None:
    """The usage that a plain reply reports, or a failure when the reply is no JSON object at all."""
    try:
        raw = _USAGE_ONLY.decode(data).usage
    except UNREADABLE:
        return _read_leniently(data)
    return read_usage(bytes(raw))


def _read_leniently(data: bytes) -> Usage | Failure | None:
    try:
        value = read_json(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        return Failure(Kind.INVALID_RESPONSE, "The reply says success but its body is not a JSON object.", sent=True)
    return read_usage(json.dumps(value.get("usage")).encode())

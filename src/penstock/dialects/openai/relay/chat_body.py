"""OpenAI's chat completions, lane 1: the caller's dialect is the provider's, so bytes pass untouched.

What the gateway still does here: check the few members that it reads itself, apply a target's parameter changes to the
top-level map, read the usage off a reply. Streams are looked at in stream.py, errors written
in openai/caller/errors.py. Source: OpenAI API reference, "Chat Completions".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import UNREADABLE, read_json
from penstock.core.message_list import Members, edit_messages
from penstock.core.parameters import is_default
from penstock.core.usage import Usage
from penstock.dialects.openai.relay.usage import read_usage
from penstock.dialects.service_tier import with_tier

DEVELOPER: Final = b'"developer"'
SYSTEM: Final = b'"system"'


def wants_usage(body: Body) -> bool:
    """Whether a stream's usage is asked for (``stream_options.include_usage``)."""
    raw = body.raw("stream_options")
    if raw is None or b"include_usage" not in raw:
        return False
    options = body.value("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def with_usage(body: Body) -> Body:
    """The same request, asking for a stream's usage; other members of ``stream_options`` stay."""
    try:
        options = Body.parse(body.raw("stream_options") or b"{}")
    except BodyError:
        return body if not body.is_null("stream_options") else body.replaced({"stream_options": _ASKS_USAGE})
    return body.replaced({"stream_options": options.replaced({"include_usage": b"true"}).encode()})


_ASKS_USAGE: Final = b'{"include_usage":true}'


_LONGEST_DEFAULT: Final = 16


def says_nothing(body: Body, name: str) -> bool:
    """Whether a member's value is the default, so that leaving it out loses nothing."""
    raw = body.raw(name)
    if raw is None or len(raw) > _LONGEST_DEFAULT:
        return False
    try:
        return is_default(name, body.value(name))
    except BodyError:
        return False


def with_roles(body: Body, roles: Mapping[bytes, bytes]) -> Body:
    """Messages of some roles under others; every other byte of every message stays."""
    raw = body.raw("messages")
    if raw is None or not any(role in raw for role in roles):
        return body

    def edit(messages: list[Members]) -> None:
        for message in messages:
            role = roles.get(bytes(message.get("role", b"")))
            if role is not None:
                message["role"] = role

    return edit_messages(body, edit)


class _UsageOnly(msgspec.Struct):
    usage: msgspec.Raw = msgspec.Raw(b"null")
    service_tier: Any = None


_USAGE_ONLY: Final = msgspec.json.Decoder(_UsageOnly)


def read_reply(data: bytes) -> Usage | Failure | None:
    """The usage that a plain reply reports, or a failure when the reply is no JSON object at all."""
    try:
        reply = _USAGE_ONLY.decode(data)
    except UNREADABLE:
        return _read_leniently(data)
    return with_tier(read_usage(bytes(reply.usage)), reply.service_tier)


def _read_leniently(data: bytes) -> Usage | Failure | None:
    try:
        value = read_json(data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        return Failure(Kind.INVALID_RESPONSE, "The reply says success but its body is not a JSON object.", sent=True)
    return with_tier(read_usage(json.dumps(value.get("usage")).encode()), value.get("service_tier"))

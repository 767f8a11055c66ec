"""A config's parameters of OpenAI's names in the requests of wires that spell them otherwise, where they win
(docs/configs.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.core.body import Body


def within(body: Body, place: str, names: Mapping[str, str]) -> Body:
    """The body with these members in the object ``place``, by its names for them. Raises BodyError."""
    named = [name for name in names if name in body]
    if not named:
        return body
    inner = Body.parse(b"{}" if body.is_null(place) else body.raw(place) or b"{}")
    for name in named:
        inner = inner.replaced({names[name]: _value(body, name)})
        body = body.without(name)
    return body.replaced({place: inner.encode()})


def renamed(body: Body, names: Mapping[str, str]) -> Body:
    """The body with these members by the names that the wire has for them."""
    for name, own in names.items():
        if name in body:
            body = body.replaced({own: _value(body, name)}).without(name)
    return body


def _value(body: Body, name: str) -> bytes:
    """The bytes of a member; a single stop sequence is a list of one."""
    raw = body.raw(name) or b"null"
    return b"[" + raw + b"]" if name == "stop" and raw.startswith(b'"') else raw


def limit_wins(body: Body, parameters: dict[str, Any]) -> None:
    """Take a config's older ``max_tokens`` for the limit, in place of the caller's, which is read from another member
    into ``max_completion_tokens``."""
    if not body.is_null("max_tokens") and body.is_null("max_completion_tokens"):
        parameters.pop("max_completion_tokens", None)

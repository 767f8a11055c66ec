"""Sessions of the console: a random text in a browser's cookie that stands for the key with which somebody signed in.

The database holds digests alone. A session has no power of its own: at each call the key behind it is looked up, so
that a key which is revoked, expired or changed ends or changes the session at once, on every worker.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

import msgspec
import sqlalchemy as sa

from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.plane import Change, ControlPlane
from penstock.control.refusal import Refusal, Why
from penstock.control.scopes import OF_CALLERS
from penstock.core.session_cookie import PREFIX
from penstock.stores.catalogue import key_digest
from penstock.stores.sql.schema import api_key, console_session

MOST_OF_KEY: Final = 20
"""Sessions of one key at a time: a further one ends the oldest."""
MOST: Final = 1000
"""Sessions in all."""
_BYTES: Final = 32
_MICROSECONDS: Final = 1_000_000
_SHOWN: Final = 12
"""Hexadecimal digits of a session's digest that the audit log tells."""


class Session(msgspec.Struct, frozen=True):
    """A session. ``expires_at`` is in microseconds since 1970."""

    text: str
    expires_at: int


def csrf_token(text: str) -> str:
    """What a change shows beside the cookie: only a page that was told it by the gateway knows it."""
    return hmac.new(text.encode("utf-8", "surrogatepass"), b"penstock csrf", hashlib.sha256).hexdigest()


def has_csrf_token(text: str, shown: str) -> bool:
    """Whether the token that a request shows is that of its session."""
    return hmac.compare_digest(csrf_token(text).encode(), shown.encode("utf-8", "surrogatepass"))


async def begin(plane: ControlPlane, actor: Actor, digest: bytes, seconds: int) -> Session:
    """Begin a session of the key that an actor showed; ``digest`` is that of the key. Raises Refusal for a key that
    administers nothing."""
    if actor.kind == "file" or not actor.scopes - frozenset(OF_CALLERS):
        raise Refusal(
            Why.FORBIDDEN,
            "this key calls models and administers nothing: sign in with an admin key, which `penstock key create "
            "--admin` makes",
        )
    text = PREFIX + secrets.token_urlsafe(_BYTES)
    async with plane.change(actor, revises=False) as change:
        await _make_room(change, digest)
        expires_at = change.now + seconds * _MICROSECONDS
        row = {"key_digest": digest, "created_at": change.now, "expires_at": expires_at}
        await change.connection.execute(console_session.insert().values(digest=key_digest(text), **row))
        change.record(Entry("sign_in", "session", key_digest(text).hex()[:_SHOWN], actor.workspace_id))
    return Session(text, expires_at)


async def _make_room(change: Change, key_digest: bytes) -> None:
    """Delete what has ended, and the oldest sessions where a further one would be too many."""
    table, connection = console_session.c, change.connection
    await connection.execute(console_session.delete().where(table.expires_at <= change.now))
    for where, most in ((table.key_digest == key_digest, MOST_OF_KEY), (sa.true(), MOST)):
        kept = sa.select(table.digest).where(where).order_by(table.created_at.desc(), table.digest).limit(most - 1)
        digests = [row.digest for row in await connection.execute(kept)]
        await connection.execute(console_session.delete().where(where, table.digest.not_in(digests)))


async def expiry_of(plane: ControlPlane, text: str) -> int | None:
    """When a session ends, in microseconds since 1970; None for one that is not there."""
    query = sa.select(console_session.c.expires_at).where(console_session.c.digest == key_digest(text))
    async with plane.database.read() as connection:
        return (await connection.execute(query)).scalar()


async def end(plane: ControlPlane, actor: Actor, text: str) -> None:
    """End a session for good."""
    async with plane.change(actor, revises=False) as change:
        await change.connection.execute(console_session.delete().where(console_session.c.digest == key_digest(text)))
        change.record(Entry("sign_out", "session", key_digest(text).hex()[:_SHOWN], actor.workspace_id))


async def name_of(plane: ControlPlane, actor: Actor) -> str:
    """The name of an actor for people."""
    if actor.kind != "api_key":
        return actor.id
    async with plane.database.read() as connection:
        name = (await connection.execute(sa.select(api_key.c.name).where(api_key.c.id == actor.id))).scalar()
    return name or actor.id

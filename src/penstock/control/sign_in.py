"""Who shows a key: looked up in the database at each call of the admin API, so that a revoked key ends at once."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any, Final

import sqlalchemy as sa

from penstock.control.actor import Actor, Origin
from penstock.control.plane import ControlPlane, now, workspace_for
from penstock.control.refusal import Refusal, Why
from penstock.control.scopes import EVERY, OF_CALLERS
from penstock.core.json_text import read_json_or_none
from penstock.core.session_cookie import PREFIX
from penstock.stores.catalogue import key_digest
from penstock.stores.sql.schema import api_key, api_key_secret, console_session

ADMIN_KEY: Final = "PENSTOCK_ADMIN_KEY"
COMMAND: Final = "penstock key create --admin"
_FIRST: Final = (
    f"There is no admin key yet. Make one on the machine of the gateway: `{COMMAND}`, or set {ADMIN_KEY}, and send "
    "it as x-portkey-api-key."
)
_MISSING: Final = (
    "Send an admin key, or a key with the scope for this call, in the header x-portkey-api-key. On the machine of the "
    f"gateway `{COMMAND}` makes one."
)
_ENDED: Final = "The session of the console has ended: sign in again."
_UNKNOWN: Final = "This key is not known here, is expired or was revoked."


async def sign_in(plane: ControlPlane, presented: str, origin: Origin, admin_digest: bytes | None) -> Actor:
    """Who shows a key, or the text of a session that stands for a key. ``admin_digest`` is that of PENSTOCK_ADMIN_KEY.

    Raises Refusal, and DatabaseError.
    """
    digest = key_digest(presented)
    if presented.startswith(PREFIX):
        of_session = await _key_of_session(plane, digest)
        if of_session is None:
            raise Refusal(Why.UNAUTHENTICATED, _ENDED)
        digest = of_session
    # A look-up by digest takes no secret-dependent time that could be steered: nobody chooses a digest's first bytes.
    if presented and digest == admin_digest:
        return Actor("environment", ADMIN_KEY, frozenset({EVERY}), origin=origin)
    row = await _live_key(plane, digest) if presented else None
    if row is not None:
        return _actor(row, origin)
    of_file = plane.in_file().key_by_digest(digest) if presented else None
    if of_file is not None:
        workspace_id = await _default_workspace(plane)
        return Actor("file", f"keys.{of_file.name}", frozenset(OF_CALLERS), workspace_id, origin)
    if admin_digest is None and not await has_admin_key(plane):
        raise Refusal(Why.UNAUTHENTICATED, _FIRST)
    raise Refusal(Why.UNAUTHENTICATED, _UNKNOWN if presented else _MISSING)


async def has_admin_key(plane: ControlPlane) -> bool:
    """Whether the database holds a key of the organisation that is in force."""
    query = _live(now()).where(api_key.c.kind == "organisation-service")
    async with plane.database.read() as connection:
        return (await connection.execute(query.limit(1))).first() is not None


async def _key_of_session(plane: ControlPlane, digest: bytes) -> bytes | None:
    """The SHA-256 of the key that a session stands for; None for a session that has ended."""
    table = console_session.c
    query = sa.select(table.key_digest).where(table.digest == digest, table.expires_at > now())
    async with plane.database.read() as connection:
        key = (await connection.execute(query)).scalar()
    return None if key is None else bytes(key)


async def _live_key(plane: ControlPlane, digest: bytes) -> Any:
    async with plane.database.read() as connection:
        return (await connection.execute(_live(now()).where(api_key_secret.c.digest == digest))).one_or_none()


def _live(moment: int) -> sa.Select[Any]:
    """The keys that are in force, one row a secret."""
    key, secret = api_key.c, api_key_secret.c
    return (
        sa.select(key.id, key.kind, key.workspace_id, key.scopes, key.allowed_ips)
        .join(api_key_secret)
        .where(
            key.status == "active",
            sa.or_(key.expires_at.is_(None), key.expires_at > moment),
            sa.or_(secret.valid_until.is_(None), secret.valid_until > moment),
        )
    )


def _actor(row: Any, origin: Origin) -> Actor:
    allowed = None if row.allowed_ips is None else read_json_or_none(row.allowed_ips.encode())
    if allowed is not None and not _is_among(origin.address, allowed):
        raise Refusal(Why.FORBIDDEN, "this key is not allowed from your address")
    scopes = read_json_or_none(row.scopes.encode())
    held = frozenset(scopes if isinstance(scopes, list) else ())
    if row.kind == "workspace-user":
        held = frozenset(scope for scope in held if "api_keys" not in scope)
    return Actor("api_key", row.id, held, row.workspace_id, origin)


def _is_among(address: str | None, networks: object) -> bool:
    """Whether an address is in one of some networks; a list that can't be read allows none."""
    if address is None or not isinstance(networks, list):
        return False
    try:
        source = ip_address(address)
        source = getattr(source, "ipv4_mapped", None) or source
        return any(source in ip_network(str(each), strict=False) for each in networks)
    except ValueError:
        return False


async def _default_workspace(plane: ControlPlane) -> str:
    async with plane.database.read() as connection:
        return await workspace_for(connection, Actor("file", "file"), None)

"""Rotations of gateway keys: what one changes, and those that a schedule makes.

Nobody waits for the text that a schedule gives a key: it is kept, encrypted, as long as the text before works on, for
whoever may rotate the key. Source: docs/control-plane.md#rotation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.keys import rotation_policy
from penstock.control.keys import secrets as api_key_secrets
from penstock.control.keys.rotation_policy import RotationPolicy
from penstock.control.keys.secrets import Proof, proof_of
from penstock.control.keys.text import new_key_text
from penstock.control.members import Members
from penstock.control.plane import Change, ControlPlane, now
from penstock.control.scopes import EVERY
from penstock.control.timestamps import as_text
from penstock.core.secret import Secret
from penstock.stores.sql import secrets
from penstock.stores.sql.keyring import Keyring, SecretPlace
from penstock.stores.sql.schema import api_key, api_key_secret, secret

SCHEDULE: Final = Actor("schedule", "schedule", frozenset({EVERY}))
"""Who rotates keys by their policies."""
_TABLE: Final = "api_key"
_FIELD: Final = "rotated_text"
_BATCH: Final = 100
"""Keys that are rotated in one transaction: each puts a catalogue in force."""
_DAY: Final = 86_400_000_000
"""Microseconds before a rotation, and before the end of a text, in which people are told of it."""


class Rotation(msgspec.Struct, frozen=True):
    """A rotation that is made at ``now``: the new text, and until when the text before works on. Times are microseconds
    since 1970."""

    text: str
    proof: Proof
    until: int
    policy: RotationPolicy | None
    now: int

    def columns(self, due: int | None, *, is_scheduled: bool = False) -> dict[str, Any]:
        """The columns that change, of a key whose next rotation was to be made at ``due``. A policy of one rotation
        ends with the one that it scheduled."""
        columns = {"masked": self.proof.masked, "last_rotated_at": self.now, "next_rotation_at": due}
        if self.policy is not None and self.policy.is_repeated:
            columns["next_rotation_at"] = (
                self.policy.next_after_due(due, self.now)
                if is_scheduled and due is not None
                else self.policy.next_after(self.now)
            )
        elif is_scheduled:
            columns |= {"next_rotation_at": None, "rotation": None}
        return columns


def new_rotation(kind: str, policy: RotationPolicy | None, moment: int, transition: int | None = None) -> Rotation:
    """The rotation of a key of a kind. ``transition``: milliseconds, in place of those of the policy."""
    if transition is None:
        transition = rotation_policy.SHORTEST_TRANSITION if policy is None else policy.transition
    text = new_key_text(kind)
    return Rotation(text, proof_of(text), moment + transition * 1000, policy, moment)


def refuse_without_keyring(plane: ControlPlane, members: Members) -> None:
    """A policy is a problem where no key could encrypt the texts that it makes."""
    if plane.keyring.is_empty and members.values.get("rotation_policy") is not None:
        members.complain(
            "rotation_policy",
            "there is no key that could encrypt the new texts: run `penstock secrets new-key`, and start the gateway "
            "with its line in PENSTOCK_SECRET_KEYS",
        )


async def text_of(connection: AsyncConnection, keyring: Keyring, key_id: str) -> Secret | None:
    """The text that a schedule gave a key last; None if there is none any more."""
    return (await secrets.open_row(connection, keyring, _TABLE, key_id)).get(_FIELD)


async def forget_text(change: Change, key_id: str) -> None:
    """Take away the text that a schedule gave a key."""
    await secrets.forget(change.connection, _TABLE, key_id)


class KeyEvent(msgspec.Struct, frozen=True):
    """What people are told of a key. ``kind``: it was ``rotated``, and the text before works until ``at``; a rotation
    is ``due`` then; or the text before is ``ending`` then. ``at`` is in microseconds since 1970."""

    kind: str
    key_id: str
    name: str
    at: int


async def rotate_due(plane: ControlPlane) -> list[KeyEvent]:
    """Rotate the keys whose time has come, and forget the texts whose time is over; what people are to be told. Raises
    DatabaseError.

    Keys that are not active, or that have two texts still, wait. Of several workers each rotates what the others have
    not.
    """
    events: list[KeyEvent] = []
    moment = now()
    while rows := await _due(plane, moment):
        done = await _rotate_some(plane, rows)
        events += done
        if len(done) < len(rows):
            break  # another worker is at it
    await _forget_ended(plane, moment)
    return [*events, *await _warnings(plane, moment)]


async def _due(plane: ControlPlane, moment: int) -> Sequence[Any]:
    is_over = sa.and_(api_key.c.expires_at.is_not(None), api_key.c.expires_at <= moment)
    query = (
        sa.select(api_key)
        .where(api_key.c.next_rotation_at <= moment, api_key.c.status == "active", ~is_over, ~_has_two_texts(moment))
        .order_by(api_key.c.next_rotation_at, api_key.c.id)
        .limit(_BATCH)
    )
    async with plane.database.read() as connection:
        return (await connection.execute(query)).all()


def _has_two_texts(moment: int) -> sa.ColumnElement[bool]:
    older = sa.select(api_key_secret.c.id).where(
        api_key_secret.c.api_key_id == api_key.c.id, api_key_secret.c.valid_until > moment
    )
    return older.exists()


async def _rotate_some(plane: ControlPlane, rows: Sequence[Any]) -> list[KeyEvent]:
    events = []
    async with plane.change(SCHEDULE) as change:
        for row in rows:
            rotation = new_rotation(row.kind, rotation_policy.decode(row.rotation), change.now)
            if await _is_written(change, row, rotation.columns(row.next_rotation_at, is_scheduled=True)):
                await api_key_secrets.retire(change, row.id, rotation.until)
                await api_key_secrets.add(change, row.id, rotation.proof)
                place = SecretPlace(_TABLE, row.id, _FIELD)
                await secrets.put(change.connection, plane.keyring, place, Secret(rotation.text))
                before = {"rotation_mode": None, "masked": row.masked}
                after = {"rotation_mode": "auto", "masked": rotation.proof.masked}
                after |= {"key_transition_expires_at": as_text(rotation.until)}
                change.record(Entry("rotate", "api_key", row.id, row.workspace_id, None, before, after))
                events.append(KeyEvent("rotated", row.id, row.name, rotation.until))
    return events


async def _is_written(change: Change, row: Any, columns: dict[str, Any]) -> bool:
    """Whether a row was as it had been read: what another worker rotated stays as it is."""
    same = api_key.c.id == row.id, api_key.c.row_version == row.row_version
    values = {**columns, **change.touched(row.row_version)}
    return bool((await change.connection.execute(api_key.update().where(*same).values(**values))).rowcount)


async def _forget_ended(plane: ControlPlane, moment: int) -> None:
    """Forget the kept texts of keys of which the text before works no longer: not those that come meanwhile."""
    kept = sa.select(secret.c.id).where(secret.c.owner_table == _TABLE)
    two = sa.select(api_key_secret.c.api_key_id).where(api_key_secret.c.valid_until > moment)
    async with plane.database.read() as connection:
        ended = list((await connection.execute(kept.where(secret.c.owner_id.not_in(two)))).scalars())
    if ended:
        async with plane.database.write() as connection:
            for id_ in ended:
                await connection.execute(secret.delete().where(secret.c.id == id_))


async def _warnings(plane: ControlPlane, moment: int) -> list[KeyEvent]:
    """What is to be said a day before: rotations that are due, texts that end. A text that works on for a day at most
    is said to end when it is rotated, and not once more."""
    soon = moment + _DAY
    columns = api_key.c.id, api_key.c.name
    coming = api_key.c.next_rotation_at > moment, api_key.c.next_rotation_at <= soon
    due = sa.select(*columns, api_key.c.next_rotation_at.label("at")).where(api_key.c.status == "active", *coming)
    secret_row = api_key_secret.c
    ending = (
        sa.select(*columns, secret_row.valid_until.label("at"))
        .join(api_key_secret, secret_row.api_key_id == api_key.c.id)
        .join(secret, sa.and_(secret.c.owner_table == _TABLE, secret.c.owner_id == api_key.c.id))
        .where(secret_row.valid_until > moment, secret_row.valid_until <= soon)
        .where(secret_row.valid_until > api_key.c.last_rotated_at + _DAY)
    )
    async with plane.database.read() as connection:
        rows = {kind: (await connection.execute(query)).all() for kind, query in (("due", due), ("ending", ending))}
    return [KeyEvent(kind, row.id, row.name, row.at) for kind, found in rows.items() for row in found]

"""The control plane as its resources use it: a database, what judges bodies, and changes that tell the audit log."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from time import time_ns
from typing import Any, Final, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.control import audit
from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.integrations.configurations import ProviderRules
from penstock.control.logs.rules import LogRules
from penstock.control.redact import Fingerprint
from penstock.control.refusal import absent
from penstock.core.money import LARGEST
from penstock.limits.counters import Counters
from penstock.prices.book import EMPTY as NO_PRICES
from penstock.prices.book import PriceBook
from penstock.stores.catalogue import EMPTY, Catalogue
from penstock.stores.config_definitions import Check
from penstock.stores.sql.database import Database, DatabaseError
from penstock.stores.sql.keyring import Keyring
from penstock.stores.sql.schema import idempotency, organisation, workspace

_LOG: Final = logging.getLogger("penstock")
_T = TypeVar("_T")


class Apart(Protocol):
    """Does what takes long in a thread, and gives its result."""

    def __call__(self, work: Callable[[], _T], /) -> Awaitable[_T]: ...


async def _at_once(work: Callable[[], _T], /) -> _T:
    return work()


class Repeated(Exception):
    """The idempotency key of the request belongs to a request that was carried out before."""


class ControlPlane:
    """What the functions of this folder work on.

    ``providers`` are the slugs of the provider rows there are; ``judge`` says why a config can't be used; ``in_file``
    gives the catalogue of penstock.toml, whose names win; ``refresh`` puts the newest catalogue in force in this
    process; ``provider_rules`` judge credentials. ``counters`` are those that limits are counted by; None where no
    gateway runs in this process. ``largest_cost`` is the largest budget that counters hold exactly, in nanodollars.
    ``price_book`` gives the prices in force; ``aliases`` are further names of providers, by which slugs are found.
    ``logs`` say what is kept of requests that clients log. ``apart`` does what takes long in a thread: patterns of a
    config take half a second to be judged.
    """

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        providers: Collection[str] = (),
        judge: Check | None = None,
        in_file: Callable[[], Catalogue] = lambda: EMPTY,
        refresh: Callable[[], Awaitable[None]] | None = None,
        provider_rules: ProviderRules = ProviderRules(),  # noqa: B008 (frozen)
        counters: Counters | None = None,
        largest_cost: int = LARGEST,
        price_book: Callable[[], Awaitable[PriceBook]] | None = None,
        aliases: Mapping[str, str] | None = None,
        logs: LogRules = LogRules(),  # noqa: B008 (frozen)
        apart: Apart = _at_once,
    ) -> None:
        self.logs = logs
        self.apart = apart
        self.database = database
        self.price_book = price_book or _no_prices
        self.aliases = aliases or {}
        self.keyring = keyring
        self.providers = providers
        self.judge = judge
        self.in_file = in_file
        self.provider_rules = provider_rules
        self.counters = counters
        self.largest_cost = largest_cost
        self._refresh = refresh
        self._joined: Change | None = None

    @property
    def fingerprint(self) -> Fingerprint | None:
        """The keyed hash of secrets in the audit log; None without a key."""
        return None if self.keyring.is_empty else self.keyring.fingerprint

    @contextlib.asynccontextmanager
    async def change(self, actor: Actor, *, revises: bool = True) -> AsyncIterator[Change]:
        """A transaction with its rows in the audit log. ``revises``: it changes what the data plane reads.

        A Refusal in the block undoes it. Raises DatabaseError, and Repeated for a request that was carried out before.
        """
        if self._joined is not None:
            yield self._joined
            return
        transaction = self.database.change() if revises else self.database.write()
        async with transaction as connection:
            change = Change(connection, actor, now(), self.largest_cost)
            await _claim(change)
            yield change
            await audit.append(connection, actor, change.now, change.entries, self.fingerprint)
        if revises:
            await self._put_in_force()

    @contextlib.asynccontextmanager
    async def joined(self, actor: Actor) -> AsyncIterator[tuple[ControlPlane, Change]]:
        """A control plane whose changes are parts of one transaction, and this transaction: all are kept, or none.

        What only reads must read through the transaction's connection: ``database.read`` shows the moment before it.
        """
        async with self.change(actor) as change:
            part = copy.copy(self)
            part._joined = change
            yield part, change

    async def _put_in_force(self) -> None:
        """Have this process serve the change at once. What fails here is made good by the next look at the revision."""
        if self._refresh is None:
            return
        try:
            await self._refresh()
        except DatabaseError as error:
            _LOG.warning("%s; the change is seen a moment later", error)


async def _no_prices() -> PriceBook:
    return NO_PRICES


class Change:
    """A transaction that is under way: its connection, its moment in microseconds since 1970, who makes it.
    ``largest_cost`` is that of the control plane."""

    def __init__(self, connection: AsyncConnection, actor: Actor, moment: int, largest_cost: int = LARGEST) -> None:
        self.connection = connection
        self.actor = actor
        self.now = moment
        self.largest_cost = largest_cost
        self.entries: list[Entry] = []

    def record(self, entry: Entry) -> None:
        """Tell the audit log of what is done."""
        self.entries.append(entry)

    def made(self) -> dict[str, Any]:
        """The common columns of a row that is made now."""
        name = self.actor.name
        return {"created_at": self.now, "updated_at": self.now, "created_by": name, "updated_by": name}

    def touched(self, row_version: int) -> dict[str, Any]:
        """The common columns of a row that is changed now."""
        return {"updated_at": self.now, "updated_by": self.actor.name, "row_version": row_version + 1}


def now() -> int:
    """Microseconds since 1970."""
    return time_ns() // 1000


async def _claim(change: Change) -> None:
    """Take the request's idempotency key, in the transaction of the change: either both are kept or neither."""
    key = change.actor.idempotency_key
    if key is None:
        return
    connection = change.connection
    await connection.execute(idempotency.delete().where(idempotency.c.expires_at <= change.now))
    try:
        await connection.execute(
            idempotency.insert().values(digest=key.digest, body=key.body, expires_at=key.expires_at)
        )
    except IntegrityError:
        raise Repeated from None


async def organisation_id(connection: AsyncConnection) -> str:
    return str((await connection.execute(sa.select(organisation.c.id))).scalar_one())


async def workspace_for(connection: AsyncConnection, actor: Actor, reference: str | None) -> str:
    """The id of the workspace that a request means, by id or slug: the actor's own or the default one if it names none.

    Raises Refusal for a workspace that is not there, or not the actor's.
    """
    query = sa.select(workspace.c.id).where(workspace.c.status == "active")
    if reference is not None:
        query = query.where(sa.or_(workspace.c.id == reference, workspace.c.slug == reference))
    elif actor.workspace_id is not None:
        query = query.where(workspace.c.id == actor.workspace_id)
    else:
        query = query.where(workspace.c.is_default)
    id_ = (await connection.execute(query)).scalar()
    if id_ is None or actor.workspace_id not in {None, id_}:
        raise absent("workspace", reference or "")
    return str(id_)


async def workspace_filter(
    connection: AsyncConnection, actor: Actor, column: sa.Column[Any], reference: str | None
) -> sa.ColumnElement[bool]:
    """The condition that a row belongs to a workspace that the actor sees, or to the one that a query names."""
    if reference is None and actor.workspace_id is None:
        return sa.true()
    return column == await workspace_for(connection, actor, reference)

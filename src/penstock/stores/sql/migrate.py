"""Brings the tables of a database to the form that this release knows, when the gateway starts.

All steps are one transaction under a lock: of several workers or replicas that start at once one migrates, the others
wait and find nothing left to do; a step that fails leaves the database as it was.

A new SQLite database gets its tables as the schema describes them, without the steps, whose library takes 0.2 s and
10 MB to load: a test compares the two. PostgreSQL has functions beside its tables, which only the steps make.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from penstock.stores.sql import schema
from penstock.stores.sql.database import Database, DatabaseError
from penstock.stores.sql.steps import STEPS, latest

_LOCK: Final = 0x70656E73746F636B
"""The number of PostgreSQL's advisory lock: ``penstock`` in ASCII."""


async def migrate(database: Database) -> None:
    """Run the steps that the database lacks. Raises DatabaseError, also for a database of a newer release."""
    # A database that is up to date needs neither a lock nor alembic, whose import takes longer than all else at start.
    if await _applied(database) == (latest(),):
        return
    async with database.engine.connect() as connection:
        await connection.execution_options(changes=True)
        try:
            async with connection.begin():
                if not database.is_sqlite:
                    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                await connection.run_sync(_bring_up_to_date)
        except DBAPIError as error:
            raise DatabaseError(f"the database {database.name} can't be migrated: {error.orig}") from error


_VERSION: Final = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


async def _applied(database: Database) -> tuple[str, ...]:
    """The step that the database is at; empty for a new one."""
    async with database.read() as connection:
        if not await connection.run_sync(lambda sync: sa.inspect(sync).has_table(_VERSION.name)):
            return ()
        return tuple((await connection.execute(sa.select(_VERSION.c.version_num))).scalars())


def _bring_up_to_date(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite" and not sa.inspect(connection).get_table_names():
        _make_tables(connection)
    else:
        run_steps(connection)
    if connection.execute(sa.select(schema.revision.c.id)).scalar() is None:
        connection.execute(schema.revision.insert().values(id=1, number=1))


def _make_tables(connection: sa.Connection) -> None:
    """Make the tables of a database that has none, as they are after the newest step."""
    schema.metadata.create_all(connection)
    _VERSION.create(connection)
    connection.execute(_VERSION.insert().values(version_num=latest()))


def run_steps(connection: sa.Connection, last: str = "head") -> None:
    """Run the steps that a database lacks, up to ``last``. Raises DatabaseError for a database of a newer release."""
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(STEPS))
    known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
    at = MigrationContext.configure(connection).get_current_revision()
    if at is not None and at not in known:
        raise DatabaseError(
            f"its tables are of a newer release (step {at}; this one knows up to {latest()}). Nothing was changed: "
            "start that release again, or restore the copy of the database that was made before it"
        )
    command.upgrade(config, last)

"""Brings the tables of a database to the form that this release knows, when the gateway starts.

All steps are one transaction under a lock: of several workers or replicas that start at once one migrates, the others
wait and find nothing left to do; a step that fails leaves the database as it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from penstock.stores.sql import schema
from penstock.stores.sql.database import Database, DatabaseError

_LOCK: Final = 0x70656E73746F636B
"""The number of PostgreSQL's advisory lock: ``penstock`` in ASCII."""
_STEPS: Final = Path(__file__).parent / "migrations"


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
                await connection.run_sync(_upgrade)
        except DBAPIError as error:
            raise DatabaseError(f"the database {database.name} can't be migrated: {error.orig}") from error


def latest() -> str:
    """The newest step that this release knows: the beginning of its file's name."""
    return max(path.name.partition("_")[0] for path in (_STEPS / "versions").glob("[0-9]*.py"))


_VERSION: Final = sa.table("alembic_version", sa.column("version_num", sa.Text))


async def _applied(database: Database) -> tuple[str, ...]:
    """The step that the database is at; empty for a new one."""
    async with database.read() as connection:
        if not await connection.run_sync(lambda sync: sa.inspect(sync).has_table(_VERSION.name)):
            return ()
        return tuple((await connection.execute(sa.select(_VERSION.c.version_num))).scalars())


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_STEPS))
    known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
    at = MigrationContext.configure(connection).get_current_revision()
    if at is not None and at not in known:
        raise DatabaseError(
            f"its tables are of a newer release (step {at}; this one knows up to {latest()}). Nothing was changed: "
            "start that release again, or restore the copy of the database that was made before it"
        )
    command.upgrade(config, "head")
    if connection.execute(sa.select(schema.revision.c.id)).scalar() is None:
        connection.execute(schema.revision.insert().values(id=1, number=1))

"""Keeps what pieces of feedback are about (``feedback_value``): feedback tells a trace, and the requests of a trace
have a model, a key, a user. Looked up for each piece, tens of thousands of them take seconds.

The task of the log's retention does it, off the requests' path, in small steps. No request is missed, whether it comes
before or after the feedback on it: a piece of which nothing is kept yet (``is_matched``) is looked up, and so are the
requests of an hour that has more of them than ``feedback_hour`` says (``stale_hours``). Both are few at any time.

Of the pieces and of the hours one may be matched while a request comes. In SQLite's files a piece is matched in a
transaction in which no request comes, with those that came since the others were read: it is a step of the thread that
writes rows, so that nobody waits for a busy event loop. On PostgreSQL one transaction at a time matches pieces or
hours. A request that comes later makes its hour stale.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.stores.sql.database import Database
from penstock.stores.sql.index_hints import Unindexed
from penstock.stores.sql.repeated import AT_ONCE, RepeatedStatement, Row, Rows, write_rows
from penstock.stores.sql.request_log.usage import HOUR
from penstock.stores.sql.schema import feedback, feedback_hour, feedback_value, log_metadata, request_log, total_hour
from penstock.stores.sql.schema.trail import UNMATCHED
from penstock.stores.sql.sqlite_writer import Step

COLUMNS: Final = ("model", "provider", "key_id", "status", "workspace_id")
"""The columns of the request log whose values are kept."""
MEMBER: Final = "metadata."
"""What the name of a member of metadata has before it."""
WEIGHTED: Final[sa.ColumnElement[float]] = feedback.c.value * feedback.c.weight
_GRACE: Final = 60_000_000
"""Microseconds after the end of an hour in which its last requests reach the database."""
_PIECES: Final = 5
_VALUES: Final = AT_ONCE
"""Of one transaction: SQLite lets one change in at a time."""
_ROWID: Final[sa.ColumnElement[int]] = sa.literal_column("request_log.rowid", sa.BigInteger)
"""SQLite's number of a row: those that come later have higher ones."""
_LOCK: Final = 0x70656E66656564
"""The number of PostgreSQL's advisory lock: ``penfeed`` in ASCII."""

Found = dict[tuple[Any, ...], int]
"""The moment of the latest request by name, moment of the piece, workspace, id of the piece and value."""
Lookup = sa.Select[Any]


class Hour(NamedTuple):
    """An hour of a workspace, and how many requests there are in it."""

    workspace_id: str
    start: int
    requests: int


async def match_feedback(database: Database, now: int, pause: float = 0.0) -> int:
    """Keep what there is to keep at a moment in microseconds since 1970: how many pieces and hours that were. ``pause``
    is the time between two steps in seconds. Raises DatabaseError."""
    done = 0
    async with database.read() as connection:
        hours = await stale_hours(connection, None)
        has_matched = (await connection.execute(sa.select(feedback.c.id).where(feedback.c.is_matched).limit(1))).first()
    for hour in hours:
        if hour.start + HOUR + _GRACE <= now:
            await _match_hour(database, hour, pause, is_empty=has_matched is None)
            done += 1
    while pieces := await _match_pieces(database):
        done += pieces
        await asyncio.sleep(pause)
    return done


async def stale_hours(connection: AsyncConnection, workspaces: Sequence[str] | None) -> list[Hour]:
    """The hours with requests that may be missing. ``workspaces`` are ids, None: all."""
    column, known = total_hour.c, feedback_hour.c
    requests = sa.cast(sa.func.sum(column.requests), sa.BigInteger).label("requests")
    hours = sa.select(column.workspace_id, column.start, requests).group_by(column.start, column.workspace_id)
    if workspaces is not None:
        hours = hours.where(column.workspace_id.in_(workspaces))
    each = hours.subquery()
    is_same = sa.and_(known.workspace_id == each.c.workspace_id, known.start == each.c.start)
    query = sa.select(each).select_from(each.outerjoin(feedback_hour, is_same))
    query = query.where(sa.or_(known.of_requests.is_(None), known.of_requests != each.c.requests))
    return [Hour(*row) for row in await connection.execute(query.order_by(each.c.start))]


def is_about(*, by_time: bool = False) -> sa.ColumnElement[bool]:
    """Whether a row of the request log is one that a piece of feedback is about. SQLite finds the rows of each piece by
    their trace, or, ``by_time``, reads the rows of a time and finds the feedback on each."""
    trace = Unindexed(request_log.c.trace_id) if by_time else request_log.c.trace_id
    of_workspace = Unindexed(feedback.c.workspace_id) if by_time else feedback.c.workspace_id
    return sa.and_(trace == feedback.c.trace_id, Unindexed(request_log.c.workspace_id) == of_workspace)


async def _match_pieces(database: Database) -> int:
    """Keep what some pieces are about: how many these were."""
    some = sa.select(feedback.c.id).where(sa.text(UNMATCHED)).order_by(feedback.c.created_at).limit(_PIECES)
    if not database.has_writer:
        async with database.write() as connection:
            await _alone(connection)
            ids = list((await connection.execute(some)).scalars())
            if ids:
                await _keep(connection, await _found(connection, _lookups(is_about(), feedback.c.id.in_(ids))))
                await connection.execute(_matched(ids))
        return len(ids)
    # Callers name traces: one may have any number of requests, which are not read while nobody else can write.
    async with database.read() as connection:
        ids = list((await connection.execute(some)).scalars())
        if not ids:
            return 0
        newest = (await connection.execute(sa.select(sa.func.max(_ROWID)).select_from(request_log))).scalar() or 0
        found = await _found(connection, _lookups(is_about(), feedback.c.id.in_(ids)))
    for some_ids in _in_parts(ids, found):
        await database.run(_matching(database, some_ids, found, newest))
    return len(ids)


def _matching(database: Database, ids: Sequence[str], found: Found, newest: int) -> Step[None]:
    """Keeps what pieces are about in an SQLite file: what was found of them, and the rows beyond the ``newest`` number.
    Statements are compiled here: that takes longer than they do, and would be done under the lock."""
    of_pieces = feedback.c.id.in_(ids)
    of_columns, of_members = _lookups(is_about(), of_pieces, newest < _ROWID)
    late_of_columns, late_of_members = _text(database, of_columns), _text(database, of_members)
    # Another process may have kept some of them meanwhile: with the requests that there were then.
    weighted = _text(database, _weighted(ids).where(sa.text(UNMATCHED)))
    matched = _text(database, _matched(ids))

    def step(connection: sqlite3.Connection) -> None:
        values = dict(found)
        late = _values_of(connection.execute(late_of_columns), connection.execute(late_of_members))
        for key, last_at in late.items():
            _add(values, key, last_at)
        _write(connection, values, weighted)
        connection.execute(matched)

    return step


def _in_parts(ids: Sequence[str], found: Found) -> Iterator[list[str]]:
    """Pieces in parts: one, or several that have a few values together."""
    numbers = Counter(key[3] for key in found)
    part: list[str] = []
    for id_ in ids:
        if part and sum(numbers[each] for each in [*part, id_]) > _VALUES:
            yield part
            part = []
        part.append(id_)
    yield part


async def _match_hour(database: Database, hour: Hour, pause: float, *, is_empty: bool) -> None:
    """Keep what is missing of the requests of an hour. ``is_empty``: no piece has been matched, nothing is missing."""
    row = request_log.c
    conditions = (
        is_about(by_time=True),
        row.workspace_id == hour.workspace_id,
        row.at.between(hour.start, hour.start + HOUR - 1),
        feedback.c.is_matched,
    )
    mark = Rows(_HOURS, [hour])
    lookups = _lookups(*conditions)
    if not database.has_writer:
        async with database.write() as connection:
            await _alone(connection)
            await _keep(connection, {} if is_empty else await _found(connection, lookups))
            await mark.run(connection)
        return
    found: list[tuple[tuple[Any, ...], int]] = []
    if not is_empty:
        async with database.read() as connection:
            found = list((await _found(connection, lookups)).items())
    for first in range(0, len(found), _VALUES):
        await database.run(_keeping(database, dict(found[first : first + _VALUES])))
        await asyncio.sleep(pause)
    await write_rows(database, [mark])


def _keeping(database: Database, found: Found) -> Step[None]:
    """Writes what pieces are about to an SQLite file."""
    weighted = _text(database, _weighted({key[3] for key in found}))

    return lambda connection: _write(connection, found, weighted)


def _write(connection: sqlite3.Connection, found: Found, weighted: str) -> None:
    """Write what pieces are about to an SQLite file. Rows are written again until they fill a statement: a row by
    itself would wait for Python's lock while that of the database is held."""
    rows = _kept(found, connection.execute(weighted))
    rows += rows[-1:] * (-len(rows) % AT_ONCE)
    Rows(_KEPT, rows).run_in_sqlite(connection)


async def _alone(connection: AsyncConnection) -> None:
    """Wait for other processes that match; on SQLite a transaction has none beside it."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _lookups(is_match: sa.ColumnElement[bool], *conditions: sa.ColumnElement[bool]) -> tuple[Lookup, Lookup]:
    """What pieces of feedback are about, of those and of the requests for which conditions hold: by columns of the
    request log, and by members of metadata."""
    row, member = request_log.c, log_metadata.c
    piece = (feedback.c.created_at, feedback.c.workspace_id, feedback.c.id)
    last = sa.func.max(row.at).label("last_at")
    columns = [row[name] for name in COLUMNS]
    joined = feedback.join(request_log, is_match)
    of_columns = sa.select(*piece, last, *columns).select_from(joined).where(*conditions).group_by(*piece, *columns)
    is_of_row = sa.and_(
        member.at == row.at, member.log_id == row.id, Unindexed(member.workspace_id) == row.workspace_id
    )
    joined, columns = joined.join(log_metadata, is_of_row), [member.name, member.value]
    of_members = sa.select(*piece, last, *columns).select_from(joined).where(*conditions).group_by(*piece, *columns)
    return of_columns, of_members


async def _found(connection: AsyncConnection, lookups: tuple[Lookup, Lookup]) -> Found:
    of_columns, of_members = lookups
    return _values_of((await connection.execute(of_columns)).all(), (await connection.execute(of_members)).all())


def _values_of(of_columns: Iterable[Any], of_members: Iterable[Any]) -> Found:
    """What the rows of ``_lookups`` tell."""
    found: Found = {}
    for created_at, workspace, id_, last_at, *values in of_columns:
        for name, value in zip(COLUMNS, values, strict=True):
            _add(found, (name, created_at, workspace, id_, as_value(value)), last_at)
    for created_at, workspace, id_, last_at, name, value in of_members:
        _add(found, (MEMBER + name, created_at, workspace, id_, value), last_at)
    return found


def _add(found: Found, key: tuple[Any, ...], last_at: int) -> None:
    found[key] = max(found.get(key, 0), last_at)


def as_value(value: Any) -> str:
    """A value of a column as it is kept: empty for NULL."""
    return "" if value is None else str(value)


async def _keep(connection: AsyncConnection, found: Found) -> None:
    """Write what pieces are about, with what they say now: who changes a piece waits for this transaction."""
    ids = list({key[3] for key in found})
    weighted: list[Any] = []
    for first in range(0, len(ids), _VALUES):
        query = _weighted(ids[first : first + _VALUES]).with_for_update()
        weighted += (await connection.execute(query)).all()
    await Rows(_KEPT, _kept(found, weighted)).run(connection)


def _weighted(ids: Collection[str]) -> sa.Select[tuple[str, float]]:
    """Ids of pieces, and what these say."""
    return sa.select(feedback.c.id, WEIGHTED).where(feedback.c.id.in_(ids))


def _matched(ids: Collection[str]) -> sa.Update:
    return feedback.update().where(feedback.c.id.in_(ids)).values(is_matched=True)


def _kept(found: Found, weighted: Iterable[Any]) -> list[Row]:
    """The rows of what pieces are about, of those that there still are, as ``_weighted`` tells them."""
    says = {row[0]: float(row[1]) for row in weighted}
    return [(*key, says[key[3]], last_at) for key, last_at in sorted(found.items()) if key[3] in says]


def _text(database: Database, statement: sa.ClauseElement) -> str:
    """A statement with its values in it."""
    return str(statement.compile(dialect=database.engine.dialect, compile_kwargs={"literal_binds": True}))


def _make_kept(insert: Any) -> sa.Insert:
    new = insert(feedback_value)
    later = sa.case(
        (new.excluded.last_at > feedback_value.c.last_at, new.excluded.last_at), else_=feedback_value.c.last_at
    )
    statement: sa.Insert = new.on_conflict_do_update(
        index_elements=list(feedback_value.primary_key), set_={"weighted": new.excluded.weighted, "last_at": later}
    )
    return statement


def _make_hours(insert: Any) -> sa.Insert:
    new = insert(feedback_hour)
    statement: sa.Insert = new.on_conflict_do_update(
        index_elements=list(feedback_hour.primary_key), set_={"of_requests": new.excluded.of_requests}
    )
    return statement


_KEPT: Final = RepeatedStatement([column.name for column in feedback_value.c], _make_kept)
_HOURS: Final = RepeatedStatement([column.name for column in feedback_hour.c], _make_hours)

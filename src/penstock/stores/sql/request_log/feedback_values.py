"""Keeps what pieces of feedback are about (``feedback_value``): feedback tells a trace, and the requests of a trace
have a model, a key, a user. Looked up for each piece, tens of thousands of them take seconds.

The task of the log's retention does it, off the requests' path, in small steps. No request is missed, whether it comes
before or after the feedback on it: a piece of which nothing is kept yet (``is_matched``) is looked up, and so are the
requests of an hour that has more of them than ``feedback_hour`` says (``stale_hours``). Both are few at any time.

Of the pieces and of the hours one may be matched while a request comes. On SQLite a piece is matched in a transaction
in which no request comes, with those that came since the others were read; on PostgreSQL one transaction at a time
matches pieces or hours. A request that comes later makes its hour stale.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.stores.sql.database import Database
from penstock.stores.sql.index_hints import Unindexed
from penstock.stores.sql.repeated import RepeatedStatement, Row, Rows
from penstock.stores.sql.request_log.usage import HOUR
from penstock.stores.sql.schema import feedback, feedback_hour, feedback_value, log_metadata, request_log, total_hour
from penstock.stores.sql.schema.trail import UNMATCHED

COLUMNS: Final = ("model", "provider", "key_id", "status", "workspace_id")
"""The columns of the request log whose values are kept."""
MEMBER: Final = "metadata."
"""What the name of a member of metadata has before it."""
WEIGHTED: Final[sa.ColumnElement[float]] = feedback.c.value * feedback.c.weight
_GRACE: Final = 60_000_000
"""Microseconds after the end of an hour in which its last requests reach the database."""
_PIECES: Final = 5
_VALUES: Final = 100
"""Of one transaction: SQLite lets one change in at a time."""
_ROWID: Final[sa.ColumnElement[int]] = sa.literal_column("request_log.rowid", sa.BigInteger)
"""SQLite's number of a row: those that come later have higher ones."""
_LOCK: Final = 0x70656E66656564
"""The number of PostgreSQL's advisory lock: ``penfeed`` in ASCII."""

Found = dict[tuple[Any, ...], int]
"""The moment of the latest request by name, moment of the piece, workspace, id of the piece and value."""


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
    if not database.is_sqlite:
        async with database.write() as connection:
            await _alone(connection)
            ids = list((await connection.execute(some)).scalars())
            if ids:
                await _keep_pieces(connection, ids, await _found(connection, is_about(), feedback.c.id.in_(ids)))
        return len(ids)
    # Callers name traces: one may have any number of requests, which are not read while nobody else can write.
    async with database.read() as connection:
        ids = list((await connection.execute(some)).scalars())
        if not ids:
            return 0
        of_pieces = feedback.c.id.in_(ids)
        newest = (await connection.execute(sa.select(sa.func.max(_ROWID)).select_from(request_log))).scalar() or 0
        found = await _found(connection, is_about(), of_pieces)
    for some_ids in _in_parts(ids, found):
        of_pieces = feedback.c.id.in_(some_ids)
        async with database.write() as connection:
            # Another process may have kept some of them meanwhile: with the requests that there were then.
            unmatched = sa.select(feedback.c.id).where(of_pieces, sa.text(UNMATCHED))
            missing = set((await connection.execute(unmatched)).scalars())
            values = {key: last_at for key, last_at in found.items() if key[3] in missing}
            late = await _found(connection, is_about(), feedback.c.id.in_(missing), newest < _ROWID)
            for key, last_at in late.items():
                _add(values, key, last_at)
            await _keep_pieces(connection, missing, values)
    return len(ids)


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


async def _keep_pieces(connection: AsyncConnection, ids: Collection[str], found: Found) -> None:
    """Keep all that some pieces are about."""
    await _keep(connection, list(found.items()))
    await connection.execute(feedback.update().where(feedback.c.id.in_(ids)).values(is_matched=True))


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
    if not database.is_sqlite:
        async with database.write() as connection:
            await _alone(connection)
            await _keep(connection, [] if is_empty else list((await _found(connection, *conditions)).items()))
            await mark.run(connection)
        return
    found: list[tuple[tuple[Any, ...], int]] = []
    if not is_empty:
        async with database.read() as connection:
            found = list((await _found(connection, *conditions)).items())
    for first in range(0, len(found), _VALUES):
        async with database.write() as connection:
            await _keep(connection, found[first : first + _VALUES])
        await asyncio.sleep(pause)
    async with database.write() as connection:
        await mark.run(connection)


async def _alone(connection: AsyncConnection) -> None:
    """Wait for other processes that match; on SQLite a transaction has none beside it."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


async def _found(
    connection: AsyncConnection, is_match: sa.ColumnElement[bool], *conditions: sa.ColumnElement[bool]
) -> Found:
    """What pieces of feedback are about, of those and of the requests for which conditions hold."""
    row, member = request_log.c, log_metadata.c
    piece = (feedback.c.created_at, feedback.c.workspace_id, feedback.c.id)
    last = sa.func.max(row.at).label("last_at")
    found: Found = {}
    columns = [row[name] for name in COLUMNS]
    joined = feedback.join(request_log, is_match)
    query = sa.select(*piece, last, *columns).select_from(joined).where(*conditions).group_by(*piece, *columns)
    for created_at, workspace, id_, last_at, *values in await connection.execute(query):
        for name, value in zip(COLUMNS, values, strict=True):
            _add(found, (name, created_at, workspace, id_, as_value(value)), last_at)
    is_of_row = sa.and_(
        member.at == row.at, member.log_id == row.id, Unindexed(member.workspace_id) == row.workspace_id
    )
    joined, columns = joined.join(log_metadata, is_of_row), [member.name, member.value]
    query = sa.select(*piece, last, *columns).select_from(joined).where(*conditions).group_by(*piece, *columns)
    for created_at, workspace, id_, last_at, name, value in await connection.execute(query):
        _add(found, (MEMBER + name, created_at, workspace, id_, value), last_at)
    return found


def _add(found: Found, key: tuple[Any, ...], last_at: int) -> None:
    found[key] = max(found.get(key, 0), last_at)


def as_value(value: Any) -> str:
    """A value of a column as it is kept: empty for NULL."""
    return "" if value is None else str(value)


async def _keep(connection: AsyncConnection, found: Sequence[tuple[tuple[Any, ...], int]]) -> None:
    """Write what pieces are about, with what they say now: who changes a piece waits for this transaction."""
    ids = list({key[3] for key, _ in found})
    weighted: dict[str, float] = {}
    for first in range(0, len(ids), _VALUES):
        query = sa.select(feedback.c.id, WEIGHTED).where(feedback.c.id.in_(ids[first : first + _VALUES]))
        weighted |= {row[0]: float(row[1]) for row in await connection.execute(query.with_for_update())}
    rows: list[Row] = [(*key, weighted[key[3]], last_at) for key, last_at in sorted(found) if key[3] in weighted]
    await Rows(_KEPT, rows).run(connection)


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

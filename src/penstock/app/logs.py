"""The composition root's part for the request log: its spool, its way to the database, its retention."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.app.store import data_folder, now
from penstock.observe.record import Records
from penstock.observe.redactor import Redactor
from penstock.observe.spool import Spool
from penstock.pipeline.records.cost import Costs
from penstock.pipeline.records.request_log import RequestLog, requests_in
from penstock.server.kept_content import ContentRule
from penstock.settings import Settings, SettingsError
from penstock.stores.sql.control_store import ControlStore
from penstock.stores.sql.place import Place
from penstock.stores.sql.request_log.entry import Entries

if TYPE_CHECKING:
    from penstock.stores.sql.request_log.request_log import LogWriter

_NAME = "requests"
_PAUSE = 0.01
"""Seconds between two steps of adding up: requests write their rows meanwhile."""


def request_log_of(
    settings: Settings, stored: ControlStore | None, records: Records, costs: Costs, place: Place
) -> RequestLog | None:
    """The request log, which keeps the records from now on; None where it is off, and where there is no database.
    Raises SettingsError."""
    logs = settings.logs
    problems = logs.problems()
    if problems:
        raise SettingsError(problems, settings)
    if stored is None or not logs.enabled:
        return None
    writers: list[LogWriter] = []

    async def write(entries: Sequence[Entries], is_repeated: bool) -> None:
        is_first = not writers
        if is_first:
            writers.append(await asyncio.to_thread(_writer))
        database = await stored.open()
        await writers[0].write(database, entries, is_repeated=is_repeated)
        if is_first:
            # The library stays. The garbage collector would walk over all of it within some request: 13 ms.
            gc.freeze()

    async def clean() -> None:
        from penstock.stores.sql.request_log.feedback_values import match_feedback
        from penstock.stores.sql.request_log.retention import Retention, delete_old
        from penstock.stores.sql.request_log.usage_users import add_up_users

        if writers:  # a database that nobody writes to stays closed
            database, retention = await stored.open(), Retention(logs.retention_days, logs.content_retention_days)
            await delete_old(database, retention, now())
            await add_up_users(database, now(), retention.begin(now()), _PAUSE)
            await match_feedback(database, now(), _PAUSE)

    folder = None if place.is_in_memory else data_folder(settings, place)
    spool = Spool(None if folder is None else folder / "spool", _NAME, logs.spool_bytes, things_in=requests_in)
    log = RequestLog(spool, write, costs.charge_of, Redactor(logs.redact), clean, lambda: costs.is_loading)
    records.keeper = log
    records.tell_kinds()
    return log


def _writer() -> LogWriter:
    """What writes rows. The first one loads the library for databases, which takes a tenth of a second or two."""
    from penstock.stores.sql.request_log.request_log import LogWriter

    return LogWriter()


def content_rule(settings: Settings, log: RequestLog | None) -> ContentRule | None:
    """Which requests have their content kept, for the log and for spans; None where neither is there."""
    telemetry = settings.telemetry
    if log is None and not (telemetry.endpoint and telemetry.traces and telemetry.content):
        return None
    return ContentRule(settings.logs.content, settings.logs.max_content_bytes)

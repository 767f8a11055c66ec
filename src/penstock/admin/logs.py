"""``/logs``: the request log, its rows and files."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Final

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control.audit import Entry
from penstock.control.logs import exports as log_exports
from penstock.control.logs import files as log_files
from penstock.control.logs import insert as log_insert
from penstock.control.logs import logs
from penstock.control.logs.files import FORMATS, LogFile
from penstock.control.pages import page_of

_LIST: Final = ("logs.list",)
_READ: Final = ("logs.view", "logs.read")
_EXPORT: Final = ("logs.export",)


async def _insert(call: AdminCall) -> Answer:
    call.actor.require("completions.write")
    return Answer(await log_insert.insert(call.plane, call.actor, call.body, call.headers.get("x-portkey-debug")))


async def _list(call: AdminCall) -> Answer:
    return Answer(await logs.list_logs(call.plane, call.actor, call.query))


async def _read(call: AdminCall) -> Answer:
    return Answer(await logs.read_log(call.plane, call.actor, call.path["log_id"]))


async def _download(call: AdminCall) -> Answer:
    file = log_files.read_file(call.query)
    async with call.plane.change(call.actor, revises=False) as change:
        change.record(Entry("export", "log", "", call.actor.workspace_id))
    return await _file(call, file)


async def _file(call: AdminCall, file: LogFile) -> Answer:
    """The answer with a file. Its first piece is made before the head leaves: what fails until then is told."""
    rest = log_files.pieces_of(call.plane, call.actor, file)
    first = await anext(rest, b"")

    async def pieces() -> AsyncGenerator[bytes]:
        async with contextlib.aclosing(rest):
            yield first
            async for piece in rest:
                yield piece

    name = f"logs.{file.format}"
    headers = {"content-type": FORMATS[file.format], "content-disposition": f'attachment; filename="{name}"'}
    return Answer({}, headers=headers, pieces=pieces())


async def _create_export(call: AdminCall) -> Answer:
    return Answer(await log_exports.create(call.plane, call.actor, call.body))


async def _list_exports(call: AdminCall) -> Answer:
    return Answer(await log_exports.list_exports(call.plane, call.actor, call.query, page_of(call.query)))


async def _read_export(call: AdminCall) -> Answer:
    return Answer(await log_exports.read(call.plane, call.actor, call.path["export_id"]))


async def _update_export(call: AdminCall) -> Answer:
    return Answer(await log_exports.update(call.plane, call.actor, call.path["export_id"], call.body))


async def _start_export(call: AdminCall) -> Answer:
    return Answer(await log_exports.start(call.plane, call.actor, call.path["export_id"]))


async def _cancel_export(call: AdminCall) -> Answer:
    return Answer(await log_exports.cancel(call.plane, call.actor, call.path["export_id"]))


async def _link(call: AdminCall) -> Answer:
    path = await log_exports.link(call.plane, call.actor, call.path["export_id"])
    scheme = call.headers.get("x-forwarded-proto", call.plane.logs.scheme)
    scheme = scheme if scheme in {"http", "https"} else call.plane.logs.scheme
    return Answer({"signed_url": f"{scheme}://{call.headers.get('host', 'localhost')}{path}"})


async def _fetch(call: AdminCall) -> Answer:
    actor, file = await log_exports.file_of(call.plane, call.path["export_id"], call.query)
    return await _file(AdminCall(call.plane, actor, call.path, call.query, call.body, call.headers), file)


_ONE: Final = "/logs/exports/{export_id}"
ROUTES: Final = (
    AdminRoute("POST", "/logs", ("logs.write",), _insert),
    AdminRoute("GET", "/logs", _LIST, _list),
    AdminRoute("GET", "/penstock/logs", _LIST, _list),
    AdminRoute("GET", "/logs/download", _EXPORT, _download),
    AdminRoute("GET", "/logs/{log_id}", _READ, _read),
    AdminRoute("POST", "/logs/exports", _EXPORT, _create_export),
    AdminRoute("GET", "/logs/exports", (*_EXPORT, *_LIST), _list_exports),
    AdminRoute("GET", _ONE, (*_EXPORT, *_LIST), _read_export),
    AdminRoute("PUT", _ONE, _EXPORT, _update_export),
    AdminRoute("POST", f"{_ONE}/start", _EXPORT, _start_export),
    AdminRoute("POST", f"{_ONE}/cancel", _EXPORT, _cancel_export),
    AdminRoute("GET", f"{_ONE}/download", _EXPORT, _link),
    AdminRoute("GET", f"{_ONE}/file", (), _fetch, is_public=True),
)

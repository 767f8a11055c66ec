"""Which requests of a mounted application are the console's own reads, and leave no record if they succeed. The rest is
driven over sockets by tests/e2e/test_admin_api.py."""

from __future__ import annotations

from typing import Any

import pytest

from calling import OPENAI
from edge import FakeClient
from penstock.core.http import Headers
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.server.accounted import accounted
from penstock.server.pages.mounted import serve_mounted
from penstock.server.request_context import RequestContext

COOKIE = [(b"cookie", b"theme=dark; penstock_session=penstock_session_abc")]
KEY = [(b"x-portkey-api-key", b"a-key")]
LOGS = "/v1/logs"
FILE = [(b"content-disposition", b'attachment; filename="logs.jsonl"')]


async def recorded(
    method: str, path: str, headers: Headers, status: int = 200, *, is_debugged: bool = False, is_file: bool = False
) -> int:
    """How many records an application's answer leaves."""

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": FILE if is_file else []})
        await send({"type": "http.response.body", "body": b"{}"})

    records = Records(has_console_reads=is_debugged)
    queue, client = records.subscribe(), FakeClient()
    context = RequestContext(Account(records, method, path), OPENAI, headers, client)
    await accounted(context, serve_mounted(app, context, (method, path, ""), 100, 1.0))
    assert client.status == status
    return len(queue)


@pytest.mark.parametrize("path", ["/console", "/console/index.js"])
async def test_files_of_the_console_leave_no_record(path: str) -> None:
    assert await recorded("GET", path, []) == 0


async def test_a_session_s_read_leaves_none_and_whatever_else_happens_does() -> None:
    assert await recorded("GET", LOGS, COOKIE) == 0
    assert await recorded("POST", LOGS, COOKIE) == 1
    assert await recorded("GET", LOGS, COOKIE, status=403) == 1
    assert await recorded("GET", LOGS, KEY) == 1
    assert await recorded("GET", LOGS, [*COOKIE, *KEY]) == 1
    assert await recorded("GET", "/consoles", []) == 1


async def test_a_file_of_rows_leaves_one() -> None:
    assert await recorded("GET", LOGS, COOKIE, is_file=True) == 1


async def test_who_debugs_is_told_of_all() -> None:
    assert await recorded("GET", LOGS, COOKIE, is_debugged=True) == 1

"""Whatever ends a request, its account is closed once, and a caller who is there gets an answer."""

from __future__ import annotations

import asyncio

import pytest

from calling import OPENAI, only_record
from edge import FakeClient
from penstock.core.failure import Kind
from penstock.observe.record import RecordQueue, Records
from penstock.pipeline.account import Account
from penstock.pipeline.relay import Broken
from penstock.server.accounted import accounted
from penstock.server.request_context import RequestContext


def served(client: FakeClient) -> tuple[RequestContext, RecordQueue]:
    records = Records()
    return RequestContext(Account(records, "POST", "/"), OPENAI, [], client), records.subscribe(8)


async def test_a_defect_is_an_answer_and_a_record(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    client = FakeClient()
    context, queue = served(client)
    await accounted(context, fails())
    assert (client.status, only_record(queue).failure) == (500, Kind.INTERNAL.value)
    assert "a request failed inside the gateway" in caplog.text


async def test_a_reply_that_was_cut_short_ends_the_connection() -> None:
    async def breaks() -> None:
        raise Broken

    context, queue = served(FakeClient())
    await accounted(context, breaks())
    assert only_record(queue).status == 500


@pytest.mark.parametrize("has_left", [True, False])
async def test_a_cancellation_ends_here_for_who_has_left_and_is_told_to_who_waits(has_left: bool) -> None:
    client = FakeClient()
    context, queue = served(client)

    async def waits() -> None:
        await asyncio.Event().wait()

    task = asyncio.ensure_future(accounted(context, waits()))
    await asyncio.sleep(0)
    client.gone = has_left
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() is not has_left
    record = only_record(queue)
    assert (record.status, [status for status, _ in client.heads]) == ((499, []) if has_left else (503, [503]))

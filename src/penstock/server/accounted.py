"""Serves one request whose account is closed whatever happens: a cancellation, a defect, a caller who leaves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any, Final

from penstock.pipeline.relay import Broken
from penstock.server.request_context import RequestContext
from penstock.server.respond import DEFECT, tell_of_stop

_LOG: Final = logging.getLogger("penstock")


async def accounted(context: RequestContext, serving: Coroutine[Any, Any, None]) -> None:
    """Serve one request, handle its cancellation and defects, and close its account."""
    account, client = context.account, context.client
    try:
        await serving
    except Broken:
        pass  # the server closes the connection of a response that was not completed
    except asyncio.CancelledError:
        account.is_cancelled = True
        if not client.gone:
            await tell_of_stop(context)
            raise
        # The gateway itself cancelled the task because the caller left: the cancellation ends here.
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
    except Exception:
        _LOG.exception("a request failed inside the gateway")
        account.failure = DEFECT
        if not context.begun:
            with contextlib.suppress(Broken):
                await context.refuse(DEFECT)
    finally:
        account.has_left = client.gone
        if context.answer is not None:
            context.answer.close()
        account.close()

"""The type of each request, by Portkey's name of it: what ``allowedRequestTypes`` is about, whether or not a guard can
read the request's texts. Source: docs/guardrails.md#which-requests.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from penstock.core.operation import Operation
from penstock.guards.base import Reads
from penstock.guards.plan import Hook
from penstock.pipeline.call import Call

_PROXY: Final = Operation.PROXY.request_type
_KEPT: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"POST files", "uploadFile"),
        (r"GET files", "listFiles"),
        (r"GET files/[^/]+", "retrieveFile"),
        (r"DELETE files/[^/]+", "deleteFile"),
        (r"GET files/[^/]+/content", "retrieveFileContent"),
        (r"POST (?:messages/)?batches", "createBatch"),
        (r"GET (?:messages/)?batches", "listBatches"),
        (r"GET (?:messages/)?batches/[^/]+", "retrieveBatch"),
        (r"POST (?:messages/)?batches/[^/]+/cancel", "cancelBatch"),
        (r"GET (?:messages/)?batches/[^/]+/(?:output|results)", "getBatchOutput"),
        (r"POST fine_tuning/jobs", "createFinetune"),
        (r"GET fine_tuning/jobs", "listFinetunes"),
        (r"GET fine_tuning/jobs/[^/]+", "retrieveFinetune"),
        (r"POST fine_tuning/jobs/[^/]+/cancel", "cancelFinetune"),
    )
)
"""Method and path below ``/v1/`` of what providers keep -> the type."""


def request_type(call: Call) -> str:
    """The type of a request; ``proxy`` for one that passes as it is and has no other name."""
    operation = call.operation
    if operation.counts_tokens:
        # Whoever may chat in a wire may count what a chat takes: clients do before they chat.
        view, chat = call.dialect.texts, Operation.CHAT
        return chat.request_type if view is None else view.request_types.get(chat, chat.request_type)
    if operation.request_type != _PROXY:
        return operation.request_type
    asked = f"{call.account.method} {call.path.removeprefix('/v1/').strip('/')}"
    return next((name for pattern, name in _KEPT if pattern.fullmatch(asked)), _PROXY)


def hooks_without_texts(hooks: Sequence[Hook], call: Call) -> list[Hook]:
    """The hooks with those of their checks that judge a request without its texts: who asks, and for which model. Hooks
    that only look on are left out."""
    names_model = call.request is not None and call.request.model is not None
    read = {Reads.CALLER, Reads.MODEL} if names_model else {Reads.CALLER}
    chosen = []
    for hook in hooks:
        checks = tuple([each for each in hook.checks if each.check.reads in read])
        if checks and not hook.looks_on:
            chosen.append(hook if len(checks) == len(hook.checks) else msgspec.structs.replace(hook, checks=checks))
    return chosen

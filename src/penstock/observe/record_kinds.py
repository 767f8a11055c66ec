"""Records that are alike. Most requests are like many others but for numbers, times and what their caller is called:
what a reader makes of the rest it makes once (``Record.kind``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import force_setattr

if TYPE_CHECKING:
    from penstock.observe.record import Record

_MOST: Final = 4096
"""Kinds that are remembered: callers choose the names of models."""
_LONGEST: Final = 512
"""Characters of path, model and region of a kind that is remembered: callers choose them."""


class RecordKind(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Records of one kind have one attempt, which did not fail, and are alike in what hardly changes from request to
    request: path and status, key and config, target and model (``assign`` says in what). They differ in times, usage
    and charges, in the caller's address and agent, in labels, metadata and what was dropped, in the ids and parameters
    of traces.

    It is known by its identity alone: a reader remembers by it what it makes of the others' common part."""


class RecordKinds:
    """Assigns kinds to records, on the event loop."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], RecordKind] = {}

    def assign(self, record: Record) -> None:
        """Tell a new record its kind."""
        attempts = record.attempts
        if (
            len(attempts) != 1
            or record.failure
            or record.head_status
            or record.skipped
            or record.guards
            or ";" in record.trace
        ):
            return
        attempt = attempts[0]
        if attempt.failure or attempt.is_hedge_loser:
            return
        likeness = (  # beyond 30 members Python would make a list first
            record.method, record.path, record.status, record.operation, record.dialect, record.provider, record.model,
            record.stream, record.option, record.cache, record.key, record.virtual_key, record.config,
            record.key_id, record.workspace, attempt.target, attempt.provider, attempt.model, attempt.lane,
            attempt.status, attempt.cache, attempt.is_charged, attempt.is_shared, attempt.virtual_key, attempt.region,
            attempt.identity,
        )  # fmt: skip
        kind = self._known.get(likeness)
        if kind is None:
            if len(record.path) + len(attempt.model or "") + len(attempt.region) > _LONGEST:
                return
            if len(self._known) >= _MOST:
                self._known.clear()
            kind = self._known[likeness] = RecordKind()
        force_setattr(record, "kind", kind)

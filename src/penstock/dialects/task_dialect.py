"""What a host's own wire of embeddings or reranking is to the rest of the house: one value.

Such a task is asked in one piece and answered in one piece. The caller's side is OpenAI's wire for embeddings, and the
common form of Cohere's and Jina's for reranking. Everything here is sans-I/O and total.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import msgspec

from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.core.json_text import write_json
from penstock.dialects.dialect import WriteContext


class WholeReply(msgspec.Struct, frozen=True):
    """A host's whole reply with a good status."""

    headers: Headers
    body: bytes


ReadReplies = Callable[[Sequence[WholeReply]], "bytes | Failure"]
"""The replies to a task's requests, in their order -> the reply for the caller."""


class TaskPayload(msgspec.Struct, frozen=True):
    """A task in a host's wire: a body for each request, what could not be expressed, who reads the replies."""

    bodies: tuple[bytes, ...]
    read: ReadReplies
    dropped: tuple[str, ...] = ()


class TaskDialect(msgspec.Struct, frozen=True):
    """One wire. ``write`` puts the caller's body into it."""

    name: str
    write: Callable[[Body, WriteContext], TaskPayload | Failure]


class CommonTask(msgspec.Struct, frozen=True):
    """A task of a caller's wire in the common one: ``body`` is OpenAI's. ``write``: (OpenAI's reply, the provider's
    slug) -> the caller's reply. ``dropped`` could not be expressed; ``only_here`` are members that hosts of OpenAI's
    own wire refuse. ``names`` are the caller's names of the members that have others in the common wire."""

    body: Body
    write: Callable[[bytes, str], bytes | Failure]
    dropped: tuple[str, ...] = ()
    only_here: tuple[str, ...] = ()
    names: Mapping[str, str] = {}

    def told(self, dropped: Iterable[str]) -> tuple[str, ...]:
        """What could not be expressed, in the caller's words: here and among what a host had no words for."""
        return (*self.dropped, *(self.names.get(name, name) for name in dropped))


CallerTask = Callable[[Body], "CommonTask | Failure"]
"""Reads a task in a caller's wire."""


def translated(read: CallerTask, host: TaskDialect | None) -> TaskDialect:
    """A task of a caller's wire at a host of another: of ``host``, or of OpenAI's own wire."""
    name = "openai" if host is None else host.name
    return TaskDialect(name, partial(_write_at_openai, read) if host is None else partial(_write_at, read, host))


def _write_at(read: CallerTask, host: TaskDialect, body: Body, context: WriteContext) -> TaskPayload | Failure:
    task = read(body)
    if isinstance(task, Failure):
        return task
    payload = host.write(task.body, context)
    if isinstance(payload, Failure):
        return payload
    reader = partial(_read_both, payload.read, task, context.provider)
    return TaskPayload(payload.bodies, reader, task.told(payload.dropped))


def _write_at_openai(read: CallerTask, body: Body, context: WriteContext) -> TaskPayload | Failure:
    task = read(body)
    if isinstance(task, Failure):
        return task
    common = task.body.replaced({"model": write_json(context.model)})
    lost = tuple(name for name in task.only_here if name in common)
    for name in lost:
        common = common.without(name)
    return TaskPayload((common.encode(),), partial(_read_both, _first, task, context.provider), task.told(lost))


def _first(replies: Sequence[WholeReply]) -> bytes:
    return replies[0].body


def _read_both(read: ReadReplies, task: CommonTask, provider: str, replies: Sequence[WholeReply]) -> bytes | Failure:
    reply = read(replies)
    return reply if isinstance(reply, Failure) else task.write(reply, provider)


def invalid(name: str, expected: str) -> Failure:
    """The failure for a member of the caller's request that is not what it must be."""
    return Failure(Kind.INVALID_REQUEST, f"The gateway could not read the request: {name} must be {expected}.", name)


def unusable(provider: str, what: str) -> Failure:
    """The failure of a reply that is no answer; ``what`` is the rest of the sentence."""
    return Failure(Kind.INVALID_RESPONSE, f"The provider {provider} {what}.", sent=True)

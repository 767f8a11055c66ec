"""What a host's own wire of embeddings or reranking is to the rest of the house: one value.

Such a task is asked in one piece and answered in one piece. The caller's side is OpenAI's wire for embeddings, and the
common form of Cohere's and Jina's for reranking. Everything here is sans-I/O and total.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
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


def invalid(name: str, expected: str) -> Failure:
    """The failure for a member of the caller's request that is not what it must be."""
    return Failure(Kind.INVALID_REQUEST, f"The gateway could not read the request: {name} must be {expected}.", name)


def unusable(provider: str, what: str) -> Failure:
    """The failure of a reply that is no answer; ``what`` is the rest of the sentence."""
    return Failure(Kind.INVALID_RESPONSE, f"The provider {provider} {what}.", sent=True)

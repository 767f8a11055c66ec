"""Why the control plane does not do what was asked: an expected failure, raised so that its transaction is undone."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

import msgspec

MOST_PROBLEMS: Final = 20
"""Problems of one body that are told. A body has room for 200,000, and each unknown name is compared with all known."""


class Why(Enum):
    """The kinds of refusals. The value is the name that clients see as ``error.type``."""

    INVALID = "invalid_request_error"
    UNAUTHENTICATED = "authentication_error"
    FORBIDDEN = "permission_error"
    ABSENT = "not_found_error"
    CONFLICT = "conflict_error"
    NOT_SUPPORTED = "not_supported"
    TOO_MANY = "rate_limit_error"
    UNAVAILABLE = "unavailable_error"
    DEFECT = "internal_error"


class Problem(msgspec.Struct, frozen=True):
    """What is wrong at one place of a body: ``pointer`` is a JSON pointer (RFC 6901), empty for the whole body."""

    pointer: str
    text: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.text}" if self.pointer else self.text


class Refusal(Exception):
    """A refusal. ``message`` names the field and the way out; ``problems`` are all places that are wrong."""

    def __init__(
        self, why: Why, message: str, problems: Iterable[Problem] = (), retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.why = why
        self.message = message
        self.problems = tuple(problems)
        self.retry_after = retry_after


class Problems(list[Problem]):
    """The problems of one body. Adding the last one that is told raises Refusal: reading ends there. So does adding one
    after ``finish``: what is found while a change is made must not be lost either."""

    _is_finished = False

    def append(self, problem: Problem) -> None:
        super().append(problem)
        if self._is_finished or len(self) >= MOST_PROBLEMS:
            raise invalid(self)

    def finish(self) -> None:
        """Raises Refusal if there are any."""
        self._is_finished = True
        if self:
            raise invalid(self)

    def extend(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.append(problem)


def invalid(problems: Iterable[Problem]) -> Refusal:
    """The refusal of a body, with everything that is wrong in it."""
    listed = tuple(problems)
    texts = [str(problem) for problem in listed]
    number = f"{len(texts)} problems" + (" or more" if len(texts) >= MOST_PROBLEMS else "")
    message = texts[0] if len(texts) == 1 else f"{number}: {'; '.join(texts)}"
    return Refusal(Why.INVALID, message, listed)


def absent(kind: str, reference: str) -> Refusal:
    """The refusal for an id or a slug that does not exist, or belongs to another workspace: both look the same."""
    return Refusal(Why.ABSENT, f"there is no {kind} {reference[:64]}")


def taken(message: str) -> Refusal:
    return Refusal(Why.CONFLICT, message)


def not_supported(message: str) -> Refusal:
    return Refusal(Why.NOT_SUPPORTED, message)

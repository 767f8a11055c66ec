"""Everything that is wrong with one config, so that one answer tells all that has to be mended.

A config comes from a caller: the number of problems is bounded, and reading ends at the bound. Source:
docs/configs.md#all-problems-at-once.
"""

from __future__ import annotations

import dataclasses
import re
from types import TracebackType
from typing import Final

from penstock.core.failure import Failure, Kind

MOST_PROBLEMS: Final = 20
PLAIN_INVALID: Final = "Invalid config passed"


class Refused(Exception):
    """A part of a config that can't be used, and ends the reading of the part. ``failure`` says why."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure


class Enough(Exception):
    """As many problems are known as are told: reading ends."""


def refuse(path: str, reason: str, *, plain: str = PLAIN_INVALID) -> Refused:
    """The exception for a config that is refused at ``path``. Its failure holds Penstock's text and Portkey's: a list
    of messages, each with a path whose segments are joined by commas (docs/portkey.md#config-errors)."""
    details = (entry(path, reason),) if plain == PLAIN_INVALID else ()
    text = f"The config is not valid at {path}: {reason}{'' if reason.endswith('?') else '.'}"
    return Refused(Failure(Kind.INVALID_CONFIG, text, path, plain, details=details))


def entry(path: str, reason: str) -> str:
    """A problem of a config as Portkey lists it beside its sentence."""
    where = ",".join(re.findall(r"[^.\[\]]+", path)[1:])
    return f"path: {where}, message: {reason}"


def is_in_config(place: str) -> bool:
    """Whether the place of a problem is in the config, and neither a header nor something that the operator made."""
    return place.startswith("config")


class Problems:
    """The problems of one config, in the order in which they are found; the first one of each place counts."""

    __slots__ = ("_failures",)

    def __init__(self) -> None:
        self._failures: dict[str | None, Failure] = {}

    def add(self, refused: Refused) -> None:
        """Add a problem. Raises Enough at the last one that is told."""
        failure = refused.failure
        self._failures.setdefault(failure.param, failure)
        if len(self._failures) >= MOST_PROBLEMS:
            raise Enough

    def collected(self) -> Collected:
        """A block that a problem may end: the problem is added, and reading goes on behind the block."""
        return Collected(self)

    def failure(self) -> Failure | None:
        """The failure to answer with, None without a problem. ``param`` and ``kind`` are the first problem's."""
        return _joined([*self._failures.values()])


class Collected:
    """The context of ``Problems.collected``. Its exit raises Enough."""

    __slots__ = ("_problems",)

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> bool:
        if isinstance(error, Refused):
            self._problems.add(error)
            return True
        return False


def of_config_alone(failure: Failure) -> Failure | None:
    """What is wrong with a config whose provider may come from a request's headers; None if nothing is."""
    return _joined([each for each in failure.parts or (failure,) if each.kind is not Kind.MISSING_PROVIDER])


def _joined(failures: list[Failure]) -> Failure | None:
    if len(failures) <= 1:
        return failures[0] if failures else None
    number = f"{len(failures)} problems" + (" or more" if len(failures) >= MOST_PROBLEMS else "")
    listed = " ".join(f"({index}) {failure.message}" for index, failure in enumerate(failures, 1))
    return dataclasses.replace(
        failures[0],
        message=f"The config has {number}: {listed}",
        details=tuple(detail for failure in failures for detail in failure.details),
        parts=tuple(failures),
    )

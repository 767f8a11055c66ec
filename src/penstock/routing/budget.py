"""What one config may cost: every count that grows with a config, or with what its targets inherit, and its limit.

Configs come from callers. A small config can stand for a large plan, because every target inherits the settings above
it. So the work is counted while it is done, and a config is refused at the first count beyond its limit.
Source: docs/configs.md#limits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from penstock.core.did_you_mean import nearest
from penstock.routing.conditions import QueryBudget
from penstock.routing.problems import Problems

LARGEST_FILE: Final = 256 << 10
"""Bytes of a file that holds one config; a header has room for 64 KiB."""
MOST_VALUES: Final = 50_000
"""JSON values of a config as it is written; a header has room for about 30,000."""
MOST_TEXT: Final = 1 << 20
"""Characters of all names and texts of a config."""
DEEPEST_VALUE: Final = 100
MOST_TARGETS: Final = 1000
"""Targets without targets of their own."""
MOST_NODES: Final = 2000
"""Targets, and groups of targets."""
MOST_INHERITED: Final = 50_000
"""Members of all targets and groups, with those that they inherit."""
MOST_LOOKUPS: Final = 100
"""Different unknown keys: each is compared with all known keys, in case it is misspelt."""
MOST_BYTES: Final = 16 << 20
"""Bytes of a compiled plan (routing/plan_size.py)."""
MOST_DROPPED: Final = 100
"""Paths in the ``drop_params`` of one target."""
DEEPEST_PATH: Final = 16
MOST_HASH_FIELDS: Final = 20
MOST_FORWARDED: Final = 100
"""Names in the ``forward_headers`` of one target."""
MOST_CONDITIONS: Final = 100


class OverBudget(Exception):
    """A config would cost too much. The message is the reason, without an end: ``it has more than 1000 targets``."""


def check_size(value: Any) -> None:
    """Count the values inside a decoded document, their characters, and how deep they stand. Raises OverBudget.

    A value that the document shares (an alias in YAML) counts wherever it stands; the count ends at the limit.
    """
    left, characters, depth = MOST_VALUES - 1, MOST_TEXT, 0
    level = [value]
    while level:
        depth += 1
        if depth > DEEPEST_VALUE:
            raise OverBudget(f"its values are nested deeper than {DEEPEST_VALUE} levels")
        inner: list[Any] = []
        for each in level:
            if isinstance(each, str):
                characters -= len(each)
            elif isinstance(each, dict | list):
                left -= len(each)
                if left < 0:
                    raise OverBudget(f"it has more than {MOST_VALUES} values")
                inner.extend(each.values() if isinstance(each, dict) else each)
                if isinstance(each, dict):
                    characters -= sum(len(key) for key in each if isinstance(key, str))
        if characters < 0:
            raise OverBudget(f"it has more than {MOST_TEXT} characters")
        level = inner


class Budget:
    """The counts of one config that is being read, and its problems, whose number is bounded, too. Every method raises
    OverBudget as soon as a limit is passed."""

    __slots__ = ("_hints", "_inherited", "_nearest", "_nodes", "_targets", "problems", "queries")

    def __init__(self) -> None:
        self._nodes = self._targets = self._inherited = 0
        self._nearest: dict[tuple[str, frozenset[str]], str | None] = {}
        self._hints: dict[tuple[str, str], str] = {}
        self.queries = QueryBudget()
        self.problems = Problems()

    def nodes(self, number: int) -> None:
        """Count targets and groups, before any of them is looked into."""
        self._nodes += number
        if self._nodes > MOST_NODES:
            raise OverBudget(f"it has more than {MOST_TARGETS} targets, or {MOST_NODES} with the groups of targets")

    def target(self) -> None:
        """Count a target without targets of its own."""
        self._targets += 1
        if self._targets > MOST_TARGETS:
            raise OverBudget(f"it has more than {MOST_TARGETS} targets")

    def inherited(self, number: int) -> None:
        """Count the members of a target, its own and the inherited ones."""
        self._inherited += number
        if self._inherited > MOST_INHERITED:
            raise OverBudget(f"its targets have more than {MOST_INHERITED} settings, with those that they inherit")

    def nearest(self, key: str, known: frozenset[str], cutoff: float) -> str | None:
        """The known key that an unknown key is nearly like. A key is looked up once, wherever it is written."""
        question = (key, known)
        if question not in self._nearest:
            if len(self._nearest) >= MOST_LOOKUPS:
                raise OverBudget(f"it has more than {MOST_LOOKUPS} settings that no config has")
            self._nearest[question] = nearest(key, known, cutoff)
        return self._nearest[question]

    def hint(self, kind: str, word: str, make: Callable[[], str]) -> str:
        """The way out that the message about an unknown name of one kind tells. It is made once: a thousand targets may
        inherit the name, and all their problems have one place, so that the bound on problems does not end them."""
        question = (kind, word)
        if question not in self._hints:
            self._hints[question] = make()
        return self._hints[question]

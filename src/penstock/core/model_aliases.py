"""Other names of models: what callers say, and who answers with which model. Source: docs/configs.md#aliases-of-models.

A pattern is a name, or a name with one ``*`` that stands for any text. The most specific pattern counts: the name
itself, else the pattern with the longest beginning, and of those the one with the longest end.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

STAR = "*"


class ModelAlias(msgspec.Struct, frozen=True):
    """One entry of a table.

    ``target`` is ``@NAME`` of a virtual key or a provider, or None; ``model`` is the model there, None for the name
    that the caller says. ``config`` is the name of a saved config, which serves the request in place of a target.
    ``show`` is the name that people see in lists; ``hide`` leaves the entry out of lists.
    """

    pattern: str
    target: str | None = None
    model: str | None = None
    config: str | None = None
    show: str | None = None
    hide: bool = False

    @property
    def is_pattern(self) -> bool:
        """Whether the entry stands for several names."""
        return STAR in self.pattern

    def matches(self, model: str) -> bool:
        """Whether a model's name is one of those that the entry stands for."""
        beginning, star, end = self.pattern.partition(STAR)
        if not star:
            return model == beginning
        is_long_enough = len(model) >= len(beginning) + len(end)
        return is_long_enough and model.startswith(beginning) and model.endswith(end)


class ModelAliases(msgspec.Struct, frozen=True):
    """A table of aliases. ``exact`` and ``patterns``, the most specific pattern first, follow from ``entries``."""

    entries: tuple[ModelAlias, ...]
    exact: Mapping[str, ModelAlias] = {}
    patterns: tuple[ModelAlias, ...] = ()

    def __post_init__(self) -> None:
        exact = {each.pattern: each for each in self.entries if not each.is_pattern}
        patterns = sorted((each for each in self.entries if each.is_pattern), key=_specificity, reverse=True)
        msgspec.structs.force_setattr(self, "exact", exact)
        msgspec.structs.force_setattr(self, "patterns", tuple(patterns))

    def find(self, model: str) -> ModelAlias | None:
        """The entry for a model's name; None if there is none."""
        found = self.exact.get(model)
        if found is not None:
            return found
        return next((each for each in self.patterns if each.matches(model)), None)


def _specificity(alias: ModelAlias) -> tuple[int, int]:
    beginning, _, end = alias.pattern.partition(STAR)
    return len(beginning), len(end)

"""Token counts of one call, apart from any wire format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

_values: Final = msgspec.structs.astuple
MOST: Final = 1 << 32
"""Tokens that no call can take. A count above is the provider's mistake, or its caller's who runs the host."""

MOST_UNITS: Final = 1 << 24
"""Seconds and searches that no call can take: half a year of sound. One of them may cost as much as a million tokens,
and what a host claims is charged to budgets that others share."""

PICTURE: Final = "image.default.default"
"""The unit of a picture whose quality and size are not said."""
VIDEOS: Final = "videos"
"""What stands for videos until their request tells how long they are."""


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """The token counts of a provider, counted as OpenAI does: ``prompt`` includes ``cached``, ``cache_written`` and
    ``tool_prompt``; ``completion`` includes ``reasoning``; ``cache_written`` includes ``cache_written_1h``.

    A count that the provider leaves out is None, never a guess, and so is one below 0 or above ``MOST``: it would pay
    budgets back, or is more than counters hold. ``units`` is what was used beside tokens, by name: ``seconds`` of
    sound, ``characters`` that were spoken, ``search_units`` of reranking, ``image.QUALITY.SIZE`` for pictures.
    ``native`` is the provider's own account of it.
    """

    prompt: int | None = None
    completion: int | None = None
    total: int | None = None
    cached: int | None = None
    """Prompt tokens read from the provider's cache."""
    cache_written: int | None = None
    """Prompt tokens written to the provider's cache, whatever their time to live."""
    reasoning: int | None = None
    audio_in: int | None = None
    audio_out: int | None = None
    cache_written_1h: int | None = None
    """The part of ``cache_written`` with a time to live of one hour (Anthropic's ``ephemeral_1h``)."""
    image_in: int | None = None
    image_out: int | None = None
    predicted_accepted: int | None = None
    """Tokens of the caller's prediction that the answer used (OpenAI's predicted outputs)."""
    predicted_rejected: int | None = None
    tool_prompt: int | None = None
    """Prompt tokens that the provider's own tools added (Gemini's ``toolUsePromptTokenCount``)."""
    searches: int | None = None
    """Searches of the web that the provider made."""
    units: Mapping[str, int] = {}
    native: Mapping[str, Any] = {}

    def __post_init__(self) -> None:
        for count in filter(None, _values(self)[:-2]):
            if not 0 < count <= MOST:
                self._forget_impossible()
                return

    def _forget_impossible(self) -> None:
        for name in _COUNTS:
            count = getattr(self, name)
            if count is not None and not 0 <= count <= MOST:
                msgspec.structs.force_setattr(self, name, None)

    def merged(self, later: Usage) -> Usage:
        """These counts updated by a later report: each count that the later report has replaces the earlier count."""
        return Usage.folded((self, later)) or later

    @classmethod
    def folded(cls, reports: Sequence[Usage]) -> Usage | None:
        """All reports as one, in their order: each count and each member of ``units`` and ``native`` is that of the
        latest report that has it. None without a report."""
        if len(reports) <= 1:
            return reports[0] if reports else None
        counts = {name: value for each in reports for name in _COUNTS if (value := getattr(each, name)) is not None}
        native = {name: value for each in reports for name, value in each.native.items()}
        units = {name: count for each in reports for name, count in each.units.items()}
        return cls(**counts, units=units, native=native)

    def plus(self, other: Usage) -> Usage:
        """The sums of the counts of two calls; a count that neither call has stays None. ``native`` is left out."""
        sums: dict[str, Any] = {}
        for name in _COUNTS:
            counts = [count for usage in (self, other) if (count := getattr(usage, name)) is not None]
            if counts:
                sums[name] = sum(counts)
        if self.units or other.units:
            names = dict.fromkeys((*self.units, *other.units))
            sums["units"] = {name: self.units.get(name, 0) + other.units.get(name, 0) for name in names}
        return Usage(**sums)


def with_reasoning(prompt: int | None, completion: int | None, total: int | None, reasoning: int | None) -> int | None:
    """The tokens of an answer, those of its reasoning among them: some hosts count these apart, and only their total
    has them (docs/quirks.md#q78)."""
    if reasoning and prompt is not None and completion is not None and total == prompt + completion + reasoning:
        return completion + reasoning
    return completion


_COUNTS = tuple(name for name in Usage.__struct_fields__ if name not in {"units", "native"})

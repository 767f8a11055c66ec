"""The parameters of a query that name rows of the request log, read as a filter, with all that is wrong with them.

Source: docs/request-log.md#listing-get-v1logs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from penstock.control.logs.filters import LogFilter
from penstock.control.members import is_plain
from penstock.control.refusal import Problem, Problems
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.rfc3339 import unix_microseconds

_NANOS_OF_CENT: Final = 10_000_000
_MOST_VALUES: Final = 100
_MOST_NAMES: Final = 10
_LARGEST: Final = Decimal(2**62)
_NOT_PLAIN: Final = "it holds a character that no row has"
_TEXTS: Final = {
    "trace_id": "trace_id",
    "span_id": "span_id",
    "api_key_ids": "key_id",
    "virtual_keys": "virtual_key",
    "configs": "config",
    "providers": "provider",
    "models": "model",
}
"""Parameters that hold any of some texts, and their columns."""
_PAIR: Final = ("provider", "model")
"""The columns of a pair of ``ai_org_model``."""
_RANGES: Final = {
    "cost": ("amount", _NANOS_OF_CENT),
    "total_units": ("total_tokens", 1),
    "prompt_token": ("input_tokens", 1),
    "completion_token": ("output_tokens", 1),
}
"""Parameters with ``_min`` and ``_max``: the column, and what one of the parameter's units is there."""
_STATUS: Final = re.compile(r"([1-5])xx|[0-9]{1,3}", re.IGNORECASE)
_SUCCESS: Final = {"true": True, "1": True, "false": False, "0": False}
NAMES: Final = frozenset(
    {
        *_TEXTS,
        *(f"{name}_{end}" for name in (*_RANGES, "time_of_generation", "weighted_feedback") for end in ("min", "max")),
        *("ai_org_model", "status_code", "cache_status", "metadata", "is_success", "prompt_slug"),
        *("workspace_id", "workspace_slug"),
    }
)
"""All parameters."""


def read_filter(query: Mapping[str, str], *, needs_time: bool = False) -> LogFilter:
    """The filter of a query. Raises Refusal, with all problems."""
    problems = Problems()
    for name, text in query.items():
        if not is_plain(text):
            problems.append(Problem(f"/{name}", _NOT_PLAIN))
    reader = _Reader(query, problems)
    pairs, texts = reader.models(), reader.texts()
    if len(pairs) == 1 and texts.keys().isdisjoint(_PAIR):
        # A pair is a provider and a model: there are indexes and sums of both.
        texts, pairs = {**texts, **{column: (each,) for column, each in zip(_PAIR, pairs[0], strict=True)}}, ()
    wanted = LogFilter(
        since=reader.timestamp("time_of_generation_min"),
        until=reader.timestamp("time_of_generation_max"),
        texts=texts | reader.cache(),
        ranges=reader.ranges(),
        statuses=reader.statuses(),
        models=pairs,
        metadata=reader.metadata(),
        feedback=reader.feedback(),
        is_success=reader.success(),
        is_empty=bool(query.get("prompt_slug")),
        workspace=query.get("workspace_id") or query.get("workspace_slug"),
    )
    for name in ("time_of_generation_min", "time_of_generation_max") if needs_time else ():
        if name not in query:
            problems.append(Problem(f"/{name}", "missing: a time such as 2026-02-01T00:00:00Z"))
    if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
        problems.append(Problem("/time_of_generation_max", "it must be later than time_of_generation_min"))
    problems.finish()
    return wanted


class _Reader:
    """Reads the parameters of a query; what is wrong with one is added to ``problems``."""

    def __init__(self, query: Mapping[str, str], problems: Problems) -> None:
        self._query = query
        self._problems = problems

    def _complain(self, name: str, text: str) -> None:
        self._problems.append(Problem(f"/{name}", text))

    def values(self, name: str) -> tuple[str, ...]:
        texts = tuple(text.strip() for text in self._query.get(name, "").split(",") if text.strip())
        if len(texts) > _MOST_VALUES:
            self._complain(name, f"expected at most {_MOST_VALUES} values")
        return tuple(text.removeprefix("@") for text in texts) if name == "virtual_keys" else texts

    def texts(self) -> dict[str, tuple[str, ...]]:
        """The values of the parameters that are columns, by column."""
        return {column: values for name, column in _TEXTS.items() if (values := self.values(name))}

    def timestamp(self, name: str) -> int | None:
        return self._read(name, unix_microseconds)

    def number(self, name: str, unit: int) -> int | None:
        def read(text: str) -> int:
            try:
                number = Decimal(text) * unit
            except ArithmeticError:  # no number, or one whose exponent is
                raise ValueError("expected a number") from None
            if not number.is_finite() or abs(number) > _LARGEST:
                raise ValueError("expected a number that is not so large")
            return int(number)

        return self._read(name, read)

    def _read(self, name: str, read: Callable[[str], int]) -> int | None:
        if name not in self._query:
            return None
        try:
            return read(self._query[name])
        except ValueError as error:
            self._complain(name, str(error))
            return None

    def ranges(self) -> dict[str, tuple[int | None, int | None]]:
        ranges = {}
        for name, (column, unit) in _RANGES.items():
            limits = self.number(f"{name}_min", unit), self.number(f"{name}_max", unit)
            if limits != (None, None):
                ranges[column] = limits
        return ranges

    def cache(self) -> dict[str, tuple[str, ...]]:
        values = self.values("cache_status")
        return {"cache": tuple(value.upper() for value in values)} if values else {}

    def statuses(self) -> tuple[tuple[int, int], ...]:
        statuses = []
        for text in self.values("status_code"):
            match = _STATUS.fullmatch(text)
            if match is None:
                self._complain("status_code", "expected statuses such as 429 or 5xx, separated by commas")
            elif match[1]:
                statuses.append((int(match[1]) * 100, int(match[1]) * 100 + 99))
            else:
                statuses.append((int(text), int(text)))
        return tuple(statuses)

    def models(self) -> tuple[tuple[str, str], ...]:
        pairs = [text.partition("__") for text in self.values("ai_org_model")]
        if not all(middle and model for _, middle, model in pairs):
            self._complain("ai_org_model", "expected PROVIDER__MODEL, separated by commas")
        return tuple((provider, model) for provider, _, model in pairs)

    def metadata(self) -> dict[str, str]:
        text = self._query.get("metadata")
        if not text or not is_plain(text):
            return {}
        value = read_json_or_none(text.encode())
        if not isinstance(value, dict) or len(value) > _MOST_NAMES:
            self._complain("metadata", f'expected JSON such as {{"team": "search"}} with at most {_MOST_NAMES} names')
            return {}
        # As POST /v1/logs keeps what is no text.
        members = {name: each if isinstance(each, str) else write_json(each).decode() for name, each in value.items()}
        if not all(map(is_plain, (*members, *members.values()))):
            self._complain("metadata", _NOT_PLAIN)
            return {}
        return members

    def feedback(self) -> tuple[float | None, float | None] | None:
        low, high = (self.number(f"weighted_feedback_{end}", 1_000_000) for end in ("min", "max"))
        if low is None and high is None:
            return None
        return None if low is None else low / 1e6, None if high is None else high / 1e6

    def success(self) -> bool | None:
        text = self._query.get("is_success")
        if text is None:
            return None
        if text.lower() not in _SUCCESS:
            self._complain("is_success", "expected true or false")
        return _SUCCESS.get(text.lower())

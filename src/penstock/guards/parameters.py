"""The parameters of a check, read while a plan is compiled: whatever is wrong with them refuses the config, by path."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from penstock.core.did_you_mean import hint
from penstock.routing.problems import Problems, refuse

if TYPE_CHECKING:
    from penstock.guards.base import Phase

_MOST: Final = 10_000
"""Texts of a list."""


class Parameters:
    """One check's parameters. Each getter says which parameter is read; those that no getter asked for are unknown.

    A number may stand in a string, as forms write it. A value of the wrong type adds a problem, and counts as absent.
    ``phase`` is that of the check's hook, where it matters. ``is_operators``: the operator wrote them, and not a
    caller. ``configs`` are the names and ids of the saved configs, None where they aren't known.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        path: str,
        problems: Problems,
        phase: Phase | None = None,
        *,
        is_operators: bool = False,
        configs: Collection[str] | None = None,
    ) -> None:
        self.configs = configs
        self.values = values
        self.phase = phase
        self.is_operators = is_operators
        self.path = path
        self.problems = problems
        self._asked: set[str] = set()

    def complain(self, name: str, reason: str) -> None:
        """Add a problem of one parameter."""
        self.problems.add(refuse(f"{self.path}.{name}", reason))

    def refuse_all(self, reason: str) -> None:
        """Add a problem of all parameters together."""
        self.problems.add(refuse(self.path, reason))

    def has(self, name: str) -> bool:
        """Whether a parameter is given, and isn't null."""
        return self._value(name) is not None

    def any(self, name: str) -> Any:
        """A parameter of any type; None if it is absent."""
        return self._value(name)

    def text(self, name: str, default: str = "") -> str:
        value = self._value(name)
        if value is None or isinstance(value, str):
            return default if value is None else value
        self.complain(name, "it must be a string")
        return default

    def required_text(self, name: str) -> str:
        text = self.text(name)
        if not text and (self._value(name) is None or self._value(name) == ""):
            self.complain(name, "Required: a string")
        return text

    def url(self, name: str) -> str:
        """An address with http or https and a host; empty where there is none."""
        text = self.text(name)
        try:
            parts = urlsplit(text)
            is_good = parts.scheme in {"http", "https"} and bool(parts.hostname)
        except ValueError:
            is_good = False
        if text and not is_good:
            self.complain(name, "it must be an http or https URL")
        return text

    def required_url(self, name: str) -> str:
        url = self.url(name)
        if not url and self._value(name) in (None, ""):
            self.complain(name, "Required: a URL")
        return url

    def switch(self, name: str, *, default: bool = False) -> bool:
        value = self._value(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.complain(name, "it must be true or false")
        return default

    def integer(self, name: str) -> int | None:
        """A number without a fraction."""
        value = self.number(name)
        if value is None or value == math.floor(value):
            return None if value is None else int(value)
        self.complain(name, "it must be an integer")
        return None

    def number(self, name: str, default: float | None = None, *, least: float = -math.inf) -> float | None:
        """A number, an integer where one is written."""
        value = self._value(name)
        if value is None:
            return default
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                value = None
        if value is None or isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            self.complain(name, "it must be a number")
            return default
        if value < least:
            self.complain(name, f"it must be at least {least:g}")
            return default
        return value

    def texts(self, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of texts; one text stands for a list of one."""
        value = self._value(name)
        if value is None:
            return default
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            self.complain(name, "it must be a list of strings")
            return default
        if len(listed) > _MOST:
            self.complain(name, f"there are more than {_MOST}")
            return default
        return tuple(listed)

    def required_texts(self, name: str) -> tuple[str, ...]:
        """A list of texts. One text is none: whoever writes ``"a, b"`` may mean two."""
        value = self._value(name)
        if value is None or isinstance(value, str):
            self.complain(name, "Required: a list of strings" if value is None else "it must be a list of strings")
            return ()
        return self.texts(name)

    def choice(self, name: str, options: Collection[str], default: str | None = None) -> str:
        """One of some words. Without a default the parameter is required."""
        value = self._value(name)
        if value is None and default is not None:
            return default
        if value not in options:
            known = ", ".join(options)
            self.complain(name, f"Required: one of {known}" if value is None else f"it must be one of {known}")
            return default or next(iter(options))
        return str(value)

    def object(self, name: str) -> Mapping[str, Any] | None:
        value = self._value(name)
        if value is None or isinstance(value, dict):
            return value
        self.complain(name, "it must be an object")
        return None

    def refuse_unknown(self) -> None:
        """Add a problem for each parameter that no getter asked for. Portkey's forms write ``"not": false`` with checks
        that have no opposite, too: that means nothing."""
        for name, value in self.values.items():
            if name not in self._asked and not (name == "not" and value is False):
                known = sorted(self._asked)
                way_out = hint(name, known, f"there are {', '.join(known)}", quote="'")
                self.complain(name[:100], f"the check has no such parameter: {way_out}")

    def _value(self, name: str) -> Any:
        self._asked.add(name)
        return self.values.get(name)


def _is_finite(value: float) -> bool:
    """An integer of more than 308 digits counts as endless, as JavaScript reads it."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False

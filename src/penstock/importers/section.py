"""Reading an object of another gateway's configuration, so that no field of it is left out of the report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock.importers.report import Report

_UNKNOWN: Final = "this importer doesn't know it"


class Section:
    """The members of one object. Members that are null count as absent.

    ``value`` and the typed getters note that a member was met and add no line: the caller of the getter adds it, under
    ``at``. ``met`` are the members that were asked for. ``finish`` adds a line for every member that nobody asked for.
    """

    def __init__(self, values: Mapping[str, Any], path: str, report: Report) -> None:
        self.values = {key: value for key, value in values.items() if value is not None}
        self.path = path
        self.report = report
        self.met: set[str] = set()

    def at(self, key: str) -> str:
        """The path of a member."""
        return f"{self.path}.{key}" if self.path else key

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def value(self, key: str) -> Any:
        """A member of any type; None if it is absent."""
        self.met.add(key)
        return self.values.get(key)

    def text(self, key: str) -> str | None:
        """A member that is a text of at least one character. Any other value is a line of what is lost."""
        value = self.value(key)
        if isinstance(value, str) and value:
            return value
        self._refuse(key, "expected text")
        return None

    def number(self, key: str, *, needs_consent: bool = False) -> int | float | None:
        """A member that is a number of at least 0, also as text. ``needs_consent``: it is a limit."""
        value = self.value(key)
        try:
            number = float(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number < math.inf:
            return int(number) if number == number // 1 else number
        self._refuse(key, "expected a number", needs_consent=needs_consent)
        return None

    def switch(self, key: str) -> bool | None:
        """A member that is true or false, also as text."""
        value = self.value(key)
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if isinstance(value, bool):
            return value
        self._refuse(key, "expected true or false")
        return None

    def texts(self, key: str) -> list[str]:
        """The texts of a member that is a list of texts, or one text."""
        value = self.value(key)
        items = [value] if isinstance(value, str) else value
        if items is None:
            return []
        if not isinstance(items, list):
            self._refuse(key, "expected a list of texts")
            return []
        for index, item in enumerate(items):
            if not isinstance(item, str):
                self.report.lost(f"{self.at(key)}[{index}]", "expected text")
        return [item for item in items if isinstance(item, str)]

    def section(self, key: str) -> Section:
        """A member that is an object; an empty one if it is absent."""
        value = self.value(key)
        if not isinstance(value, dict | None):
            self._refuse(key, "expected an object")
        return Section(value if isinstance(value, dict) else {}, self.at(key), self.report)

    def sections(self, key: str) -> Iterator[Section]:
        """The objects of a member that is a list of objects."""
        value = self.value(key)
        if not isinstance(value, list | None):
            self._refuse(key, "expected a list of objects")
            return
        for index, item in enumerate(value or ()):
            path = f"{self.at(key)}[{index}]"
            if isinstance(item, dict):
                yield Section(item, path, self.report)
            else:
                self.report.lost(path, "expected an object")

    def named_sections(self, key: str) -> Iterator[tuple[str, Section]]:
        """The objects of a member that is an object of objects, by name."""
        inner = self.section(key)
        for name in inner.values:
            yield name, inner.section(name)

    def skip(self, texts: Mapping[str, str]) -> None:
        """Add a line for members that have no counterpart and need none, each with the reason."""
        for key, text in texts.items():
            if key in self.values and key not in self.met:
                self.met.add(key)
                self.report.near(self.at(key), text)

    def lose(self, texts: Mapping[str, str], *, needs_consent: bool = False) -> None:
        """Add a line for members that are not carried over, each with the reason."""
        for key, text in texts.items():
            if key in self.values and key not in self.met:
                self.met.add(key)
                self.report.lost(self.at(key), text, needs_consent=needs_consent)

    def finish_near(self, text: str) -> None:
        """Add a line for every member that nobody asked for, all with one reason why none is needed."""
        self.skip(dict.fromkeys(self.values, text))

    def finish(self, text: str = _UNKNOWN, *, needs_consent: bool = False) -> None:
        """Add a line for every member that nobody asked for."""
        for key in self.values:
            if key not in self.met:
                self.met.add(key)
                self.report.lost(self.at(key), text, needs_consent=needs_consent)

    def _refuse(self, key: str, expected: str, *, needs_consent: bool = False) -> None:
        if key in self.values:
            self.report.lost(self.at(key), expected, needs_consent=needs_consent)

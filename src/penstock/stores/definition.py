"""The members of one definition of the catalogue, as TOML or JSON gives them, and what is wrong with them.

A member that can't be used becomes a problem and a value in its place: the catalogue may be put in force only if there
is no problem. No problem quotes a credential.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from penstock.settings.load import listed
from penstock.stores.catalogue import NAME

NO_ALIASES: Final[Mapping[str, str]] = MappingProxyType({})
REFERENCES: Final = ("env:", "file:", "keyring:")
"""How a setting begins that stands elsewhere."""


class CatalogueError(Exception):
    """A catalogue can't be used. ``problems`` says why, a sentence each; ``configs`` are the names and ids of its
    configs, None where they aren't known."""

    def __init__(self, problems: Iterable[str], configs: Collection[str] | None = None) -> None:
        self.problems = listed(problems)
        self.configs = configs
        super().__init__("\n".join(self.problems))


class Unusable(Exception):
    """A credential or a config can't be had: the reason, to stand after where it is named."""


class Definition:
    """The members of one virtual key, config or gateway key, and the list that its problems are added to.

    ``section`` is ``virtual_keys``, ``configs`` or ``keys``; ``where`` names the source, for example
    ``in penstock.toml``.
    """

    def __init__(
        self, section: str, name: str, values: Mapping[str, Any], problems: list[str], where: str = ""
    ) -> None:
        self.name = name
        self.values = values
        self._path = f"{section}.{name}"
        self._problems = problems
        self._where = f" {where}" if where else ""

    def complain(self, text: str, key: str | None = None) -> None:
        """Add a problem of a member, or of the definition as a whole."""
        path = self._path if key is None else f"{self._path}.{key}"
        self._problems.append(f"{path}{self._where}: {text}")

    def below(self, key: str, name: str, values: Mapping[str, Any]) -> Definition:
        """The entry ``name`` of a member that is a table of definitions."""
        return Definition(f"{self._path}.{key}", name, values, self._problems, self._where.strip())

    def text(self, key: str) -> str | None:
        """A member that is a text of at least one character."""
        value = self.values.get(key)
        if value is None or (isinstance(value, str) and value):
            return value
        self.complain("expected text", key)
        return None

    def switch(self, key: str, *, default: bool) -> bool:
        """A member that is true or false."""
        value = self.values.get(key, default)
        if isinstance(value, bool):
            return value
        self.complain("expected true or false", key)
        return default

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A member that is a list of texts."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.complain("expected a list of texts", key)
        return None


def name_problem(name: str) -> str | None:
    """Why something can't have this name; None if it can."""
    if NAME.fullmatch(name):
        return None
    return "a name has letters, digits, dots, dashes and underscores, and begins with a letter or digit"

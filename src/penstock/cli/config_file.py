"""A config in a JSON, YAML or TOML file, and the line on which each of its values stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import yaml

from penstock.cli.input_file import STANDARD_INPUT, read_input
from penstock.routing.budget import LARGEST_FILE
from penstock.routing.fields import settled
from penstock.settings.text_file import LARGEST_SETTINGS, BadToml, parse_toml
from penstock.stores.config_json import NotAConfig, as_json
from penstock.stores.yaml_loader import closing_loader

_SETTINGS: Final = "penstock.toml"
_NAMED: Final = frozenset({"virtual_keys", "configs", "keys"})
_INDEX: Final = re.compile(r"\[(\d{1,6})\]\.?")


class ConfigFile:
    """``values`` are what the file holds, ``body`` is that as JSON; "-" is standard input.

    The constructor raises ClickException, with the line at fault where it is known.
    """

    def __init__(self, name: str) -> None:
        self.name = "standard input" if name == STANDARD_INPUT else name
        text = _text(name)
        self._root: yaml.Node | None = None
        self._json: str | None = None
        kind = _kind(name, text)
        match kind:
            case "json":
                values = self._read_json(text)
            case "toml":
                values = self._read_toml(text)
            case _:
                values = self._read_yaml(text)
        if not isinstance(values, dict):
            raise self._bad("expected an object", 1)
        try:
            as_values = as_json(values)
        except NotAConfig as bad:
            raise self._bad(str(bad)) from None
        self.values: dict[str, Any] = values
        self.body = text.encode() if kind == "json" else as_values

    @property
    def is_of_the_gateway(self) -> bool:
        """Whether it is a penstock.toml, with settings and named configs, in place of one config."""
        return Path(self.name).name == _SETTINGS or bool(self.values.keys() & _NAMED)

    def place(self, path: str) -> str:
        """``FILE:LINE`` of a value by its path, such as ``config.targets[1].retry``; without a line in TOML.

        What a target has from further up stands there.
        """
        if self._json is not None:
            # Where the values of JSON stand is found out by reading it as YAML, which takes a hundred times as long.
            self._root, self._json = _compose(self._json), None
        if self._root is None:
            return self.name
        return f"{self.name}:{_line(self._root, path.removeprefix('config').lstrip('.'))}"

    def _read_json(self, text: str) -> Any:
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise self._bad(f"it is not valid JSON ({error.msg})", error.lineno) from None
        except ValueError:
            raise self._bad("it is not valid JSON (a number has too many digits)") from None
        except RecursionError:
            raise self._bad("it is nested too deeply") from None
        self._json = text
        return values

    def _read_yaml(self, text: str) -> Any:
        try:
            with closing_loader(text) as loader:
                self._root = loader.get_single_node()
                return None if self._root is None else loader.construct_document(self._root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            raise self._bad(f"it is not valid YAML ({error.problem})", mark.line + 1 if mark else None) from None
        except (yaml.YAMLError, ValueError, RecursionError):
            raise self._bad("it is not valid YAML") from None

    def _read_toml(self, text: str) -> Any:
        try:
            return parse_toml(text)
        except BadToml as error:
            raise self._bad(f"it is not valid TOML ({error})") from None

    def _bad(self, reason: str, line: int | None = None) -> click.ClickException:
        return click.ClickException(f"{self.name}{f':{line}' if line else ''}: {reason}")


def _compose(text: str) -> yaml.Node | None:
    try:
        # To YAML a tab is no white space. In JSON it is nothing else: strings hold none.
        node: yaml.Node | None = yaml.compose(text.replace("\t", " "), yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    return node


def _text(name: str) -> str:
    return read_input(name, LARGEST_SETTINGS if Path(name).name == _SETTINGS else LARGEST_FILE)


def _kind(name: str, text: str) -> str:
    """The format, by the file's name; where that says nothing, by what the text begins with."""
    suffix = Path(name).suffix.lower()
    if suffix in {".json", ".toml", ".yaml", ".yml"}:
        return suffix.removeprefix(".")
    if text.lstrip().startswith("{"):
        return "json"
    try:
        parse_toml(text)
    except BadToml:
        return "yaml"
    return "toml"


_Found = tuple[int, yaml.Node, str]
"""The line of a member, the member, and the path on from there."""


def _line(root: yaml.Node, path: str) -> int:
    """The line of what a path leads to, or of the last thing on the way to it that is there."""
    scopes, node, line = [root], root, root.start_mark.line + 1
    while path:
        found = _step(node, path) or (_inherited(scopes[:-1], path) if node is scopes[-1] else None)
        if found is None:
            break
        if isinstance(node, yaml.SequenceNode):
            scopes.append(found[1])
        line, node, path = found
    return line


def _inherited(scopes: list[yaml.Node], path: str) -> _Found | None:
    """Where a target has a setting from: an outer config, or its strategy."""
    for scope in reversed(scopes):
        strategy = _step(scope, "strategy")
        found = _step(scope, path) or (_step(strategy[1], path) if strategy else None)
        if found is not None:
            return found
    return None


def _step(node: yaml.Node, path: str) -> _Found | None:
    """One step down."""
    if isinstance(node, yaml.SequenceNode):
        index = _INDEX.match(path)
        if index is None or int(index[1]) >= len(node.value):
            return None
        item = node.value[int(index[1])]
        return item.start_mark.line + 1, item, path[index.end() :]
    if not isinstance(node, yaml.MappingNode):
        return None
    # Keys may have dots in them, so that the longest one that fits is meant.
    steps = [step for key, value in node.value for step in _steps(key, value, path)]
    return min(steps, key=lambda step: len(step[2]), default=None)


def _steps(key: yaml.Node, value: yaml.Node, path: str) -> Iterator[_Found]:
    [name] = settled({str(key.value): None})
    if path == name or path.startswith((f"{name}.", f"{name}[")):
        yield key.start_mark.line + 1, value, path[len(name) :].removeprefix(".")

"""One reading of penstock.toml: its virtual keys, configs and gateway keys, or everything that is wrong with them.

Credentials are fetched from where the file says they are, and no complaint quotes one. What a virtual key, a config and
a gateway key must be is checked in virtual_key_definitions.py and its neighbours. The file's other half, the settings,
is read in settings/load.py; file.py reads again when something has changed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec

from penstock.core.json_text import UNREADABLE
from penstock.limits.in_force import LimitsInForce
from penstock.limits.windows import WeekStart
from penstock.prices.overlay import read_overlay
from penstock.routing.budget import LARGEST_FILE
from penstock.settings.load import NAMED_ENTRIES, section_problems
from penstock.settings.text_file import LARGEST_SETTINGS, BadToml, TooLarge, parse_toml, read_text
from penstock.stores.alias_definitions import AliasNames, aliases_of, with_aliases
from penstock.stores.catalogue import EMPTY, Catalogue, VirtualKey
from penstock.stores.config_definitions import Check, saved_configs
from penstock.stores.definition import CatalogueError, Definition, Unusable, name_problem
from penstock.stores.gateway_key_definitions import gateway_keys
from penstock.stores.limit_definitions import limits_of, policies_of, with_limits
from penstock.stores.references import LARGEST_CREDENTIAL, VARIABLE, WHOLE, from_environment
from penstock.stores.saved_guardrails import saved_guardrails
from penstock.stores.virtual_key_definitions import virtual_key

_CREDENTIAL: Final = re.compile(
    r"""(api_?key|secret\w*|token|passphrase|private_key|service_account_json)["']?\s*[=:]\s*["'{]?\w|://[^/\s:@]+:[^/\s@]+@""",
    re.IGNORECASE,
)
"""A member whose value is a credential in clear, or a URL with a password."""
_IN_KEYRING: Final = re.compile(r"(.+)/([^/]+)")

Stamp = tuple[int, int, int, int] | None
"""What changes when a file does; None for one that is not there."""


def read(
    path: Path,
    environ: Mapping[str, str],
    providers: Collection[str],
    check: Check | None = None,
    aliases: Mapping[str, str] = MappingProxyType({}),
) -> Catalogue:
    """The catalogue that a file holds. Raises CatalogueError."""
    return Reading(path, environ, providers, check, aliases).result()


class Reading:
    """One reading of the file: ``catalogue`` is whole if there are no ``problems``, ``stamps`` what it rests on.

    ``is_read`` tells whether the file could be read at all, ``of_catalogue`` are the problems of what is no setting;
    ``aliases`` are the slugs of the providers' other names.
    ``warnings`` are sentences about files that others on this machine can read or change.
    """

    def __init__(
        self,
        path: Path,
        environ: Mapping[str, str],
        providers: Collection[str],
        check: Check | None,
        aliases: Mapping[str, str] = MappingProxyType({}),
        week_starts: WeekStart | None = None,
    ) -> None:
        self._path = path
        self._environ = environ
        self.problems: list[str] = []
        self.stamps: dict[Path, Stamp] = {}
        self._secret: set[Path] = set()
        self.is_read = False
        sections = self._sections()
        # A section that is none may be a mistyped [keys.NAME]: a file with such a section is in force neither at start,
        # where the settings refuse it, nor after a change.
        settings = {name: members for name, members in sections.items() if name not in NAMED_ENTRIES}
        self.problems += section_problems(settings, f" in {path.name}")
        before = len(self.problems)
        self.catalogue = self._catalogue(sections, providers, check, aliases, week_starts)
        self.of_catalogue = self.problems[before:]
        self.warnings = [text for each in self.stamps if (text := self._exposure(each)) is not None]

    def _catalogue(
        self,
        sections: Mapping[str, Any],
        providers: Collection[str],
        check: Check | None,
        aliases: Mapping[str, str],
        week_starts: WeekStart | None,
    ) -> Catalogue:
        """The catalogue that the sections hold, whole if no problem is added."""
        of_virtual_keys = list(self._definitions(sections, "virtual_keys"))
        virtual_keys, usable = self._virtual_keys(of_virtual_keys, providers, aliases)
        configs = saved_configs(list(self._definitions(sections, "configs")), self._config_value, check, usable)
        guardrails = saved_guardrails(self._definitions(sections, "guardrails"), check, self._resolve)
        definitions = list(self._definitions(sections, "keys"))
        keys = gateway_keys(definitions, virtual_keys, configs, providers, aliases)
        keys = with_limits(keys, definitions, week_starts)
        names = AliasNames([*virtual_keys, *providers, *aliases], {name: each.name for name, each in configs.items()})
        keys = with_aliases(keys, definitions, names)
        model_aliases = aliases_of(self._definitions(sections, "models", any_name=True), names)
        limits = LimitsInForce(
            virtual_keys={
                each.name: found for each in of_virtual_keys if (found := limits_of(each, "provider", week_starts))
            },
            policies=policies_of(self._definitions(sections, "policies"), week_starts),
        )
        overlay, wrong = read_overlay(sections.get("prices", {}), "prices", aliases)
        self.problems += [f"{problem} in {self._path.name}" for problem in wrong]
        return Catalogue(
            virtual_keys, configs, keys, limits=limits, overlay=overlay, saved_guardrails=guardrails,
            aliases=model_aliases,
        )  # fmt: skip

    def _virtual_keys(
        self, definitions: Iterable[Definition], providers: Collection[str], aliases: Mapping[str, str]
    ) -> tuple[dict[str, VirtualKey], dict[str, VirtualKey]]:
        """The virtual keys, and those that configs are judged beside: keys that can't be used have others in their
        place there, since their problems must not be told as those of configs."""
        virtual_keys, usable = {}, {}
        for definition in definitions:
            before = len(self.problems)
            key = virtual_keys[definition.name] = virtual_key(
                definition, providers, self._resolve, aliases, self._resolve
            )
            is_usable = len(self.problems) == before or not providers
            usable[key.name] = key if is_usable else VirtualKey(key.name, next(iter(providers)), None)
        return virtual_keys, usable

    def _exposure(self, path: Path) -> str | None:
        """Why a file is not safe. A file of settings without secrets decides nothing about callers."""
        is_secret = path in self._secret
        return exposure(path, is_secret=is_secret) if is_secret or self.catalogue != EMPTY else None

    def result(self) -> Catalogue:
        """The catalogue. Raises CatalogueError."""
        if self.problems:
            raise CatalogueError(self.problems, self.catalogue.configs.keys() if self.is_read else None)
        return self.catalogue

    def _sections(self) -> dict[str, Any]:
        try:
            sections = parse_toml(self._text(self._path.name, LARGEST_SETTINGS))
        except Unusable as unusable:
            self.problems.append(str(unusable))
        except BadToml as error:
            self.problems.append(f"{self._path.name} is not valid TOML: {error}")
        else:
            self.is_read = True
            return sections
        return {}

    def _definitions(
        self, sections: Mapping[str, Any], section: str, *, any_name: bool = False
    ) -> Iterator[Definition]:
        """The entries of a section. ``any_name``: their names are no names of ours, but patterns."""
        where = f"in {self._path.name}"
        entries = sections.get(section, {})
        if not isinstance(entries, dict):
            self.problems.append(f"{section} {where}: expected sections, [{section}.NAME]")
            return
        for name, values in entries.items():
            problem = None if any_name else name_problem(name)
            if problem is not None:
                self.problems.append(f"{section}.{name} {where}: {problem}")
            if isinstance(values, dict):
                yield Definition(section, name, values, self.problems, where)
            else:
                self.problems.append(f"{section}.{name} {where}: expected a section, [{section}.{name}]")

    def _resolve(self, reference: str) -> str:
        """The credential that a reference leads to. Raises Unusable."""
        scheme, _, rest = reference.partition(":")
        if scheme == "env" and VARIABLE.fullmatch(rest):
            return from_environment(rest, self._environ)
        if scheme == "file" and rest:
            text = self._text(rest, LARGEST_CREDENTIAL)
            found = text if text.lstrip().startswith(WHOLE) else text.partition("\n")[0]
            self._secret.add(self._path.parent / rest)
            missing = f"the first line of {rest} is empty"
        elif scheme == "keyring" and (place := _IN_KEYRING.fullmatch(rest)):
            found = _from_keyring(place[1], place[2])
            missing = f"the keyring holds nothing for {rest}"
        else:
            raise Unusable('expected "env:NAME", "file:PATH" or "keyring:SERVICE/USER", never the credential itself')
        if not found.strip():
            raise Unusable(missing)
        return found.strip()

    def _config_value(self, values: Mapping[str, Any]) -> Any:
        """A config that stands in its section or in a file of its own. Raises Unusable."""
        inline = {key: value for key, value in values.items() if key not in {"file", "id"}}
        if "file" not in values:
            return inline
        if inline:
            raise Unusable(f"the config is in a file: move {', '.join(inline)} there")
        file = values["file"]
        if not isinstance(file, str):
            raise Unusable("file: expected the path of a file")
        return _parse(self._text(file, LARGEST_FILE), file)

    def _text(self, name: str, limit: int) -> str:
        """A file beside penstock.toml of at most ``limit`` bytes, watched from now on. Raises Unusable."""
        path = self._path.parent / name
        # Taken before the file is read for the first time: a change from then on shows as one.
        self.stamps.setdefault(path, stamp(path))
        try:
            text = read_text(path, limit)
        except OSError as error:
            raise Unusable(f"{name} can't be read: {error.strerror}") from None
        except TooLarge as error:
            raise Unusable(f"{name} can't be used: {error}") from None
        except ValueError:
            raise Unusable(f"{name} is not UTF-8 text") from None
        if _CREDENTIAL.search(text):
            self._secret.add(path)
        return text


def exposure(path: Path, *, is_secret: bool) -> str | None:
    """Why a file is not safe: others can change it, or read its secrets. None if it is, or if the system can't say."""
    if os.name != "posix":
        return None
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"{path} can be changed by others on this machine: chmod go-w,o-r {path}"
    if is_secret and mode & stat.S_IROTH:
        return f"{path} can be read by everybody on this machine: chmod o-r {path}"
    return None


def _from_keyring(service: str, user: str) -> str:
    try:
        import keyring
    except ImportError:
        raise Unusable("the library keyring is not installed: pip install keyring") from None
    try:
        return keyring.get_password(service, user) or ""
    except Exception as error:
        # Backends are plug-ins, and raise what they like.
        raise Unusable(f"the keyring can't be read ({type(error).__name__})") from None


def _parse(text: str, file: str) -> Any:
    """What a file with a config holds, by the kind that its name tells. Raises Unusable."""
    match Path(file).suffix.lower():
        case ".json":
            try:
                return msgspec.json.decode(text)
            except UNREADABLE as error:
                raise Unusable(f"{file} is not valid JSON: {error}") from None
        case ".toml":
            try:
                return parse_toml(text)
            except BadToml as error:
                raise Unusable(f"{file} is not valid TOML: {error}") from None
        case ".yaml" | ".yml":
            return _parse_yaml(text, file)
        case _:
            raise Unusable("expected a file whose name ends in .json, .yaml, .yml or .toml")


def _parse_yaml(text: str, file: str) -> Any:
    import yaml

    from penstock.stores.yaml_loader import closing_loader

    try:
        with closing_loader(text) as loader:
            return loader.get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # The library's own words quote the line at fault, which may hold a credential.
        mark = getattr(error, "problem_mark", None)
        place = f": line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Unusable(f"{file} is not valid YAML{place}") from None


def stamp(path: Path) -> Stamp:
    """A file as it is now. Changed permissions count: they may be what kept it from being read."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

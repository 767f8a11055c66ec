"""One reading of penstock.toml: its virtual keys, configs and gateway keys, or everything that is wrong with them.

Credentials are fetched from where the file says they are, and no complaint quotes one. The file's other half, the
settings, is read in settings/load.py; file.py reads again when something has changed.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from penstock.core.json_text import UNREADABLE
from penstock.core.secret import Secret
from penstock.stores.catalogue import NAME, Catalogue, GatewayKey, SavedConfig, VirtualKey

_HASH: Final = re.compile(r"sha256:([0-9A-Fa-f]{64})")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IN_KEYRING: Final = re.compile(r"(.+)/([^/]+)")
_OF_VIRTUAL_KEY: Final = ("provider", "credential", "base_url", "models", "default_params")
_OF_KEY: Final = ("hash", "virtual_keys", "configs", "config")
_SLIP: Final = 0.8
"""How like a member of a virtual key another must be to be taken for it, and not for a provider's own setting."""

Check = Callable[[bytes, Mapping[str, VirtualKey]], str | None]
"""Judges the JSON of a config beside the virtual keys that it may name: a sentence when it can't be used."""
Stamp = tuple[int, int, int, int] | None
"""What changes when a file does; None for one that is not there."""


class CatalogueError(Exception):
    """The file can't be used. ``problems`` says why, a sentence each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def read(path: Path, environ: Mapping[str, str], providers: Collection[str], check: Check | None = None) -> Catalogue:
    """The catalogue that a file holds. Raises CatalogueError."""
    return Reading(path, environ, providers, check).result()


class _Unusable(Exception):
    """Something that the file holds or names can't be used: the reason, to stand after where it is."""


class _Entry:
    """One ``[section.NAME]``: its members, and where complaints about them go. No complaint quotes a credential."""

    def __init__(self, section: str, name: str, values: dict[str, Any], file: str, problems: list[str]) -> None:
        self.name = name
        self.values = values
        self._path = f"{section}.{name}"
        self._file = file
        self._problems = problems

    def complain(self, text: str, key: str | None = None) -> None:
        path = self._path if key is None else f"{self._path}.{key}"
        self._problems.append(f"{path} in {self._file}: {text}")

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is None or (isinstance(value, str) and value):
            return value
        self.complain("expected text", key)
        return None

    def texts(self, key: str) -> tuple[str, ...] | None:
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.complain("expected a list of texts", key)
        return None


class Reading:
    """One reading of the file: ``catalogue`` is whole if there are no ``problems``, ``stamps`` what it rests on."""

    def __init__(self, path: Path, environ: Mapping[str, str], providers: Collection[str], check: Check | None) -> None:
        self._path = path
        self._environ = environ
        self._providers = providers
        self.problems: list[str] = []
        self.stamps: dict[Path, Stamp] = {}
        sections = self._sections()
        virtual_keys = {entry.name: self._virtual_key(entry) for entry in self._entries(sections, "virtual_keys")}
        # Configs are judged beside the virtual keys that they name: problems of these must not be told as theirs.
        self._check = None if self.problems else check
        configs = self._configs(list(self._entries(sections, "configs")), virtual_keys)
        keys = _keys(self._entries(sections, "keys"), virtual_keys, configs)
        self.catalogue = Catalogue(virtual_keys, configs, keys)

    def result(self) -> Catalogue:
        """The catalogue. Raises CatalogueError."""
        if self.problems:
            raise CatalogueError(self.problems)
        return self.catalogue

    def _sections(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self._text(self._path.name))
        except _Unusable as unusable:
            self.problems.append(str(unusable))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            self.problems.append(f"{self._path.name} is not valid TOML: {error}")
        return {}

    def _entries(self, sections: Mapping[str, Any], section: str) -> Iterator[_Entry]:
        where = f"in {self._path.name}"
        entries = sections.get(section, {})
        if not isinstance(entries, dict):
            self.problems.append(f"{section} {where}: expected sections, [{section}.NAME]")
            return
        for name, values in entries.items():
            if not NAME.fullmatch(name):
                rule = "a name has letters, digits, dots, dashes and underscores, and begins with a letter or digit"
                self.problems.append(f"{section}.{name} {where}: {rule}")
            if isinstance(values, dict):
                yield _Entry(section, name, values, self._path.name, self.problems)
            else:
                self.problems.append(f"{section}.{name} {where}: expected a section, [{section}.{name}]")

    def _virtual_key(self, entry: _Entry) -> VirtualKey:
        provider = entry.text("provider") or ""
        if "provider" not in entry.values:
            entry.complain("missing: a virtual key belongs to a provider", "provider")
        elif provider and provider not in self._providers:
            hint = _nearest(provider, self._providers, "penstock providers lists all")
            entry.complain(f"there is no provider {provider}{hint}", "provider")
        base_url = entry.text("base_url")
        if base_url and not _is_url(base_url):
            entry.complain("expected a URL such as https://llm.example/v1", "base_url")
        return VirtualKey(
            entry.name,
            provider,
            self._credential(entry),
            base_url,
            entry.texts("models"),
            _default_params(entry),
            dict(_options(entry)),
        )

    def _credential(self, entry: _Entry) -> Secret | None:
        reference = entry.text("credential")
        if reference is None:
            return None
        try:
            return Secret(self._resolve(reference))
        except _Unusable as unusable:
            entry.complain(str(unusable), "credential")
            return None

    def _resolve(self, reference: str) -> str:
        """The credential that a reference leads to. Raises _Unusable."""
        scheme, _, rest = reference.partition(":")
        if scheme == "env" and _VARIABLE.fullmatch(rest):
            found = self._environ.get(rest, "")
            hint = _nearest(rest, self._environ, "set it where the gateway starts")
            missing = f"the environment variable {rest} is not set{hint}"
        elif scheme == "file" and rest:
            found = self._text(rest).partition("\n")[0]
            missing = f"the first line of {rest} is empty"
        elif scheme == "keyring" and (place := _IN_KEYRING.fullmatch(rest)):
            found = _from_keyring(place[1], place[2])
            missing = f"the keyring holds nothing for {rest}"
        else:
            raise _Unusable('expected "env:NAME", "file:PATH" or "keyring:SERVICE/USER", never the credential itself')
        if not found.strip():
            raise _Unusable(missing)
        return found.strip()

    def _configs(self, entries: list[_Entry], virtual_keys: Mapping[str, VirtualKey]) -> dict[str, SavedConfig]:
        configs = {entry.name: SavedConfig(entry.name, self._config(entry, virtual_keys)) for entry in entries}
        for entry in entries:
            id_ = entry.text("id")
            if id_ is None:
                continue
            if not NAME.fullmatch(id_):
                entry.complain("an id has letters, digits, dots, dashes and underscores", "id")
            taken = configs.setdefault(id_, configs[entry.name])
            if taken.name != entry.name:
                entry.complain(f"{id_} already stands for the config {taken.name}: choose another", "id")
        return configs

    def _config(self, entry: _Entry, virtual_keys: Mapping[str, VirtualKey]) -> bytes:
        try:
            body = _to_json(self._config_value(entry.values))
        except _Unusable as unusable:
            entry.complain(str(unusable))
            return b"{}"
        said = None if self._check is None else self._check(body, virtual_keys)
        if said:
            entry.complain(said)
        return body

    def _config_value(self, values: Mapping[str, Any]) -> Any:
        """A config that stands in its section or in a file of its own. Raises _Unusable."""
        inline = {key: value for key, value in values.items() if key not in {"file", "id"}}
        if "file" not in values:
            return inline
        if inline:
            raise _Unusable(f"the config is in a file: move {', '.join(inline)} there")
        file = values["file"]
        if not isinstance(file, str):
            raise _Unusable("file: expected the path of a file")
        return _parse(self._text(file), file)

    def _text(self, name: str) -> str:
        """A file beside penstock.toml, watched from now on. Raises _Unusable."""
        path = self._path.parent / name
        # Taken before the file is read for the first time: a change from then on shows as one.
        self.stamps.setdefault(path, stamp(path))
        try:
            return path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise _Unusable(f"{name} can't be read: {error.strerror}") from None
        except ValueError:
            raise _Unusable(f"{name} is not UTF-8 text") from None


def _default_params(entry: _Entry) -> dict[str, bytes]:
    params = entry.values.get("default_params", {})
    if not isinstance(params, dict):
        entry.complain("expected parameters, such as { temperature = 0.2 }", "default_params")
        return {}
    return {key: msgspec.json.encode(value) for key, value in params.items()}


def _options(entry: _Entry) -> Iterator[tuple[str, str]]:
    """The provider's own settings: every member that is none of ours."""
    for key, value in entry.values.items():
        if key in _OF_VIRTUAL_KEY:
            continue
        near = difflib.get_close_matches(key, _OF_VIRTUAL_KEY, 1, _SLIP)
        if near:
            entry.complain(f"did you mean {near[0]}?", key)
        elif "-" in key:
            entry.complain(f"a provider's setting is written with underscores: {key.replace('-', '_')}", key)
        elif isinstance(value, str):
            yield key, value
        elif isinstance(value, bool | int | float):
            yield key, msgspec.json.encode(value).decode()
        else:
            entry.complain("expected text, a number, true or false", key)


def _from_keyring(service: str, user: str) -> str:
    try:
        import keyring
    except ImportError:
        raise _Unusable("the library keyring is not installed: pip install keyring") from None
    try:
        return keyring.get_password(service, user) or ""
    except Exception as error:
        # Backends are plug-ins, and raise what they like.
        raise _Unusable(f"the keyring can't be read ({type(error).__name__})") from None


def _parse(text: str, file: str) -> Any:
    """What a file with a config holds, by the kind that its name tells. Raises _Unusable."""
    match Path(file).suffix.lower():
        case ".json":
            try:
                return msgspec.json.decode(text)
            except UNREADABLE as error:
                raise _Unusable(f"{file} is not valid JSON: {error}") from None
        case ".toml":
            try:
                return tomllib.loads(text)
            except (tomllib.TOMLDecodeError, RecursionError) as error:
                raise _Unusable(f"{file} is not valid TOML: {error}") from None
        case ".yaml" | ".yml":
            return _parse_yaml(text, file)
        case _:
            raise _Unusable("expected a file whose name ends in .json, .yaml, .yml or .toml")


def _parse_yaml(text: str, file: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # The library's own words quote the line at fault, which may hold a credential.
        mark = getattr(error, "problem_mark", None)
        place = f": line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise _Unusable(f"{file} is not valid YAML{place}") from None


def _to_json(config: Any) -> bytes:
    if not isinstance(config, dict):
        raise _Unusable("the config must be an object")
    try:
        return msgspec.json.encode(config)
    except (TypeError, ValueError, RecursionError):
        raise _Unusable("it holds what JSON can't: a key that is no text, or a value within itself") from None


def _keys(
    entries: Iterable[_Entry], virtual_keys: Mapping[str, VirtualKey], configs: Mapping[str, SavedConfig]
) -> tuple[GatewayKey, ...]:
    keys: list[GatewayKey] = []
    meant_keys = {name: name for name in virtual_keys}
    meant_configs = {name: config.name for name, config in configs.items()}
    for entry in entries:
        _check_members(entry)
        digest = _digest(entry)
        for other in keys:
            if digest and other.digest == digest:
                entry.complain(f"it is that of {other.name} too: every key needs its own", "hash")
        allowed_keys = _names(entry, "virtual_keys", meant_keys, "virtual key")
        allowed = _names(entry, "configs", meant_configs, "config")
        default = _default_config(entry, meant_configs, allowed)
        keys.append(GatewayKey(entry.name, digest, allowed_keys, allowed, default))
    return tuple(keys)


def _check_members(entry: _Entry) -> None:
    rest = f"there are {', '.join(_OF_KEY)}"
    for key in entry.values:
        if key not in _OF_KEY:
            entry.complain(f"unknown setting{_nearest(key, _OF_KEY, rest)}", key)


def _digest(entry: _Entry) -> bytes:
    value = entry.values.get("hash")
    said = _HASH.fullmatch(value) if isinstance(value, str) else None
    if said is None:
        entry.complain("expected sha256: and 64 hexadecimal digits; penstock key makes both key and hash", "hash")
        return b""
    return bytes.fromhex(said[1])


def _names(entry: _Entry, key: str, meant: Mapping[str, str], kind: str) -> frozenset[str] | None:
    """What a list of names and ids stands for; None, for all there are, where there is no list."""
    given = entry.texts(key)
    if given is None:
        return None
    return frozenset(name for each in given if (name := _name(entry, key, each, meant, kind)))


def _name(entry: _Entry, key: str, given: str, meant: Mapping[str, str], kind: str) -> str | None:
    name = meant.get(given)
    if name is None:
        entry.complain(f"there is no {kind} {given}{_nearest(given, meant, 'the file must set it')}", key)
    return name


def _default_config(entry: _Entry, meant: Mapping[str, str], allowed: frozenset[str] | None) -> str | None:
    given = entry.text("config")
    name = None if given is None else _name(entry, "config", given, meant, "config")
    if name is not None and allowed is not None and name not in allowed:
        entry.complain(f"{given} is not among the configs of this key: add it there", "config")
    return name


def _nearest(word: str, known: Iterable[str], otherwise: str) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f": did you mean {near[0]}?" if near else f": {otherwise}"


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def stamp(path: Path) -> Stamp:
    """A file as it is now. Changed permissions count: they may be what kept it from being read."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

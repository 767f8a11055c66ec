"""Settings from, in rising precedence: the defaults, penstock.toml, the environment, flags of the command line.

Everything that was given is looked at before anything is refused, so that one run tells all that has to be mended.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from itertools import chain
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from penstock.core.did_you_mean import nearest
from penstock.settings.field import FIELDS, Field
from penstock.settings.model import Settings
from penstock.settings.text_file import LARGEST_SETTINGS, BadToml, TooLarge, parse_toml, read_text

_FILE: Final = "penstock.toml"
_PREFIX: Final = "PENSTOCK_"
_CONFIG: Final = _PREFIX + "CONFIG"
SECRET_KEYS: Final = _PREFIX + "SECRET_KEYS"
SECRET_KEYS_FILE: Final = _PREFIX + "SECRET_KEYS_FILE"
"""The keys with which the database's secrets are encrypted, and a file with them: docs/control-plane.md#secrets."""
ADMIN_KEY: Final = _PREFIX + "ADMIN_KEY"
"""A key of the admin API that no database holds: docs/control-plane.md#first-key."""
GUARDED: Final = _PREFIX + "GUARDED"
"""In workers whose supervisor knows of gateway keys, the place of these keys, ``IN_FILE`` or ``IN_DATABASE``: such
workers never serve requests without one."""
IN_FILE: Final = "file"
IN_DATABASE: Final = "database"
METRICS_FOLDER: Final = _PREFIX + "METRICS_FOLDER"
"""In workers, the folder that their supervisor has made for their counts (docs/metrics.md#several-workers)."""
MOST_PROBLEMS: Final = 50
"""Problems that one error tells."""
_SECTIONS: Final = msgspec.structs.asdict(Settings()).keys()
NAMED_ENTRIES: Final = ("virtual_keys", "configs", "guardrails", "keys", "policies", "prices", "models")
"""Sections of the file that are no settings: stores/file.py reads them."""

# In rising precedence. The first one is Portkey's name (docs/portkey.md#trusted-hosts).
_VARIABLES: Final[dict[str, Field]] = {
    "TRUSTED_CUSTOM_HOSTS": FIELDS["security.trusted_hosts"],
    **{field.short_variable: field for field in FIELDS.values() if field.short_variable},
    **{field.variable: field for field in FIELDS.values()},
}

_FLAGS: Final = {field.flag or field.key: field for field in FIELDS.values() if field.flag or field.section == "server"}
"""Settings by their flag, with underscores for dashes."""

# What a misspelt word may have meant, and how that is shown.
_HEADINGS: Final = {section: f"[{section}]" for section in (*_SECTIONS, *NAMED_ENTRIES)}
_KEYS: Final = {field.key: name for name, field in FIELDS.items()}
_OTHER_VARIABLES: Final = (_CONFIG, SECRET_KEYS, SECRET_KEYS_FILE, ADMIN_KEY)
_UNPREFIXED: Final = {name.removeprefix(_PREFIX): name for name in (*_VARIABLES, *_OTHER_VARIABLES)}

# Kubernetes describes a service called "penstock" to every pod in variables of these names, unasked:
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_KUBERNETES_NAME: Final = re.compile(r"PENSTOCK_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_KUBERNETES_PORT: Final = re.compile(r"(tcp|udp|sctp)://.*")


class SettingsError(Exception):
    """The settings can't be used. ``problems`` says why, a sentence each; ``readable`` are the settings without those
    that can't be used, where there are any."""

    def __init__(self, problems: Iterable[str], readable: Settings | None = None) -> None:
        self.problems = listed(problems)
        self.readable = readable
        super().__init__("\n".join(self.problems))


def listed(problems: Iterable[str]) -> tuple[str, ...]:
    """Problems as they are told: each of them once, and no more than ``MOST_PROBLEMS``."""
    every = [*dict.fromkeys(problems)]
    rest = len(every) - MOST_PROBLEMS
    return (*every[:MOST_PROBLEMS], *([f"and {rest} more"] if rest > 0 else []))


class _Given(msgspec.Struct, frozen=True):
    """A setting as somebody wrote it; ``origin`` says where, for messages."""

    field: Field
    value: Any
    origin: str
    is_text: bool = True

    def read(self) -> Any:
        return self.field.read_text(self.value) if self.is_text else self.field.read(self.value)

    @property
    def problem(self) -> str:
        return f"{self.origin}: expected {self.field.expected}, found {self.field.show(self.value)}"


def load(flags: Mapping[str, str | None], environ: Mapping[str, str], cwd: Path) -> Settings:
    """The settings in force. ``flags`` are keys of [server], ``provider`` and ``config``; None is a flag that was not
    given.

    Raises SettingsError.
    """
    problems: list[str] = []
    sections: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
    for setting in chain(_in_file(flags, environ, cwd), _in_environment(environ), _in_flags(flags)):
        if isinstance(setting, str):
            problems.append(setting)
            continue
        try:
            sections[setting.field.section][setting.field.key] = setting.read()
        except ValueError:
            problems.append(setting.problem)
    settings = msgspec.convert(sections, Settings)
    problems += _contradictions(settings, cwd)
    if problems:
        raise SettingsError(problems, settings)
    return settings


def working_directory() -> Path:
    """The directory that the process was started in. Raises SettingsError."""
    try:
        return Path.cwd()
    except OSError as error:
        problem = f"the working directory can't be used ({error.strerror}): start the gateway in another one"
        raise SettingsError([problem]) from None


def refuse_open(settings: Settings, *, is_guarded: bool) -> None:
    """Raise SettingsError if the gateway would let in whoever reaches it, and nobody said that it may."""
    if settings.is_loopback or is_guarded or settings.server.open:
        return
    server = settings.server
    problem = (
        f"server.host: {server.host} is not a loopback address, and there is no gateway key: anyone who reaches port "
        f"{server.port} could use this gateway. Set a gateway key (penstock key make NAME makes it and its lines for "
        "penstock.toml), or listen on 127.0.0.1, or set server.open = true (PENSTOCK_OPEN=true) if a network or a "
        "proxy lets in the right callers only"
    )
    raise SettingsError([problem])


def config_file(flags: Mapping[str, str | None], environ: Mapping[str, str], cwd: Path) -> Path | None:
    """The file that settings are read from, if there is one. It need not be readable, nor exist if it was asked for: a
    file that can't be read may hold gateway keys, and is never taken for none."""
    asked = flags.get("config") or environ.get(_CONFIG)
    if asked:
        return cwd / asked
    try:
        (cwd / _FILE).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        pass
    return cwd / _FILE


def catalogue_file(flags: Mapping[str, str | None], environ: Mapping[str, str], cwd: Path) -> Path | None:
    """The file that virtual keys, configs and gateway keys are read from: that of the settings."""
    path = config_file(flags, environ, cwd)
    return None if path == Path(os.devnull) else path


def must_be_guarded(environ: Mapping[str, str]) -> bool:
    """Whether the gateway must not serve requests without a gateway key, whatever it finds by now."""
    return environ.get(GUARDED) in {IN_FILE, IN_DATABASE}


def database_had_keys(environ: Mapping[str, str]) -> bool:
    """Whether there were gateway keys in the database before this worker was started."""
    return environ.get(GUARDED) == IN_DATABASE


def _in_file(flags: Mapping[str, str | None], environ: Mapping[str, str], cwd: Path) -> Iterator[_Given | str]:
    path = config_file(flags, environ, cwd)
    if path is None:
        return
    shown = path.relative_to(cwd) if path.is_relative_to(cwd) else path
    try:
        sections = parse_toml(read_text(path, LARGEST_SETTINGS))
    except OSError as error:
        yield _unreadable(path, f"{shown}", error)
    except UnicodeDecodeError:
        yield f"{shown} is not UTF-8 text"
    except TooLarge as error:
        yield f"{shown} can't be used: {error}"
    except BadToml as error:
        yield f"{shown} is not valid TOML: {error}"
    else:
        for section, members in sections.items():
            yield from _in_section(section, members, f" in {shown}")


def _unreadable(path: Path, shown: str, error: OSError) -> str:
    directory = path.parent
    if isinstance(error, PermissionError) and not os.access(directory, os.X_OK):
        return (
            f"the directory {directory} can't be searched for {path.name} ({error.strerror}): start the gateway in "
            "another one, or name a file with --config or PENSTOCK_CONFIG"
        )
    return f"{shown} can't be read: {error.strerror}"


def section_problems(sections: Mapping[str, Any], where: str) -> Iterator[str]:
    """Everything that ``load`` would refuse in a settings file. ``where`` follows a name: `` in penstock.toml``."""
    for section, members in sections.items():
        for setting in _in_section(section, members, where):
            if isinstance(setting, str):
                yield setting
                continue
            try:
                setting.read()
            except ValueError:
                yield setting.problem


def _in_section(section: str, members: Any, where: str) -> Iterator[_Given | str]:
    if section in NAMED_ENTRIES:
        if not isinstance(members, dict):
            yield f"{section}{where}: expected sections, [{section}.NAME]"
    elif section not in _SECTIONS:
        if isinstance(members, dict):
            yield f"unknown section [{section}]{where}" + _suggestion(section, _HEADINGS)
        else:
            yield f"unknown setting {section}{where}" + _suggestion(section, _KEYS)
    elif not isinstance(members, dict):
        yield f"{section}{where}: expected a section, [{section}]"
    else:
        for key, value in members.items():
            name = f"{section}.{key}"
            if name in FIELDS:
                yield _Given(FIELDS[name], value, name + where, is_text=False)
            else:
                yield f"unknown setting {name}{where}" + _suggestion(key, _KEYS)


def _in_environment(environ: Mapping[str, str]) -> Iterator[_Given | str]:
    for name, field in _VARIABLES.items():
        text = environ.get(name)
        if text is None or field.means_unset(text) or _is_from_kubernetes(name, text):
            continue
        yield _Given(field, text, name)
    for name, text in environ.items():
        known = name in _VARIABLES or name in {*_OTHER_VARIABLES, GUARDED, METRICS_FOLDER}
        if name.startswith(_PREFIX) and not known and not _is_from_kubernetes(name, text):
            yield f"unknown variable {name}" + _suggestion(name.removeprefix(_PREFIX), _UNPREFIXED)


def _is_from_kubernetes(name: str, text: str) -> bool:
    if name == FIELDS["server.port"].short_variable:
        return _KUBERNETES_PORT.fullmatch(text) is not None
    return _KUBERNETES_NAME.fullmatch(name) is not None


def _in_flags(flags: Mapping[str, str | None]) -> Iterator[_Given]:
    for key, text in flags.items():
        if key != "config" and text is not None:
            yield _Given(_FLAGS[key], text, f"--{key.replace('_', '-')}")


def _suggestion(word: str, known: Mapping[str, str]) -> str:
    near = nearest(word, known)
    return ": docs/settings.md lists all there are" if near is None else f": did you mean {known[near]}?"


def _contradictions(settings: Settings, cwd: Path) -> Iterator[str]:
    """What is wrong although every value by itself is of the right kind."""
    upstream = settings.upstream
    yield from _missing_files(settings, cwd)
    if settings.metrics.address is not None and settings.metrics.address == settings.admin.address:
        yield "metrics.listen: admin.listen is the same port: choose another"
    if upstream.client_key and not upstream.client_cert:
        yield "upstream.client_key is of no use without upstream.client_cert"
    if upstream.proxy not in {"", "none"} and not _is_proxy(upstream.proxy):
        yield "upstream.proxy: expected http://host:port, with user:password@ before the host if need be, or none"
    for host in settings.trusted_hosts:
        if "/" in host and not is_network(host):
            yield f"security.trusted_hosts: {host} is no network, such as 10.1.0.0/16"
    for proxy in settings.server.trusted_proxies:
        if not is_network(proxy):
            yield f"server.trusted_proxies: {proxy} is no address and no network, such as 10.0.0.0/8"


def _missing_files(settings: Settings, cwd: Path) -> Iterator[str]:
    upstream, server = settings.upstream, settings.server
    for key in ("tls_cert", "tls_key", "tls_client_ca"):
        path = getattr(server, key)
        yield from _missing(f"server.{key}", path, cwd)
        if path and not server.tls_cert:
            yield f"server.{key} is of no use without server.tls_cert"
    for key in ("ca_file", "client_cert", "client_key"):
        yield from _missing(f"upstream.{key}", getattr(upstream, key), cwd)


def _missing(name: str, path: str, cwd: Path) -> Iterator[str]:
    try:
        if path and not (cwd / path).is_file():
            yield f"{name}: there is no file {path}"
    except OSError as error:
        yield f"{name}: {path} can't be read: {error.strerror}"


def _is_proxy(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_network(text: str) -> bool:
    """Whether a text is an address or a network, such as ``10.1.0.0/16``."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True

"""``penstock serve``: settings, a listening socket, a few lines on how to begin, then the server."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click
import msgspec

from penstock import __version__
from penstock.settings import (
    ADMIN_KEY,
    GUARDED,
    METRICS_FOLDER,
    Settings,
    SettingsError,
    catalogue_file,
    config_file,
    load,
    refuse_open,
    working_directory,
)
from penstock.settings.field import FIELDS
from penstock.stores.sql.database_error import DatabaseError

_APP: Final = "penstock.app.root:build"
_BACKLOG: Final = 2048
_STDERR: Final = 2


def _help(key: str, section: str = "server") -> str:
    field = FIELDS[f"{section}.{key}"]
    return f"{field.description} [default: {field.default}]" if field.default else field.description


@click.command("serve")
@click.option("--host", metavar="ADDRESS", help=_help("host"))
@click.option("--port", metavar="PORT", help=_help("port"))
@click.option("--workers", metavar="NUMBER", help=_help("workers"))
@click.option("--log-level", metavar="LEVEL", help=_help("log_level"))
@click.option("--provider", metavar="NAME", help=_help("default_provider", "routing"))
@click.option("--config", metavar="FILE", help="Settings to read in place of ./penstock.toml.")
def command(**flags: str | None) -> None:
    """Serve the gateway until SIGINT or SIGTERM.

    Flags win over PENSTOCK_* variables, these over the settings file.
    """
    leave_on_signals()
    open_standard_files()
    try:
        place = working_directory()
        settings = read_settings(flags, place)
        sock = bind(settings.server.host, settings.server.port)
        with sock:
            source = config_file(flags, os.environ, place)
            _run(settings, sock, source, catalogue_file(flags, os.environ, place))
            ignore_signals()
    except (SettingsError, DatabaseError) as error:
        raise click.ClickException(str(error)) from None


def read_settings(flags: Mapping[str, str | None], place: Path) -> Settings:
    """The settings in force. Raises SettingsError with everything that is wrong with their file."""
    try:
        return load(flags, os.environ, place)
    except SettingsError as error:
        from penstock.app.root import with_catalogue_problems

        raise with_catalogue_problems(error, catalogue_file(flags, os.environ, place)) from None


def open_standard_files() -> None:
    """Put /dev/null where a standard file is closed, as careless daemons start programs: a socket must not get its
    number, since libraries write to these numbers, and libuv refuses to close them."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(number)


def leave_on_signals() -> None:
    """End the process at SIGINT and SIGTERM with nothing printed: before the server is up there is nothing to finish.

    An exception in its place could come up anywhere, in an import or in a destructor, and would be printed.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))


def ignore_signals() -> None:
    """From now on the process ends by itself, with its own exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _run(settings: Settings, sock: socket.socket, source: Path | None, catalogue: Path | None) -> None:
    """Serve on a socket whose port may differ from the setting, which can ask for any."""
    bound = msgspec.structs.replace(settings.server, port=sock.getsockname()[1])
    settings = msgspec.structs.replace(settings, server=bound)
    os.environ.pop(GUARDED, None)  # a supervisor's word to its workers, not an operator's

    with _uncollected():
        from penstock.app.root import build
        from penstock.observe.metrics.folder import worker_folder
        from penstock.transport.open_files import raise_file_limit

        raise_file_limit()
        # Built here too when others will serve: what is wrong with the settings is told before anything starts.
        problems = [*_tls_problems(settings)]
        try:
            app = build(settings, catalogue)
            refuse_open(settings, is_guarded=app.is_guarded)
            _try_own_ports(settings)
        except SettingsError as error:
            raise SettingsError([*error.problems, *problems]) from None
    if problems:
        raise SettingsError(problems)
    has_console = app.stored is not None and settings.console.enabled and settings.admin.enabled
    sign_in = _first_sign_in(settings) if has_console and not app.is_guarded else ""
    _greet(settings, source, is_guarded=app.is_guarded, database=app.database, has_console=has_console, sign_in=sign_in)
    if bound.workers > 1:
        from penstock.server.serve_workers import known_keys, supervise  # multiprocessing takes 2 MB

        if app.is_guarded:
            # Workers are started anew when they end, and the file and the database may have changed by then.
            os.environ[GUARDED] = known_keys(app)
        del app  # each worker has one of its own
        with worker_folder() if settings.metrics.enabled else contextlib.nullcontext() as folder:
            if folder is not None:
                os.environ[METRICS_FOLDER] = str(folder)
            supervise(_APP, settings, sock, catalogue)
    else:
        from penstock.server.serve import serve

        serve(app, settings, sock)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which would look a hundred times at what the start makes: nearly all of it
    stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _try_own_ports(settings: Settings) -> None:
    """Raise SettingsError if the admin API or the metrics can't have the ports of their own that the settings name."""
    from penstock.server.pages.own_port import listening

    for section, part in (("admin", settings.admin), ("metrics", settings.metrics)):
        if part.enabled and part.address is not None:
            try:
                listening(part.address).close()
            except OSError as error:
                raise SettingsError([f"{section}.listen: {part.listen}: {error.strerror or error}"]) from None


def _tls_problems(settings: Settings) -> Iterator[str]:
    """Why the server could not serve HTTPS with the files of the settings."""
    from penstock.server.tls import TlsFiles, problem

    files = TlsFiles.of(settings.server)
    if files is None:
        return
    try:
        files.context()
    except (OSError, ValueError) as error:
        yield problem(files, error)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. What can go wrong is told as a ClickException."""
    try:
        # As bytes: the codec for names of other alphabets loads a megabyte of tables.
        name = host.encode() if host.isascii() else host
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise click.ClickException(f"the host {host} is not known here: choose another with --host") from None
    # Where a name stands for both families, callers try IPv4 the more often.
    family, *_, address = min(found, key=lambda info: info[0] != socket.AF_INET)
    try:
        return socket.create_server(
            address, family=family, backlog=_BACKLOG, dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6()
        )
    except OSError as error:
        raise click.ClickException(_refusal(error, host, port)) from None


def _refusal(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is taken on {host}: stop the other process or choose another with --port"
        case errno.EACCES:
            return f"port {port} needs privileges that this process lacks: choose one above 1023 with --port"
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine: choose another with --host"
        case _:
            return f"can't listen on {host}, port {port}: {error.strerror}"


def _first_sign_in(settings: Settings) -> str:
    """An admin key that ends with this process, for a gateway without keys that only this machine reaches: its console
    opens by a link, and no key of the database has every request show one. Empty elsewhere, and where nobody reads
    the link."""
    is_alone = settings.is_loopback and settings.admin.address is None
    if not is_alone or os.environ.get(ADMIN_KEY) or not _greets(settings):
        return ""
    from penstock.control.keys.text import new_key_text  # for those who begin

    # The parts of the gateway that know admin keys read it at their first call, in each worker.
    os.environ[ADMIN_KEY] = new_key_text("organisation-service")
    return os.environ[ADMIN_KEY]


def _greets(settings: Settings) -> bool:
    return settings.server.log_level in {"debug", "info"}


def _greet(
    settings: Settings, source: Path | None, *, is_guarded: bool, database: str, has_console: bool, sign_in: str
) -> None:
    level = settings.server.log_level
    if _greets(settings):
        shown = banner(
            settings, source, is_guarded=is_guarded, database=database, has_console=has_console, sign_in=sign_in
        )
        click.echo(shown, err=True)
    elif level == "warning":
        click.echo(_listens(settings), err=True)
    if level in {"debug", "info", "warning"} and not (settings.is_loopback or is_guarded):
        click.echo(
            f"Warning: {settings.server.host} is not a loopback address. Anyone who reaches port "
            f"{settings.server.port} may use this gateway (server.open): set gateway keys (penstock key make), or put "
            "access control in front of it.",
            err=True,
        )


def _listens(settings: Settings) -> str:
    server = settings.server
    return f"Penstock {__version__} listens on {_url(server.host, server.port, _scheme(settings))}"


def _scheme(settings: Settings) -> str:
    return "https" if settings.server.tls_cert else "http"


def banner(
    settings: Settings,
    source: Path | None,
    *,
    is_guarded: bool = False,
    database: str = "none",
    has_console: bool = False,
    sign_in: str = "",
) -> str:
    """What a newcomer needs: where the gateway listens, a first request to paste, where to read on. ``sign_in`` is the
    admin key with which the console's link signs in, empty for none."""
    server = settings.server
    key = " -H 'authorization: Bearer GATEWAY_KEY'" if is_guarded else ""
    lent = _lent(settings, is_guarded=is_guarded)
    return f"""\
{_listens(settings)}

Try it{" (with a gateway key of yours in place of GATEWAY_KEY)" if is_guarded else ""}:
  curl {_url(_reachable(server.host), server.port, _scheme(settings))}/v1/chat/completions \\
    -H 'content-type: application/json' -H 'x-portkey-provider: echo'{key} \\
    -d '{{"model": "echo", "messages": [{{"role": "user", "content": "Hello!"}}]}}'

Settings: {source or "the defaults, PENSTOCK_* variables and flags"} (all there are: docs/settings.md)
Database: {database}
{_console(settings, sign_in) if has_console else ""}\
Providers: {_program()} providers. Provider keys in the environment: {lent}. Stop with Ctrl-C.
"""


def _console(settings: Settings, sign_in: str) -> str:
    """Where the console is, and what opens it; nothing where it is off."""
    if not (settings.console.enabled and settings.admin.enabled):
        return ""
    host, port = settings.admin.address or (settings.server.host, settings.server.port)
    address = f"{_url(_reachable(host), port, _scheme(settings))}/console"
    if sign_in:
        return f"Console: {address}#sign-in={sign_in} (this link signs in until the gateway stops)\n"
    return f"Console: {address} (sign in with the key that `{_program()} key create --admin` prints)\n"


def _program() -> str:
    """How this command is called from here: ``make run`` puts it on nobody's PATH."""
    if any(os.access(Path(folder, "penstock"), os.X_OK) for folder in os.get_exec_path()):
        return "penstock"
    script, place = Path(sys.executable).with_name("penstock"), working_directory()
    if not script.exists():
        return f"{sys.executable} -m penstock"
    return str(script.relative_to(place) if script.is_relative_to(place) else script)


def _lent(settings: Settings, *, is_guarded: bool) -> str:
    """Who may use the provider keys of the environment, such as OPENAI_API_KEY."""
    if settings.providers.env_keys is False:
        return "not used"
    if is_guarded:
        return "for gateway keys with lend"
    return "used for callers without one" if settings.lends_keys else "not used"


_ANY: Final[Mapping[str, str]] = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (recognised, not bound)


def _reachable(host: str) -> str:
    return _ANY.get(host, host)


def _url(host: str, port: int, scheme: str) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

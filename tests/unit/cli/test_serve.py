"""``penstock serve``: flags, a free port, what it says and refuses; at the end the real thing, as a process."""

import errno
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
import trustme

from commands import Gateway, installed, run
from penstock.cli.serve import banner, bind
from penstock.server.asgi import App
from penstock.settings import Settings
from penstock.settings.console import Console
from penstock.settings.model import Providers, Server
from penstock.settings.store import Admin


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Commands of these tests run in this process, and serve has handlers of its own."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that ``penstock serve`` starts a server with; no server is started."""
    from penstock.server import serve, serve_workers

    seen: list[Settings] = []
    raised: list[bool] = []

    def start(app: App | str, settings: Settings, sock: socket.socket, catalogue: Path | None = None) -> None:
        with sock:
            assert sock.getsockname()[1] == settings.server.port
        assert raised == [True]
        seen.append(settings)

    monkeypatch.setattr("penstock.transport.open_files.raise_file_limit", lambda: raised.append(True))
    monkeypatch.setattr(serve, "serve", start)
    monkeypatch.setattr(serve_workers, "supervise", start)
    installed(monkeypatch, Gateway())
    return seen


@pytest.mark.parametrize("workers", ["1", "3"])
def test_serve_takes_flags_and_finds_a_free_port(served: list[Settings], workers: str) -> None:
    result = run("serve", "--port", "0", "--workers", workers, "--log-level", "debug")
    assert result.exit_code == 0
    [settings] = served
    assert settings.server == Server(port=settings.server.port, workers=int(workers), log_level="debug")
    assert f"listens on http://127.0.0.1:{settings.server.port}\n" in result.stderr
    assert result.stdout == ""


def test_serve_is_quiet_when_told_to(served: list[Settings]) -> None:
    assert run("serve", "--port", "0", "--log-level", "error").output == ""


def test_serve_tells_where_it_listens_at_level_warning(served: list[Settings]) -> None:
    said = run("serve", "--port", "0", "--log-level", "warning").output
    assert said.endswith(f" listens on http://127.0.0.1:{served[0].server.port}\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_serve_does_not_start_open_to_others_unless_told(served: list[Settings], host: str) -> None:
    result = run("serve", "--host", host, "--port", "0")
    assert result.exit_code == 1
    assert served == []
    assert result.stderr.startswith(
        f"Error: server.host: {host} is not a loopback address, and there is no gateway key: anyone who reaches port "
    )
    for way_out in ("penstock key make NAME", "127.0.0.1", "server.open = true (PENSTOCK_OPEN=true)"):
        assert way_out in result.stderr


def test_serve_starts_for_others_with_a_gateway_key(served: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    guarded = Gateway()
    guarded.is_guarded = True
    installed(monkeypatch, guarded)
    assert run("serve", "--host", "0.0.0.0", "--port", "0").exit_code == 0
    assert len(served) == 1


@pytest.mark.parametrize(("level", "warned"), [("info", True), ("warning", True), ("error", False)])
def test_serve_warns_that_others_can_reach_it(
    served: list[Settings], level: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_OPEN", "true")
    result = run("serve", "--host", "0.0.0.0", "--port", "0", "--log-level", level)
    assert ("Warning: 0.0.0.0 is not a loopback address." in result.stderr) is warned


def test_serve_names_the_file_it_read(served: list[Settings], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[server]\nport = 0")
    assert f"Settings: {tmp_path / 'mine.toml'} (" in run("serve", "--config", "mine.toml").stderr


def test_serve_tells_of_bad_settings() -> None:
    result = run("serve", "--port", "eighty", "--workers", "0")
    assert result.exit_code == 1
    assert result.stderr == (
        'Error: --port: expected a whole number from 0 to 65535, found "eighty"\n'
        '--workers: expected a whole number from 1 to 1024, found "0"\n'
    )


def test_serve_tells_that_a_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port))
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: port {port} is taken on 127.0.0.1: stop the other process or choose another with --port\n"
    )


def patched(monkeypatch: pytest.MonkeyPatch, **functions: object) -> None:
    """Have ``penstock serve`` alone, and no other thread, see other functions of ``socket``."""
    monkeypatch.setattr("penstock.cli.serve.socket", SimpleNamespace(**{**vars(socket), **functions}))


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EACCES, "port 80 needs privileges that this process lacks: choose one above 1023 with --port"),
        (errno.EADDRNOTAVAIL, "127.0.0.1 is no address of this machine: choose another with --host"),
        (errno.ENOBUFS, "can't listen on 127.0.0.1, port 80: No buffer space available"),
    ],
)
def test_what_can_go_wrong_with_a_port(monkeypatch: pytest.MonkeyPatch, number: int, message: str) -> None:
    def fail(*_: object, **__: object) -> socket.socket:
        raise OSError(number, os.strerror(number))

    patched(monkeypatch, create_server=fail)
    with pytest.raises(click.ClickException, match=re.escape(message)):
        bind("127.0.0.1", 80)


def test_a_host_that_has_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    patched(monkeypatch, getaddrinfo=fail)
    with pytest.raises(click.ClickException, match="the host nowhere is not known here"):
        bind("nowhere", 80)


def test_a_name_of_both_families_is_served_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    six = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0))
    four = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))
    patched(monkeypatch, getaddrinfo=lambda *_, **__: [six, four])
    with bind("localhost", 0) as sock:
        assert sock.family is socket.AF_INET


@pytest.mark.parametrize(
    ("host", "listens", "curl"),
    [
        ("127.0.0.1", "http://127.0.0.1:8787", "http://127.0.0.1:8787"),
        ("::1", "http://[::1]:8787", "http://[::1]:8787"),
        ("0.0.0.0", "http://0.0.0.0:8787", "http://127.0.0.1:8787"),
        ("::", "http://[::]:8787", "http://[::1]:8787"),
    ],
)
def test_the_banner_names_an_address_that_can_be_called(host: str, listens: str, curl: str) -> None:
    text = banner(Settings(Server(host=host)), None)
    assert f"listens on {listens}\n" in text
    assert f"curl {curl}/v1/chat/completions " in text


def test_the_banner_of_a_guarded_gateway_asks_for_a_key() -> None:
    assert "GATEWAY_KEY" not in banner(Settings(), None)
    guarded = banner(Settings(), None, is_guarded=True)
    assert "-H 'authorization: Bearer GATEWAY_KEY' \\" in guarded
    assert "with a gateway key of yours" in guarded


@pytest.mark.parametrize(
    ("settings", "guarded", "told"),
    [
        (Settings(), False, "used for callers without one"),
        (Settings(Server(host="0.0.0.0")), False, "not used"),
        (Settings(providers=Providers(env_keys=False)), False, "not used"),
        (Settings(), True, "for gateway keys with lend"),
    ],
)
def test_the_banner_says_who_may_use_the_keys_of_the_environment(settings: Settings, guarded: bool, told: str) -> None:
    assert f"Provider keys in the environment: {told}." in banner(settings, None, is_guarded=guarded)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Settings(), "Console: http://127.0.0.1:8787/console "),
        (Settings(admin=Admin(listen="0.0.0.0:9000")), "Console: http://127.0.0.1:9000/console "),
        (Settings(admin=Admin(enabled=False)), None),
        (Settings(console=Console(enabled=False)), None),
    ],
)
def test_the_banner_tells_where_the_console_is(settings: Settings, told: str | None) -> None:
    text = banner(settings, None, has_console=True)
    assert "Console:" not in text if told is None else told in text and "key create --admin" in text
    assert "Console:" not in banner(settings, None)
    assert "\n\nProviders:" not in text


def test_the_banner_names_the_command_as_it_can_be_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("penstock.cli.serve.sys", SimpleNamespace(executable=str(folder / "python")))
    assert f"Providers: {folder}/python -m penstock providers." in banner(Settings(), None)
    (folder / "penstock").write_text("")
    assert "Providers: .venv/bin/penstock providers." in banner(Settings(), None)
    (folder / "penstock").chmod(0o755)
    assert "Providers: penstock providers." in banner(Settings(), None)


# The working directory and its file


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.mkdir(), "penstock.toml can't be read: Is a directory"),
        (os.mkfifo, "penstock.toml can't be read: it is a pipe and no file"),
        (lambda path: path.write_bytes(b"\xff"), "penstock.toml is not UTF-8 text"),
        (lambda path: path.symlink_to("nowhere"), "penstock.toml can't be read: No such file or directory"),
    ],
)
def test_a_settings_file_that_can_not_be_read(
    make: Callable[[Path], None], told: str, served: list[Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "penstock.toml")
    result = run("serve", "--port", "0")
    assert (result.exit_code, result.stderr) == (1, f"Error: {told}\n")
    assert served == []


NOBODY = {"user": 65534} if os.geteuid() == 0 else {}


@pytest.mark.parametrize(
    ("locked", "told"),
    [("", "can't be searched for penstock.toml (Permission denied): start the gateway in another one"), ("penstock.toml", "penstock.toml can't be read: Permission denied")],
)  # fmt: skip
def test_what_may_not_be_read_is_told(locked: str, told: str) -> None:
    """A file that can't be read may hold gateway keys."""
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "penstock.toml").write_text("")
        folder.chmod(0o755)
        (folder / locked).chmod(0)
        code = "import sys; from penstock.settings import SettingsError, load; from pathlib import Path\n"
        code += "try: load({}, {}, Path(sys.argv[1]))\nexcept SettingsError as error: print(error)\n"
        code = f"import os, penstock.settings\nos.setuid({NOBODY['user']}) if {bool(NOBODY)} else None\n" + code
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=300, check=False
        )
        assert done.stderr == ""
        assert told in done.stdout
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    code = "import os, sys; os.chdir(sys.argv[1]); os.rmdir(sys.argv[1]); from penstock.__main__ import run; sys.argv[1:] = ['serve', '--port', '0']; run()"
    gone = tmp_path / "gone"
    gone.mkdir()
    # -P, as the command's script has it: else Python 3.13.0 can't import socket from there.
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(gone)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the working directory can't be used (No such file or directory)")


# The real thing, as a process


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_first_minute_of_a_newcomer(workers: int, stop: signal.Signals) -> None:
    command = [sys.executable, "-m", "penstock", "serve", "--port", "0", "--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            shown = ""
            while "Ctrl-C" not in shown and (line := process.stderr.readline()):
                shown += line
            found = re.search(r"curl http://127\.0\.0\.1:(\d+)(/\S+).*-d '([^']*)'", shown, re.DOTALL)
            assert found is not None, shown
            headers = dict(re.findall(r"-H '([\w-]+): ([^']*)'", shown))
            with closing(http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=300)) as connection:
                connection.request("POST", found[2], found[3], headers)
                response = connection.getresponse()
                assert response.status == 200
                assert "Hello!" in json.loads(response.read())["choices"][0]["message"]["content"]
            process.send_signal(stop)
            rest, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert json.loads(rest)["path"] == "/v1/chat/completions"
    assert errors.strip() == ""


@pytest.mark.parametrize("workers", [1, 2])
def test_https_and_its_renewal(workers: int, tmp_path: Path) -> None:
    old, new = trustme.CA(), trustme.CA()

    def write(authority: trustme.CA) -> None:
        certificate = authority.issue_cert("127.0.0.1")
        (tmp_path / "cert.pem").write_bytes(certificate.cert_chain_pems[0].bytes())
        (tmp_path / "key.pem").write_bytes(certificate.private_key_pem.bytes())

    def health(port: int, authority: trustme.CA) -> int:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        with closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)) as connection:
            connection.request("GET", "/health")
            return connection.getresponse().status

    def is_renewed(port: int) -> bool:
        try:
            return health(port, new) == 200
        except ssl.SSLCertVerificationError:
            return False

    write(old)
    environment = {**os.environ, "PENSTOCK_TLS_CERT": "cert.pem", "PENSTOCK_TLS_KEY": "key.pem"}
    command = [sys.executable, "-m", "penstock", "serve", "--port", "0", "--workers", str(workers)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    ) as process:
        try:
            assert process.stderr is not None
            shown = ""
            while "Ctrl-C" not in shown and (line := process.stderr.readline()):
                shown += line
            found = re.search(r"curl https://127\.0\.0\.1:(\d+)/", shown)
            assert found is not None, shown
            port = int(found[1])
            assert health(port, old) == 200
            write(new)
            # A worker looks at the files at most once a second; with several, both kinds answer for a moment.
            deadline, renewed = time.monotonic() + 300, False
            while not renewed and time.monotonic() < deadline:
                renewed = all(is_renewed(port) for _ in range(4 * workers))
            assert renewed
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PENSTOCK_TLS_CERT": "none.pem"}, "server.tls_cert: there is no file none.pem"),
        ({"PENSTOCK_TLS_KEY": "a.pem"}, "server.tls_key is of no use without server.tls_cert"),
        ({"PENSTOCK_TLS_CLIENT_CA": "a.pem"}, "server.tls_client_ca is of no use without server.tls_cert"),
        ({"PENSTOCK_TLS_CERT": "a.pem"}, "server.tls_cert, tls_key and tls_client_ca: a.pem can't be used: "),
    ],
)
def test_tls_that_can_not_be_served(
    variables: dict[str, str], said: str, served: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pem").write_text("no certificate")
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = run("serve", "--port", "0")
    assert (result.exit_code, served) == (1, [])
    assert said in result.stderr

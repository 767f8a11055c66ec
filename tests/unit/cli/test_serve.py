"""The command line: what each command shows, sends and refuses. The gateway behind it is a stub, save at the end."""

import errno
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import penstock
from penstock.cli import main
from penstock.cli.serve import banner, bind
from penstock.server.asgi import App, Message, Scope, Send
from penstock.server.receive import Receive
from penstock.settings import Settings, SettingsError
from penstock.settings.model import Server
from upstream import refusing_port

STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"
UNBUILDABLE = 999
CHUNK = b'data: {"choices": [{"index": 0, "delta": {"content": "%s"}}]}\n\n'


@pytest.fixture(autouse=True)
def clean_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A folder without penstock.toml, an environment without settings, and signals as they were afterwards."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("PENSTOCK_") or name == "TRUSTED_CUSTOM_HOSTS":
            monkeypatch.delenv(name)
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin, catch_exceptions=False)


class Gateway:
    """An ASGI application that answers every request alike, piece by piece, and remembers what it was asked."""

    def __init__(self, *pieces: bytes, status: int = 200, content_type: str = JSON) -> None:
        self.pieces = pieces
        self.status = status
        self.content_type = content_type
        self.headers: dict[str, str] = {}
        self.body: Any = None
        self.lifespan: list[str] = []
        self.settings: Settings | None = None
        self.is_guarded = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        assert (scope["method"], scope["path"]) == ("POST", "/v1/chat/completions")
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.body = json.loads((await receive())["body"])
        head = [(b"content-type", self.content_type.encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": head})
        for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _live(self, receive: Receive, send: Send) -> None:
        while self.lifespan[-1:] != ["lifespan.shutdown"]:
            self.lifespan.append((await receive())["type"])
            await send({"type": self.lifespan[-1] + ".complete"})


def installed(monkeypatch: pytest.MonkeyPatch, gateway: App) -> None:
    """Have ``penstock.app.build`` give this application."""
    stub = ModuleType("penstock.app")

    def build(settings: Settings, catalogue: Path | None = None) -> App:
        if settings.echo.pace_ms == UNBUILDABLE:
            raise SettingsError(["this can't be built"])
        if isinstance(gateway, Gateway):
            gateway.settings = settings
        return gateway

    monkeypatch.setattr(stub, "build", build, raising=False)
    monkeypatch.setitem(sys.modules, "penstock.app", stub)


def plain(content: Any) -> bytes:
    return json.dumps({"choices": [{"index": 0, "message": {"content": content}, "finish_reason": "stop"}]}).encode()


def test_the_version() -> None:
    assert run("--version").output == f"penstock {penstock.__version__}\n"


def test_the_commands_are_listed() -> None:
    listed = run("--help").output.partition("Commands:")[2]
    assert re.findall(r"^  (\w+) ", listed, re.MULTILINE) == [
        "chat",
        "check",
        "explain",
        "key",
        "providers",
        "serve",
        "test",
    ]


def test_only_what_is_needed_is_imported() -> None:
    code = "import sys, penstock.cli; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"asyncio", "http.client", "penstock.app", "penstock.providers", "ssl", "uvicorn"} & set(imported)


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["chat", "Hi"]])
def test_settings_that_only_the_application_finds_wanting(monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    installed(monkeypatch, Gateway())
    monkeypatch.setenv("PENSTOCK_ECHO_PACE_MS", str(UNBUILDABLE))
    result = run(*command)
    assert (result.exit_code, result.stderr) == (1, "Error: this can't be built\n")


# penstock providers


def test_providers_tell_whether_a_key_is_set_but_never_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "sk-hidden")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    output = run("providers").output
    assert output.startswith("SLUG")
    assert re.search(r"^groq +Groq +https://api.groq.com/openai/v1 +GROQ_API_KEY +yes$", output, re.MULTILINE)
    assert re.search(r"^openai +OpenAI +https://api.openai.com/v1 +OPENAI_API_KEY +no$", output, re.MULTILINE)
    assert re.search(r"^echo +.* +- +-$", output, re.MULTILINE)
    assert "sk-hidden" not in output + run("providers", "--json").output


def test_providers_are_found_by_slug_and_name() -> None:
    assert run("providers", "z-ai").output.splitlines()[1].startswith("z-ai")
    assert run("providers", "z.AI").output.splitlines()[1].startswith("z-ai")


def test_providers_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "sk-hidden")
    [groq] = json.loads(run("providers", "groq", "--json").output)
    assert groq == {
        "slug": "groq",
        "name": "Groq",
        "base_url": "https://api.groq.com/openai/v1",
        "key": "required",
        "key_variables": ["GROQ_API_KEY"],
        "key_set": True,
    }


@pytest.mark.parametrize(
    ("word", "hint"), [("opnai", "did you mean openai?"), ("zzzzzz", "penstock providers lists all")]
)
def test_a_provider_that_is_not_there(word: str, hint: str) -> None:
    result = run("providers", word)
    assert result.exit_code == 1
    assert result.stderr == f"Error: no provider is called {word}: {hint}\n"


# penstock chat


def test_chat_shows_a_stream_whatever_its_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = CHUNK % b"Hel" + b": a comment\n\n" + CHUNK % b"lo" + b"data: [DONE]\n\n"
    gateway = Gateway(*(stream[at : at + 7] for at in range(0, len(stream), 7)), content_type=STREAM)
    installed(monkeypatch, gateway)
    result = run("chat", "Hi")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Hello\n", "")
    assert gateway.headers == {"content-type": "application/json", "x-portkey-provider": "echo"}
    assert gateway.body == {"model": "echo", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    assert gateway.lifespan == ["lifespan.startup", "lifespan.shutdown"]


def test_chat_sends_what_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(plain("Fine.\n"))
    installed(monkeypatch, gateway)
    monkeypatch.setenv("MY_KEY", " sk-1\n")
    result = run(
        "chat", "-", "--provider", "groq", "--model", "m", "--system", "Be kind", "--key-env", "MY_KEY", "--no-stream",
        "--param", "temperature=0.2", "--param", 'stop=["x", "="]', stdin="How are you?",
    )  # fmt: skip
    assert result.stdout == "Fine.\n"
    assert gateway.headers["authorization"] == "Bearer sk-1"
    assert gateway.headers["x-portkey-provider"] == "groq"
    assert gateway.body == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be kind"}, {"role": "user", "content": "How are you?"}],
        "stream": False,
        "temperature": 0.2,
        "stop": ["x", "="],
    }


@pytest.mark.parametrize(("told", "lends"), [(None, True), ("true", True), ("false", False)])
def test_chat_lends_its_own_user_the_keys_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, told: str | None, lends: bool
) -> None:
    gateway = Gateway(plain("x"))
    installed(monkeypatch, gateway)
    monkeypatch.setenv("PENSTOCK_HOST", "0.0.0.0")
    if told is not None:
        monkeypatch.setenv("PENSTOCK_PROVIDERS_ENV_KEYS", told)
    run("chat", "Hi")
    assert gateway.settings is not None
    assert gateway.settings.lends_keys is lends
    assert gateway.settings.server.access_log is False


@pytest.mark.parametrize(
    ("gateway", "message"),
    [
        (Gateway(b'{"error": {"message": "No key."}}', status=401), "No key."),
        (Gateway(b"<h1>Bad\n", status=502, content_type="text/html"), "status 502: <h1>Bad"),
        (Gateway(b'{"error": "own idea"}', status=400), 'status 400: {"error": "own idea"}'),
        (Gateway(b"data: {\n\n", content_type=STREAM), "the reply is no chat completion"),
        (Gateway(b"<html>"), "the reply is no chat completion"),
    ],
)
def test_chat_tells_an_error(monkeypatch: pytest.MonkeyPatch, gateway: Gateway, message: str) -> None:
    installed(monkeypatch, gateway)
    result = run("chat", "Hi")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {message}\n")
    assert gateway.lifespan == ["lifespan.startup", "lifespan.shutdown"]


def test_chat_keeps_what_came_before_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Gateway(CHUNK % b"Hel", b'data: {"error": {"message": "It broke."}}\n\n', content_type=STREAM)
    installed(monkeypatch, broken)
    result = run("chat", "Hi")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "Hel\n", "Error: It broke.\n")


def test_chat_shows_one_of_several_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    other = b'data: {"choices": [{"index": 1, "delta": {"content": "other"}}]}\n\n'
    installed(monkeypatch, Gateway(CHUNK % b"one", other, content_type=STREAM))
    assert run("chat", "Hi").stdout == "one\n"


def test_chat_says_so_when_there_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    called = b'data: {"choices": [{"delta": {"tool_calls": []}, "finish_reason": "tool_calls"}]}\n\n'
    installed(monkeypatch, Gateway(called, content_type=STREAM))
    result = run("chat", "Hi")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "The reply has no text (finish reason: tool_calls).\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--param", "temperature=warm"), "--param temperature: expected JSON after the ="),
        (("--param", "temperature"), "--param temperature: expected JSON after the ="),
        (("--key-env", "NO_SUCH_KEY"), "--key-env: the variable NO_SUCH_KEY is not set"),
        (("--key-env", "ODD_KEY"), "--key-env: ODD_KEY holds characters that no key has"),
        (("--url", "localhost:8787"), "--url: localhost:8787 is no address such as http://127.0.0.1:8787"),
        (("--url", "http://[::1"), "--url: http://[::1 is no address such as http://127.0.0.1:8787"),
    ],
)
def test_chat_refuses_what_it_can_not_send(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.setenv("ODD_KEY", "sk\nhidden")
    result = run("chat", "Hi", *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {message}")
    assert "hidden" not in result.stderr


def test_chat_tells_of_bad_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, Gateway())
    monkeypatch.setenv("PENSTOCK_ECHO_PACE_MS", "slow")
    assert "PENSTOCK_ECHO_PACE_MS: expected" in run("chat", "Hi").stderr


def test_a_defect_of_the_application_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    async def defective(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError(scope["type"])

    installed(monkeypatch, defective)
    with pytest.raises(LookupError):
        run("chat", "Hi")


def test_an_application_that_leaves_a_reply_unfinished(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unfinished(Gateway):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def cut(message: Message) -> None:
                if message["type"] != "http.response.body" or message["more_body"]:
                    await send(message)

            await super().__call__(scope, receive, cut)

    installed(monkeypatch, Unfinished(b'{"choices": ['))
    assert run("chat", "Hi", "--no-stream").stderr == "Error: the reply is no chat completion\n"


class Remote(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    reply = b""
    asked = ""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        type(self).asked = self.path
        self.wfile.write(self.reply)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing: a test's output is for its failures."""


@pytest.fixture
def remote() -> Iterator[str]:
    """The address of a gateway on a socket that answers with ``Remote.reply``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Remote)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_chat_with_a_running_gateway(remote: str, suffix: str) -> None:
    stream = CHUNK % b"Hello" + b"data: [DONE]\n\n"
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {STREAM}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    Remote.reply = head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(stream), stream)
    assert run("chat", "Hi", "--url", remote + suffix).output == "Hello\n"
    assert Remote.asked == "/v1/chat/completions"


def test_chat_with_a_gateway_that_breaks_off(remote: str) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {STREAM}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    Remote.reply = head + b"ff\r\n" + CHUNK % b"Hel"
    result = run("chat", "Hi", "--url", remote)
    assert result.exit_code == 1
    assert result.stderr.endswith(f"Error: the gateway at {remote} broke off its reply\n")


def test_chat_with_a_gateway_that_is_not_there() -> None:
    with refusing_port() as port:
        url = f"http://127.0.0.1:{port}"
        result = run("chat", "Hi", "--url", url)
    assert result.exit_code == 1
    assert result.stderr == f"Error: can't reach a gateway at {url}: Connection refused\n"


# penstock serve


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that ``penstock serve`` starts a server with; no server is started."""
    import penstock.server.serve as server

    seen: list[Settings] = []

    def start(app: App | str, settings: Settings, sock: socket.socket, catalogue: Path | None = None) -> None:
        with sock:
            assert sock.getsockname()[1] == settings.server.port
        seen.append(settings)

    monkeypatch.setattr(server, "serve", start)
    monkeypatch.setattr(server, "supervise", start)
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
    assert run("serve", "--port", "0", "--log-level", "warning").output == ""


@pytest.mark.parametrize(("level", "warned"), [("info", True), ("warning", True), ("error", False)])
def test_serve_warns_that_others_can_reach_it(served: list[Settings], level: str, warned: bool) -> None:
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

    monkeypatch.setattr(socket, "create_server", fail)
    with pytest.raises(click.ClickException, match=re.escape(message)):
        bind("127.0.0.1", 80)


def test_a_host_that_has_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(click.ClickException, match="the host nowhere is not known here"):
        bind("nowhere", 80)


def test_a_name_of_both_families_is_served_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    six = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0))
    four = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [six, four])
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
            with closing(http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=60)) as connection:
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


def test_workers_that_can_not_start_end_it_all() -> None:
    code = """
import socket
from penstock.server.serve import supervise
from penstock.settings.model import Server, Settings
supervise("penstock.no_such_module:app", Settings(Server(workers=2)), socket.create_server(("127.0.0.1", 0)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "no_such_module" in done.stderr


def test_the_first_question_of_a_newcomer() -> None:
    command = [sys.executable, "-m", "penstock", "chat", "hello"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "hello" in done.stdout

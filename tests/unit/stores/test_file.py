"""A change of the file, or of one that it names, is in force soon; a broken one leaves in force what was."""

import asyncio
import logging
import os
import pty
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType

import pytest

from penstock.core.secret import Secret
from penstock.stores.catalogue import EMPTY, digest_of
from penstock.stores.file import CatalogueError, CatalogueFile

PROVIDERS = ("openai", "echo")
SOON, NEVER = 0.001, 3600.0
KEY = f'[keys.a]\nhash = "{digest_of("pk-a")}"\n'
OTHER = f'[keys.b]\nhash = "{digest_of("pk-b")}"\n'
KEPT = "; what was in force before stays in force"


class Told(logging.Handler):
    """What the gateway logs, and a way to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: asyncio.Queue[str] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.put_nowait(f"{record.levelname} {record.getMessage()}")


def write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


def permit(path: Path, mode: int) -> None:
    path.chmod(mode)


def remove(path: Path) -> None:
    path.unlink()


@pytest.fixture
def told() -> Iterator[Told]:
    handler, log = Told(), logging.getLogger("penstock")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.setLevel(level)
    log.removeHandler(handler)


@asynccontextmanager
async def running(
    path: Path | None, interval: float = SOON, *, must_be_guarded: bool = False
) -> AsyncIterator[tuple[CatalogueFile, asyncio.Event]]:
    """A running catalogue, and an event that a change sets."""
    environ, changed = {"KEY": "k1"}, asyncio.Event()
    catalogues = CatalogueFile(path, environ, PROVIDERS, interval=interval, must_be_guarded=must_be_guarded)
    catalogues.watch(lambda _: changed.set())
    catalogues.start()
    try:
        yield catalogues, changed
    finally:
        await catalogues.stop()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "penstock.toml"
    write(path, KEY)
    return path


def test_the_first_reading_must_succeed(path: Path) -> None:
    write(path, "[keys.a]")
    with pytest.raises(CatalogueError):
        CatalogueFile(path, {}, PROVIDERS)


async def test_without_a_file_there_is_nothing_to_follow() -> None:
    async with running(None) as (catalogues, _):
        assert catalogues.current is EMPTY


async def test_a_change_is_in_force_and_told_to_those_who_watch(path: Path) -> None:
    async with running(path) as (catalogues, changed):
        before = catalogues.current
        write(path, KEY + '[virtual_keys.v]\nprovider = "echo"')
        await changed.wait()
        assert catalogues.current.virtual_keys.keys() == {"v"}
        assert not before.virtual_keys


async def test_a_file_that_was_replaced_or_linked_anew_is_seen(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    async with running(link) as (catalogues, changed):
        write(tmp_path / "new.toml", OTHER)
        (tmp_path / "new link").symlink_to(tmp_path / "new.toml")
        (tmp_path / "new link").replace(link)
        await changed.wait()
        assert [key.name for key in catalogues.current.keys] == ["b"]


async def test_files_that_the_file_names_are_followed(path: Path, tmp_path: Path) -> None:
    write(tmp_path / "key", "k1")
    write(tmp_path / "prod.yaml", "provider: echo")
    write(path, '[virtual_keys.v]\nprovider = "openai"\ncredential = "file:key"\n[configs.c]\nfile = "prod.yaml"')
    async with running(path) as (catalogues, changed):
        write(tmp_path / "key", "k2\n")
        await changed.wait()
        assert catalogues.current.virtual_keys["v"].credential == Secret("k2")
        changed.clear()
        write(tmp_path / "prod.yaml", "provider: openai")
        await changed.wait()
        assert catalogues.current.configs["c"].body == b'{"provider":"openai"}'


async def test_a_broken_file_leaves_in_force_what_was(path: Path, tmp_path: Path, told: Told) -> None:
    async with running(path) as (catalogues, changed):
        before = catalogues.current
        write(path, KEY + '[configs.c]\nfile = "c.json"\n[virtual_keys.v]\nprovider = "zzz"')
        one, two = await told.lines.get(), await told.lines.get()
        assert one.startswith("ERROR virtual_keys.v.provider in penstock.toml: there is no provider zzz")
        assert one.endswith(KEPT)
        assert two == f"ERROR configs.c in penstock.toml: c.json can't be read: No such file or directory{KEPT}"
        # Only what is new is told; a file that was not there is followed too.
        write(tmp_path / "c.json", "[]")
        assert await told.lines.get() == f"ERROR configs.c in penstock.toml: the config must be an object{KEPT}"
        remove(path)
        assert await told.lines.get() == f"ERROR penstock.toml can't be read: No such file or directory{KEPT}"
        assert catalogues.current is before
        write(path, KEY)
        assert await told.lines.get() == "INFO penstock.toml is mended and in force"
        assert told.lines.empty()
        assert not changed.is_set()
        assert catalogues.current is before


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "penstock.toml holds no gateway key any more, which would let in whoever reaches the gateway: "),
        ("[server]\nport = 1\n", "penstock.toml holds no gateway key any more"),
        ("[keys]\n", "penstock.toml holds no gateway key any more"),
        (KEY.replace("[keys.a]", "[keyz.a]"), "unknown section [keyz] in penstock.toml: did you mean [keys]?"),
        (KEY.replace("[keys.a]", "[key.a]"), "unknown section [key] in penstock.toml: did you mean [keys]?"),
        (KEY.replace("[keys.a]", "[Keys.a]"), "unknown section [Keys] in penstock.toml: did you mean [keys]?"),
        (OTHER + KEY.replace("keys", "keyz"), "unknown section [keyz] in penstock.toml: did you mean [keys]?"),
        ("keys = 1", "keys in penstock.toml: expected sections, [keys.NAME]"),
        ("keys = []", "keys in penstock.toml: expected sections, [keys.NAME]"),
        ("keys = { a = 1 }", "keys.a in penstock.toml: expected a section, [keys.a]"),
        (OTHER + "[server]\nhots = 1", "unknown setting server.hots in penstock.toml: did you mean server.host?"),
        (OTHER + '[server]\nport = "x"', "server.port in penstock.toml: expected a whole number from 0 to 65535"),
        ("[keys.a", "penstock.toml is not valid TOML"),
        ("\x00", "penstock.toml is not valid TOML"),
    ],
)
async def test_no_change_of_the_file_opens_a_guarded_gateway(path: Path, told: Told, text: str, problem: str) -> None:
    async with running(path) as (catalogues, changed):
        before = catalogues.current
        write(path, text)
        line = await told.lines.get()
        assert line.startswith(f"ERROR {problem}")
        assert line.endswith(KEPT)
        assert catalogues.current is before
        assert catalogues.current.is_guarded
        assert not changed.is_set()
        write(path, OTHER)
        await changed.wait()
        assert [key.name for key in catalogues.current.keys] == ["b"]


def test_a_worker_of_a_guarded_gateway_lets_nobody_in_without_keys(path: Path) -> None:
    write(path, "")
    catalogue = CatalogueFile(path, {}, PROVIDERS, must_be_guarded=True).current
    assert catalogue.is_guarded
    assert catalogue.key_for("pk-a") is None
    assert not CatalogueFile(path, {}, PROVIDERS).current.is_guarded
    assert CatalogueFile(None, {}, PROVIDERS, must_be_guarded=True).current.is_guarded


async def test_a_worker_whose_keys_are_in_the_database_follows_a_file_without_keys(path: Path) -> None:
    write(path, "")
    async with running(path, must_be_guarded=True) as (catalogues, changed), asyncio.timeout(60):
        write(path, '[virtual_keys.v]\nprovider = "echo"')
        await changed.wait()
        assert catalogues.current.virtual_keys.keys() == {"v"}
        assert catalogues.current.is_guarded


async def test_files_that_others_can_read_or_change_are_told_once(path: Path, tmp_path: Path, told: Told) -> None:
    secret = tmp_path / "secret"
    write(secret, "k1")
    write(path, KEY + '[virtual_keys.v]\nprovider = "openai"\ncredential = "file:secret"')
    # A hash is no secret: everybody may read it.
    permit(path, 0o644)
    permit(secret, 0o640)
    async with running(path) as (_, changed):
        assert told.lines.empty()
        permit(secret, 0o644)
        write(secret, "k2")
        await changed.wait()
        assert await told.lines.get() == (
            f"WARNING {secret} can be read by everybody on this machine: chmod o-r {secret}"
        )
        changed.clear()
        permit(path, 0o664)
        write(secret, "k3")
        await changed.wait()
        assert await told.lines.get() == (
            f"WARNING {path} can be changed by others on this machine: chmod go-w,o-r {path}"
        )
        assert told.lines.empty()


@pytest.mark.parametrize(
    ("config", "is_told"),
    [
        ('provider = "openai"\napi_key = "sk-1"', True),
        ('provider = "azure-openai"\nazure_ad_token = "t"', True),
        ('provider = "openai"\nmax_tokens = 5', False),
        ('provider = "openai"\noverride_params = { max_tokens = 5 }', False),
    ],
)
async def test_a_config_with_a_credential_makes_its_file_a_secret(
    path: Path, told: Told, config: str, is_told: bool
) -> None:
    write(path, f"{KEY}[configs.c]\n{config}\n")
    permit(path, 0o644)
    async with running(path):
        assert told.lines.empty() is not is_told


async def test_a_file_that_is_only_touched_changes_nothing(path: Path) -> None:
    async with running(path, NEVER) as (catalogues, changed):
        before = catalogues.current
        os.utime(path, (1, 1))
        await catalogues._reread(path)
        assert not changed.is_set()
        assert catalogues.current is before


async def test_a_file_is_not_read_while_it_is_being_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogues = CatalogueFile(path, {}, PROVIDERS)
    whole = KEY + '[virtual_keys.v]\nprovider = "echo"'
    contents = ["", whole, None]
    seen = []

    async def wait() -> bool:
        seen.append((len(catalogues.current.keys), len(catalogues.current.virtual_keys)))
        if not contents:
            raise asyncio.CancelledError
        content = contents.pop(0)
        if content is not None:
            write(path, content)
        return False

    monkeypatch.setattr(catalogues, "_wait", wait)
    with pytest.raises(asyncio.CancelledError):
        await catalogues._follow(path)
    assert seen == [(1, 0), (1, 0), (1, 0), (1, 1)]


async def test_a_signal_asks_for_a_look_at_once(path: Path) -> None:
    previous = signal.getsignal(signal.SIGHUP)
    async with running(path, NEVER) as (catalogues, changed):
        write(path, OTHER)
        os.kill(os.getpid(), signal.SIGHUP)
        await changed.wait()
        assert [key.name for key in catalogues.current.keys] == ["b"]
    assert signal.getsignal(signal.SIGHUP) == previous


async def test_a_signal_that_somebody_else_handles_is_left_to_them(path: Path) -> None:
    def theirs(number: int, frame: FrameType | None) -> None: ...

    previous = signal.signal(signal.SIGHUP, theirs)
    try:
        async with running(path, NEVER):
            assert signal.getsignal(signal.SIGHUP) is theirs
        assert signal.getsignal(signal.SIGHUP) is theirs
    finally:
        signal.signal(signal.SIGHUP, previous)


async def test_beside_the_main_thread_there_are_no_signals(path: Path) -> None:
    async def follow() -> bool:
        async with running(path) as (_, changed):
            write(path, OTHER)
            return await changed.wait()

    assert await asyncio.to_thread(asyncio.run, follow())


SERVER = """
import asyncio, sys
from pathlib import Path
from penstock.stores.file import CatalogueFile

async def main():
    catalogues, changed = CatalogueFile(Path(sys.argv[1]), {}, ("echo",), interval=3600), asyncio.Event()
    catalogues.watch(lambda _: changed.set())
    catalogues.start()
    print("up", flush=True)
    await changed.wait()
    print("changed", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_terminal_that_is_closed_ends_the_process_and_a_signal_on_it_does_not(path: Path) -> None:
    # Unbuffered files of the two ends: closing one is what a terminal does when its window is closed.
    ours, theirs = (os.fdopen(end, "r+b", buffering=0) for end in pty.openpty())
    with (
        ours,
        theirs,
        subprocess.Popen(
            [sys.executable, "-c", SERVER, path], stdin=theirs, stdout=subprocess.PIPE, start_new_session=True
        ) as process,
    ):
        assert process.stdout
        try:
            theirs.close()
            assert process.stdout.readline() == b"up\n"
            write(path, OTHER)
            process.send_signal(signal.SIGHUP)
            assert process.stdout.readline() == b"changed\n"
            ours.close()
            process.send_signal(signal.SIGHUP)
            assert process.wait(300) == -signal.SIGTERM
        finally:
            process.kill()


async def test_a_watch_that_is_stopped_as_it_is_asked_to_read_stops(tmp_path: Path) -> None:
    """A cancellation that comes together with a signal is not lost."""
    write(tmp_path / "penstock.toml", "")
    source = CatalogueFile(tmp_path / "penstock.toml", {}, PROVIDERS, interval=NEVER)
    source.start()
    while not source._asked._waiters:  # noqa: ASYNC110 (an event does not tell that it is waited for)
        await asyncio.sleep(0)
    source._asked.set()
    stopped, _ = await asyncio.wait([asyncio.create_task(source.stop())], timeout=10)
    assert stopped

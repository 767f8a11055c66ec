"""What the suite does around every test: leaks are reported at their origin, recordings may be absent, order is free."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest

import parts
import shuffle

ROOT = Path(__file__).parents[2]

PREFACE = """
import asyncio, socket, subprocess, sys, threading
import pytest

class Kept:
    'What is in a reference cycle lives until garbage is collected.'
    def __init__(self, it):
        self.it, self.itself = it, self

"""

# A test that leaks, and what is said of it.
LEAKS: dict[str, tuple[str, str]] = {
    "socket": ("""
        def test_it():
            Kept(socket.create_server(("127.0.0.1", 0)))
        """, "unclosed <socket.socket"),
    "client": ("""
        def test_it():
            with socket.create_server(("127.0.0.1", 0)) as server:
                Kept(socket.create_connection(server.getsockname()))
        """, "unclosed <socket.socket"),
    "fixture": ("""
        @pytest.fixture
        def made():
            return Kept(socket.socket())

        def test_it(made):
            pass
        """, "unclosed <socket.socket"),
    "module": ("""
        @pytest.fixture(scope="module")
        def made():
            return Kept(socket.socket())

        def test_it(made):
            pass
        """, "(or a fixture that ended with it: made) left something unclosed: ResourceWarning: unclosed <socket.socket"),
    "failure": ("""
        def test_it():
            opened = Kept(socket.socket())
            assert not opened
        """, "unclosed <socket.socket"),
    "file": ("""
        def test_it():
            Kept(open(__file__))
        """, "unclosed file"),
    "process": ("""
        def test_it():
            Kept(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL))
        """, "is still running"),
    "loop": ("""
        def test_it():
            Kept(asyncio.new_event_loop())
        """, "unclosed event loop"),
    "thread": ("""
        def test_it():
            threading.Thread(target=threading.Event().wait, name="left behind", daemon=True).start()
        """, "left a thread running: <Thread(left behind,"),
    "task": ("""
        async def test_it():
            global held
            held = asyncio.create_task(asyncio.Event().wait(), name="left behind")
        """, "tasks were left running:\n<Task pending name='left behind'"),
    "transport": ("""
        async def test_it():
            server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            server.close()
            Kept(writer)
        """, "unclosed"),
}  # fmt: skip


def test_a_leak_is_reported_in_the_test_that_leaks_and_in_no_other(tmp_path: Path) -> None:
    # Asynchronous tests of a folder of this name run on both event loops.
    folder = tmp_path / "transport"
    folder.mkdir()
    # What is awaited here never ends, however long it is awaited.
    (folder / "conftest.py").write_text("import leaks\nleaks.PATIENCE = 0.05\n")
    for name, (code, _) in LEAKS.items():
        (folder / f"test_{name}.py").write_text(PREFACE + dedent(code))
        (folder / f"test_{name}_is_over.py").write_text("def test_it():\n    pass\n")
    told = pytest_of(folder)
    result = dict.fromkeys(LEAKS, "passed") | {"failure": "failed"}
    for name, (_, report) in LEAKS.items():
        tests = [f"test_{name}.py::test_it{loop}" for loop in ("[uvloop]", "[asyncio]")]
        if name not in {"task", "transport"}:
            tests = [f"test_{name}.py::test_it"]
        for test in tests:
            assert results(told, test) == {result[name], "error"}, told
        assert results(told, f"test_{name}_is_over.py::test_it") == {"passed"}, told
        assert told.count(report) >= len(tests), told


def test_a_leaked_object_is_traced_to_the_line_that_made_it(tmp_path: Path) -> None:
    (tmp_path / "test_socket.py").write_text(PREFACE + dedent(LEAKS["socket"][0]))
    told = pytest_of(tmp_path, "--trace-leaks")
    assert 'Kept(socket.create_server(("127.0.0.1", 0)))' in told


@pytest.mark.parametrize(("more", "expected"), [("", "skipped"), ("replay_upstream.py", "passed")])
def test_only_tests_that_say_so_need_recordings(tmp_path: Path, more: str, expected: str) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\n@pytest.mark.recordings\ndef test_marked(): pass\n\ndef test_plain(): pass\n"
    )
    if more:
        (tmp_path / more).touch()
    told = pytest_of(tmp_path, TEST_RECORDINGS=str(tmp_path))
    assert ("1 tests were skipped: the recorded provider traffic is not part of a clone." in told) is (not more)
    assert results(told, "test_it.py::test_plain") == {"passed"}
    assert f"1 {expected}" in told or "2 passed" in told


CLIENTS = set(
    """openai.OpenAI openai.AsyncOpenAI portkey_ai.Portkey portkey_ai.AsyncPortkey httpx.Client httpx.AsyncClient
    http.client.HTTPConnection subprocess.Popen""".split()
)
CLOSERS = {"closing", "opened.enter_context", "opened.enter_async_context"}


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: path.name)
def test_clients_are_made_where_they_are_closed(path: Path) -> None:
    """An SDK closes a forgotten client when it is collected, mostly, so that not every leak would be seen."""
    tree = ast.parse(path.read_text())
    entered = {id(node.context_expr) for node in ast.walk(tree) if isinstance(node, ast.withitem)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) or (isinstance(node, ast.Call) and ast.unparse(node.func) in CLOSERS):
            entered |= {id(child) for child in ast.iter_child_nodes(node)}
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) in CLIENTS]
    assert not [ast.unparse(node) for node in made if id(node) not in entered]


def test_nothing_of_the_shell_reaches_the_tests(tmp_path: Path) -> None:
    shell = {"https_proxy": "http://127.0.0.1:9", "OPENAI_API_KEY": "sk", "GROQ_API_KEY": "g", "PENSTOCK_PORT": "1"}
    (tmp_path / "test_it.py").write_text(
        f"import os\n\ndef test_it():\n    assert not {set(shell)!r} & os.environ.keys()\n"
    )
    assert results(pytest_of(tmp_path, **shell), "test_it.py::test_it") == {"passed"}


def pytest_of(folder: Path, *options: str, **variables: str) -> str:
    """What pytest says of a folder of tests, under the project's settings and with its conftest."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        str(ROOT / "pyproject.toml"),
        f"--rootdir={folder}",
        "-p",
        "conftest",
    ]
    paths = {
        "PYTHONPATH": os.pathsep.join(
            [str(ROOT / "src"), str(ROOT / "tests"), *map(str, (ROOT / "tests" / "support").iterdir())]
        )
    }
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-rA", *options, str(folder)],
        cwd=folder, env={**os.environ, **paths, **variables}, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def results(told: str, test: str) -> set[str]:
    """How the phases of a test came out, by the lines of pytest's summary."""
    return {word.lower() for word in re.findall(rf"^(\w+) {re.escape(test)}(?: - .*)?$", told, re.MULTILINE)}


def shuffled(seed: str | None) -> list[tuple[str, int]]:
    items: list[Any] = [SimpleNamespace(path=path, number=number) for path in "abcdef" for number in range(5)]
    config: Any = SimpleNamespace(getoption=lambda _: seed)
    shuffle.pytest_collection_modifyitems(config, items)
    return [(item.path, item.number) for item in items]


def test_a_seed_gives_an_order_and_keeps_the_tests_of_a_file_together() -> None:
    order = shuffled("7")
    assert order == shuffled("7") != shuffled("8")
    assert sorted(order) == shuffled(None)
    files = [path for path, _ in order]
    assert sum(one != other for one, other in pairwise(files)) == 5


def test_no_test_changes_a_module_that_other_threads_use() -> None:
    """A thread of another test that still ends, or an event loop, would meet the change: patch the name in the module
    that is tested, ``"penstock.x.socket"``."""
    shared = "asyncio|os|random|signal|socket|ssl|subprocess|tempfile|threading|time"
    patched = re.compile(rf'setattr\(\s*(?:({shared}),|"({shared})\.)')
    for path in sorted((ROOT / "tests").rglob("*.py")):
        assert patched.search(path.read_text("utf-8")) is None, path.relative_to(ROOT)


def test_what_a_page_shows_is_found_by_its_whole_name() -> None:
    """By a part of a name a test of the console finds also what the page before shows: it fails on a busy machine."""
    for path in sorted((ROOT / "console" / "tests").glob("*.mjs")):
        found = re.findall(r"getByLabel\(.*|getByRole\([^)]*name(?!: /).*", path.read_text("utf-8"))
        assert all("exact: true" in each for each in found), f"{path.name}: use field and named of gateway.mjs: {found}"


def test_each_file_is_in_one_part() -> None:
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    assert sorted(file for number in range(1, 9) for file in parts.files_of(ROOT / "tests", number, 8)) == files


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0"])
def test_a_part_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"part|unpack|invalid literal"):
        parts.part(text)


def ignored(path: Path, markexpr: str = "", part: tuple[int, int] | None = None) -> bool:
    config: Any = SimpleNamespace(
        option=SimpleNamespace(markexpr=markexpr),
        getoption=lambda _: part, rootpath=path.parents[1], getini=lambda _: ["tests"],
    )  # fmt: skip
    return bool(parts.pytest_ignore_collect(path, config))


def test_a_part_runs_its_files_alone(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    files = [folder / f"test_{name}.py" for name in "abc"]
    for file in files:
        file.write_text("def test_it(): pass\n")
    assert [ignored(file, part=(1, 2)) for file in files] == [False, True, False]
    assert [ignored(file, part=(2, 2)) for file in files] == [True, False, True]
    assert not any(ignored(file) for file in files)
    assert not ignored(folder / "conftest.py", part=(2, 2))


def test_a_file_whose_tests_need_recordings_names_the_mark(tmp_path: Path) -> None:
    """``-m recordings`` imports no other."""
    (tmp_path / "test_marked.py").write_text("import marks\n\npytestmark = marks.MINE\n\ndef test_it(): pass\n")
    (tmp_path / "marks.py").write_text("import pytest\n\nMINE = pytest.mark.recordings\n")
    (tmp_path / "conftest.py").write_text(f"import sys\n\nsys.path.append({str(tmp_path)!r})\n")
    assert "its file doesn't name the mark" in pytest_of(tmp_path)
    (tmp_path / "test_broken.py").write_text("raise ZeroDivisionError\n")
    assert "ZeroDivisionError" not in pytest_of(tmp_path, "-m", "recordings")


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, id=file.name)
        for file in sorted((ROOT / "tests" / "contract").glob("*.py"))
        if "fresh_address(request" in file.read_text()
    ],
)
def test_what_is_asked_of_a_database_is_asked_of_both(file: Path) -> None:
    fixtures = re.findall(r"fixture\(.*?params=\[(.*?)\]", file.read_text())
    engines = [set(re.findall(r"\w+", found)) for found in fixtures]
    of_databases = [found for found in engines if "postgres" in found or "file" in found]
    assert of_databases
    assert all("postgres" in found and found & {"memory", "file"} for found in of_databases)
    assert "mark.skip" not in file.read_text()

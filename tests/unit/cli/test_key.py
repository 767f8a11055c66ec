"""``penstock key``: what it prints lets the key in, and the key is printed once or not at all."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli import main
from penstock.stores.catalogue import Catalogue
from penstock.stores.file import read


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["key", "make", *arguments], input=stdin, catch_exceptions=False)


def pasted(folder: Path, lines: str) -> Catalogue:
    (folder / "penstock.toml").write_text(lines)
    return read(folder / "penstock.toml", {}, ())


@pytest.mark.parametrize("name", ["team-a", "team.a", "7"])
def test_a_new_key_is_let_in_by_the_lines_below_it(tmp_path: Path, name: str) -> None:
    result = run(name)
    key, _, lines = result.stdout.partition("\n")
    assert re.fullmatch(r"pk-[A-Za-z0-9_-]{32,}", key)
    assert key not in lines + result.stderr
    holder = pasted(tmp_path, lines).key_for(key)
    assert holder is not None
    assert holder.name == name


def test_every_key_is_another() -> None:
    assert len({run().stdout.partition("\n")[0] for _ in range(9)}) == 9


def test_a_key_that_exists_already_is_not_printed(tmp_path: Path) -> None:
    result = run("bob", "--hash", stdin="sk-hunter2\n")
    assert "hunter2" not in result.output
    assert pasted(tmp_path, result.stdout).key_for("sk-hunter2")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--hash",), "Error: standard input holds no key\n"),
        (("a b",), "Error: a b is no name: use letters, digits, dots, dashes and underscores\n"),
    ],
)
def test_refusals(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments, stdin=" \n")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", said)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("a", "the key can be guessed: it has 1 characters, 1 different ones."),
        ("sk-1234", "the key can be guessed: it has 7 characters, 7 different ones."),
        ("a" * 64, "the key can be guessed: it has 64 characters, 1 different ones."),
        ("abababababababab", "the key can be guessed: it has 16 characters, 2 different ones."),
        ("two words 0123456789", "the key holds a space or a character that no header can carry"),
        ("schl\u00fcssel-0123456789", "the key holds a space or a character that no header can carry"),
    ],
)
def test_a_key_that_can_be_guessed_is_refused(key: str, said: str) -> None:
    result = run("bob", "--hash", stdin=f"{key}\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr


def test_a_short_key_is_taken_with_a_warning() -> None:
    result = run("bob", "--hash", stdin="0123456789abc\n")
    assert result.exit_code == 0
    assert result.stderr == "Warning: the key is short. Take 20 random characters, or more.\n"
    assert run("bob", "--hash", stdin="0123456789abcdefghij\n").stderr == ""

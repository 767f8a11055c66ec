"""The command line as a whole: its version, its commands, and how fast it starts."""

import os
import re
import subprocess
import sys

import pytest

import penstock
from commands import UNBUILDABLE, Gateway, installed, run


def test_the_version() -> None:
    assert run("--version").output == f"penstock {penstock.__version__}\n"


def test_the_commands_are_listed() -> None:
    listed = run("--help").output.partition("Commands:")[2]
    assert re.findall(r"^  (\w+) ", listed, re.MULTILINE) == [
        "audit",
        "chat",
        "check",
        "config",
        "explain",
        "guard",
        "import",
        "key",
        "limit",
        "logs",
        "policy",
        "prices",
        "provider",
        "providers",
        "reprice",
        "secrets",
        "serve",
        "test",
        "workspace",
    ]


def test_only_what_is_needed_is_imported() -> None:
    code = "import sys, penstock.cli; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"asyncio", "http.client", "penstock.app.root", "penstock.providers", "ssl", "uvicorn"} & set(imported)


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["chat", "Hi"]])
def test_settings_that_only_the_application_finds_wanting(monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    installed(monkeypatch, Gateway())
    monkeypatch.setenv("PENSTOCK_ECHO_PACE_MS", str(UNBUILDABLE))
    result = run(*command)
    assert (result.exit_code, result.stderr) == (1, "Error: this can't be built\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("chat", "{}"),
        ("chat", "hi", "--provider", "{}"),
        ("explain", "-", "--provider={}"),
        ("check", "{}.json"),
        ("{}",),
    ],
)
def test_an_argument_that_is_no_utf_8_is_refused(arguments: tuple[str, ...]) -> None:
    result = run(*(each.format(os.fsdecode(b"h\xff")) for each in arguments))
    assert result.exit_code == 2
    assert "is no UTF-8 text" in result.output

"""``penstock check``: a whole penstock.toml, what is no config, and what is no text."""

from pathlib import Path

import pytest

from commands import run
from config_commands import CATALOGUE, written
from penstock.stores.catalogue import digest_of


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("c.json", '{\n"provider": ,\n}', "c.json:2: it is not valid JSON"),
        ("c.json", "[]", "c.json:1: expected an object"),
        ("c.json", '{"provider": 1e999}', "c.json:1: config: it is not valid JSON"),
        ("c.json", "[" * 100_000, "c.json: it is nested too deeply"),
        ("c.yaml", "", "c.yaml:1: expected an object"),
        ("c.yaml", "provider: !!python/name:os.system", "c.yaml:1: it is not valid YAML"),
        ("c.yaml", "&a {retry: *a}", "c.yaml: it holds what JSON can't"),
        ("c.toml", "provider = 7", "c.toml: config.provider: Expected string, received number"),
        ("c.toml", "provider =", "c.toml: it is not valid TOML"),
        ("nothing.json", None, "nothing.json can't be read: No such file or directory"),
    ],
)
def test_what_is_no_config(name: str, text: str | None, said: str) -> None:
    if text is not None:
        written(name, text)
    result = run("check", name)
    assert result.exit_code == 1
    assert result.output.startswith(said)


def test_what_is_no_text() -> None:
    Path("c.json").write_bytes(b"\xff\xfe")
    assert run("check", "c.json").output == "c.json is not UTF-8 text\n"


def test_a_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROD", "sk-hunter2")
    result = run("check", written("other.toml", CATALOGUE % digest_of("pk")))
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "other.toml: configs.good: warning: config.targets[1].weight: it has no effect here",
        "other.toml: configs.good: fallback(@prod, echo), 2 targets, at most 2 attempts",
        "other.toml: configs.open: warning: config: requests have to name a provider; checked as if they named openai",
        "other.toml: configs.open: openai, 1 target, at most 2 attempts",
        "other.toml: valid",
    ]


def test_a_catalogue_with_problems() -> None:
    result = run("check", written("penstock.toml", CATALOGUE % "md5:1" + "[server]\nport = 'x'\n"))
    assert result.exit_code == 1
    assert result.output.startswith("server.port in penstock.toml: expected")
    result = run("check", written("penstock.toml", CATALOGUE % "md5:1"))
    assert result.exit_code == 1
    assert [line.split(" in ")[0] for line in result.output.splitlines()] == [
        "virtual_keys.prod.credential",
        "keys.team.hash",
    ]

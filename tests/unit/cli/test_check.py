"""``penstock check``: a whole penstock.toml, what is no config, and what is no text."""

import json
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
        ("c.json", '{"provider": 1e999}', "c.json: it holds a number that JSON can't write"),
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


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)
DIGITS = "1" * 100_000


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("c.yaml", BOMB, "c.yaml: it has more than 50000 values: make it smaller"),
        ("c.json", f'{{"a":{DIGITS}}}', "c.json: it is not valid JSON (a number has too many digits)"),
        ("c.toml", f"a = {DIGITS}", "c.toml: it is not valid TOML (a number has too many digits)"),
        ("c.yaml", f"a: {DIGITS}", "c.yaml:1: it is not valid YAML (a number has more than 400 characters)"),
        ("c.json", json.dumps({"a": "x" * 300_000}), "c.json can't be used: it is larger than 262144 bytes"),
        ("c.json", '{"a":' * 30_000, "c.json: it is nested too deeply"),
        ("c.json", json.dumps({f"zq{number}": 1 for number in range(200)}), "c.json:1: config: it has more than 100 settings"),
    ],
)  # fmt: skip
def test_files_have_the_bounds_of_configs(name: str, text: str, said: str) -> None:
    result = run("check", written(name, text))
    assert result.exit_code == 1
    assert result.output.startswith(said)
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("name", ["/dev/zero", "zero.json", "zero.yaml", "zero.toml"])
def test_a_device_that_never_ends(name: str) -> None:
    if not name.startswith("/"):
        Path(name).symlink_to("/dev/zero")
    result = run("check", name)
    assert (result.exit_code, result.output) == (1, f"{name} can't be used: it is larger than 262144 bytes\n")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('[configs.a]\nfile = "/dev/zero"\n', "configs.a in penstock.toml: /dev/zero can't be used: it is larger than"),
        ('[configs.a]\nfile = "c.yaml"\n', "configs.a in penstock.toml: it has more than 50000 values"),
        ('[virtual_keys.a]\nprovider = "openai"\ncredential = "file:/dev/zero"\n',
         "virtual_keys.a.credential in penstock.toml: /dev/zero can't be used: it is larger than 65536 bytes"),
        (f"[configs.a]\nx = {DIGITS}\n", "penstock.toml: it is not valid TOML (a number has too many digits)"),
    ],
)  # fmt: skip
def test_files_that_the_gateway_reads_have_them_too(entry: str, said: str) -> None:
    written("c.yaml", BOMB)
    result = run("check", written("penstock.toml", entry))
    assert result.exit_code == 1
    assert said in result.output


def test_settings_beyond_what_can_be_tried_out_are_checked_all_the_same() -> None:
    config = {
        "strategy": {"mode": "fallback"},
        "openai_a": 1,
        "targets": [{"provider": "echo", **{f"zq{number}": 1 for number in range(90)}}] * 50,
    }
    assert run("check", written("c.json", config)).exit_code == 0


def test_all_problems_of_a_file_are_told() -> None:
    text = (
        '[server]\nport = "x"\nprot = 1\n[routing]\ndefault_config = "none"\n'
        '[virtual_keys.v]\nprovider = "opnai"\n[configs.c]\nvirtual_key = "v"\nretry = {}\ncache = {mode = "x"}\n'
        '[keys.k]\nhash = "no"\n'
    )
    result = run("check", written("penstock.toml", text))
    assert result.exit_code == 1
    for told in (
        "server.port in penstock.toml: expected", "unknown setting server.prot", "virtual_keys.v.provider",
        "routing.default_config", "config.retry.attempts", "config.cache.mode", "keys.k.hash",
    ):  # fmt: skip
        assert result.output.count(told) == 1
    assert "There is no provider ''" not in result.output


def test_all_problems_of_a_config_are_told_with_their_lines() -> None:
    text = "retry:\n  attempts: two\ncache:\n  mode: none\ntimeouts: 5\n"
    assert sorted(run("check", written("c.yaml", text)).output.splitlines()) == [
        "c.yaml:2: config.retry.attempts: Expected number, received string",
        "c.yaml:4: config.cache.mode: Invalid 'cache.mode' value. Must be one of: simple, semantic",
        "c.yaml:5: config.timeouts: Expected object, received number",
    ]

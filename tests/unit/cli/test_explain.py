"""``penstock explain``: what it prints and refuses; and docs/explain.md."""

import json
import os
import re
import shlex
import shutil
import subprocess
from typing import Any

import pytest

from commands import run
from config_commands import CATALOGUE, TWO, written
from paths import ROOT
from penstock.stores.catalogue import digest_of
from running import RunningGateway

PAGE = (ROOT / "docs" / "explain.md").read_text("utf-8")


# The page.


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_what_the_page_shows_is_what_is_printed() -> None:
    written("resilient.json", blocks("json")[0])
    written("resilient.test.toml", blocks("toml")[0])
    written("guarded.json", blocks("json")[2])
    asked = {"model": "m", "messages": [{"role": "user", "content": "An internal matter"}]}
    written("request.json", json.dumps(asked))
    shown = re.findall(r"^\$ penstock (.+)\n((?:(?!\$ ).*\n)+)", "".join(blocks("console")), re.MULTILINE)
    assert [arguments.split()[0] for arguments, _ in shown] == ["check", "explain", "test", "explain"]
    for arguments, output in shown:
        result = run(*shlex.split(arguments))
        assert (result.output, result.exit_code) == (output, 0)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the example is a curl command, and there is no curl here")
def test_the_page_shows_the_answer_of_the_endpoint(gateway: RunningGateway) -> None:
    [command] = blocks("sh")
    quiet = command.replace("http://127.0.0.1:8787", gateway.url).replace("curl ", "curl --silent --show-error ")
    direct = {**os.environ, "no_proxy": "*"}
    done = subprocess.run(["sh", "-c", quiet], env=direct, capture_output=True, text=True, timeout=300, check=True)
    assert json.loads(done.stdout) == json.loads(blocks("json")[1])


def test_the_page_lists_every_fault() -> None:
    from penstock.routing.faults import Word

    rows = re.findall(r"^\| (`.+?) \|", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert named - {"429", "503"} == {word.value for word in Word}


def test_json_is_what_the_endpoint_answers() -> None:
    said = json.loads(run("explain", written("c.json", TWO), "--json", "--fault", "targets[0]=500").output)
    assert [step["step"] for step in said["steps"]] == ["attempt", "wait", "attempt"]
    assert (said["status"], said["target"], said["most_attempts"]) == (200, "targets[0]", 3)


def test_seeds() -> None:
    config = written("c.json", {"strategy": {"mode": "loadbalance"}, "targets": [{"provider": "echo"}] * 9})
    outputs = [run("explain", config, "--seed", str(seed)).output for seed in range(9)]
    assert len(set(outputs)) > 1
    assert outputs == [run("explain", config, "--seed", str(seed)).output for seed in range(9)]


def test_gateway_keys_are_for_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROD", "sk-hunter2")
    written("penstock.toml", CATALOGUE % digest_of("pk"))
    result = run("explain", written("c.json", {"virtual_key": "prod"}))
    assert (result.exit_code, result.output.splitlines()[0]) == (0, "config openai: 200")


@pytest.mark.parametrize(
    ("config", "arguments", "said"),
    [
        (TWO, ["--fault", "targets[0]=stal"], "The faults can't be played, character 12: there is no outcome 'stal'"),
        (TWO, ["--metadata", "x"], "--metadata: expected a JSON object"),
        (TWO, ["--metadata", "[]"], "--metadata: expected a JSON object"),
        (TWO, ["--request", "none.json"], "none.json can't be read"),
        (TWO, ["--request", "c.json"], None),
        ({"provider": "opena"}, [], "There is no provider 'opena'"),
        ({}, [], "Neither x-portkey-provider nor the config names a provider"),
        ({}, ["--provider", "echo"], None),
    ],
)
def test_what_explain_refuses(config: dict[str, Any], arguments: list[str], said: str | None) -> None:
    result = run("explain", written("c.json", config), *arguments)
    if said is None:
        assert (result.exit_code, result.stderr) == (0, "")
    else:
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(f"Error: {said}")


def test_settings_that_are_no_good() -> None:
    written("penstock.toml", "[server]\nport = 'x'\n")
    for command in ("check", "explain"):
        result = run(command, written("c.json", TWO))
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: server.port in penstock.toml: expected")


def test_the_tests_of_guards_on_the_page() -> None:
    written("guarded.json", blocks("json")[2])
    result = run("test", written("guarded.test.toml", blocks("toml")[1]))
    assert result.output.splitlines()[-1] == "2 passed, 0 failed"

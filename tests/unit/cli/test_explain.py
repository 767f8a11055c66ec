"""``penstock check``, ``explain`` and ``test``: what they print, where they point, how they end; and docs/explain.md."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from paths import ROOT
from penstock.cli import main
from penstock.stores.catalogue import digest_of
from running import RunningGateway

PAGE = (ROOT / "docs" / "explain.md").read_text("utf-8")
TWO: dict[str, Any] = {
    "strategy": {"mode": "fallback"},
    "targets": [{"provider": "openai", "api_key": "k", "retry": {"attempts": 1}}, {"provider": "echo"}],
}


@pytest.fixture(autouse=True)
def clean_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, and an environment without settings or providers' keys."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("PENSTOCK_") or name == "TRUSTED_CUSTOM_HOSTS" or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin, catch_exceptions=False)


def written(name: str, content: Any) -> str:
    Path(name).write_text(content if isinstance(content, str) else json.dumps(content, indent=1), "utf-8")
    return name


# The page.


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_what_the_page_shows_is_what_is_printed() -> None:
    written("resilient.json", blocks("json")[0])
    written("resilient.test.toml", blocks("toml")[0])
    shown = re.findall(r"^\$ penstock (.+)\n((?:(?!\$ ).*\n)+)", "".join(blocks("console")), re.MULTILINE)
    assert [arguments.split()[0] for arguments, _ in shown] == ["check", "explain", "test"]
    for arguments, output in shown:
        result = run(*shlex.split(arguments))
        assert (result.output, result.exit_code) == (output, 0)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the example is a curl command, and there is no curl here")
def test_the_page_shows_the_answer_of_the_endpoint(gateway: RunningGateway) -> None:
    [command] = blocks("sh")
    quiet = command.replace("http://127.0.0.1:8787", gateway.url).replace("curl ", "curl --silent --show-error ")
    direct = {**os.environ, "no_proxy": "*"}
    done = subprocess.run(["sh", "-c", quiet], env=direct, capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(done.stdout) == json.loads(blocks("json")[1])


def test_the_page_lists_every_fault() -> None:
    from penstock.routing.faults import Word

    rows = re.findall(r"^\| (`.+?) \|", PAGE, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert named - {"429", "503"} == {word.value for word in Word}


# check: errors.

YAML = """\
strategy:
  mode: fallback
retry:
  attempts: {attempts}
targets:
  - provider: openai
    apiKey: k
  - provider: {provider}
    api_key: k
    {extra}
"""


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"attempts": "'2'"}, "c.yaml:4: config.targets[0].retry.attempts: Expected number, received string"),
        ({"provider": "gro"}, "c.yaml:8: config.targets[1].provider: There is no provider 'gro': did you mean 'groq'?"),
        ({"extra": "requestTimeout: soon"}, "c.yaml:10: config.targets[1].request_timeout: Expected number, received string"),
        ({"extra": "retry: {}"}, "c.yaml:10: config.targets[1].retry.attempts: Required: how many times to try again"),
        ({"extra": "cache: {mode: a}"}, "c.yaml:10: config.targets[1].cache.mode: Invalid 'cache.mode' value."),
        ({"extra": "custom_host: 'http://10.0.0.1'"}, "c.yaml:10: config.targets[1].custom_host: The custom host in"),
        ({"extra": "[1]"}, "c.yaml:11: it is not valid YAML"),
    ],
)  # fmt: skip
def test_errors_have_a_line(values: dict[str, str], said: str) -> None:
    text = YAML.format(**{"attempts": "2", "provider": "groq", "extra": "", **values})
    result = run("check", written("c.yaml", text))
    assert result.exit_code == 1
    assert result.output.startswith(said)
    assert result.output.count("\n") == 1


def test_lines_of_what_strategies_say() -> None:
    query = {"$and": [{"metadata.plan": "pro"}, {"metadata.user": {"$foo": 1}}]}
    strategy = {"mode": "conditional", "conditions": [{"query": query, "then": "a"}]}
    text = json.dumps({"strategy": strategy, "targets": [{"name": "a", "provider": "echo"}]}, indent="\t")
    said = run("check", written("c.json", text)).output
    line = text.splitlines().index('\t\t\t\t\t\t\t\t"$foo": 1') + 1
    assert said.startswith(
        f"c.json:{line}: config.strategy.conditions[0].query.$and[1].metadata.user.$foo: there is no"
    )


def test_a_breaker_of_the_strategy_is_found_there() -> None:
    text = "strategy:\n  mode: fallback\n  cb_config:\n    cooldown_interval: 1\ntargets:\n  - provider: echo\n"
    assert run("check", written("c.yaml", text)).output.startswith("c.yaml:3: config.targets[0].cb_config: it needs")


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


@pytest.mark.parametrize("text", ['{"provider": "echo"}', "provider: echo", 'provider = "echo"'])
def test_standard_input_in_any_format(text: str) -> None:
    result = run("check", "-", stdin=text)
    assert (result.output, result.exit_code) == ("standard input: echo, 1 target, at most 1 attempt\n", 0)


# check: suspicions.


def suspected(config: dict[str, Any]) -> list[str]:
    result = run("check", written("c.json", config))
    assert result.exit_code == 0, result.output
    *warnings, _ = result.output.splitlines()
    return [re.sub(r"^c\.json:\d+: warning: ", "", line) for line in warnings]


def routed(*conditions: tuple[Any, str], default: str | None = None, names: str = "ab") -> dict[str, Any]:
    strategy: dict[str, Any] = {
        "mode": "conditional", "conditions": [{"query": query, "then": then} for query, then in conditions],
    }  # fmt: skip
    if default is not None:
        strategy["default"] = default
    return {"strategy": strategy, "targets": [{"name": name, "provider": "echo"} for name in names]}


PRO, FREE = {"metadata.plan": "pro"}, {"metadata.plan": "free"}


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        (TWO, []),
        ({"provider": "echo"}, []),
        ({"retry": {"attempts": 1}}, ["config"]),
        ({**TWO, "strategy": {"mode": "fallback", "on_status_codes": []}}, ["strategy.on_status_codes"]),
        ({**TWO, "strategy": {"mode": "fallback", "on_status_codes": [], "on_error": ["timeout"]}}, []),
        ({**TWO, "strategy": {"mode": "single"}}, ["targets[1]"]),
        ({"targets": [{"targets": [{"provider": "echo"}, {"provider": "echo"}]}]}, ["targets[0].targets[1]"]),
        ({"strategy": {"mode": "loadbalance"}, "targets": [{"provider": "echo", "weight": 0}, {"provider": "echo"}]},
         ["targets[0].weight"]),
        (routed((PRO, "a"), default="b"), []),
        (routed((PRO, "x"), default="a"), ["strategy.conditions[0].then", "targets[1]"]),
        (routed((PRO, "a"), (FREE, "b"), default="x"), ["strategy.default"]),
        (routed((PRO, "a"), (PRO, "b"), default="a"), ["strategy.conditions[1]", "targets[1]"]),
        (routed((PRO, "a"), ({}, "b"), (FREE, "a"), default="c", names="abc"), ["strategy.conditions[2]", "targets[2]"]),
        (routed((PRO, "a"), default="b", names="aba"), ["targets[2]"]),
        ({"targets": [{"provider": "openai"}, {"provider": "groq"}], "strategy": {"mode": "fallback"}},
         ["targets[0]", "targets[1]"]),
        ({"targets": [{"provider": "openai"}, {"provider": "openai"}], "strategy": {"mode": "fallback"}}, []),
        ({"provider": "azure-openai", "api_key": "k"}, ["config"]),
    ],
)  # fmt: skip
def test_suspicions(config: dict[str, Any], paths: list[str]) -> None:
    found = [line.split(": ")[0].removeprefix("config.") for line in suspected(config)]
    assert found == paths


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        ({"provider": "openai", "api_key": "k", "openai_organization": "o"}, []),
        ({"provider": "openai", "api_key": "k", "sparkle": "o"}, ["sparkle"]),
        ({"provider": "openai", "api_key": "k", "sparkle": {"x": 1}, "name": "n", "id": "i"}, ["sparkle"]),
        ({**TWO, "api_key": "k"}, ["api_key"]),
        ({**TWO, "api_key": None}, []),
        ({**TWO, "on_status_codes": [429]}, ["on_status_codes"]),
        ({**TWO, "openai_organization": "o"}, ["openai_organization"]),
        ({"provider": "echo", "retry": {"attempts": 2, "colour": "blue"}}, ["retry.colour"]),
        ({"provider": "echo", "weight": 1}, ["weight"]),
        ({"provider": "echo", "cacheStatus": 1, "cache": {"mode": "simple"}}, ["cache_status"]),
        ({**TWO, "strategy": {"mode": "loadbalance", "on_status_codes": [500]}}, ["strategy.on_status_codes"]),
        ({**routed((PRO, "a"), default="b"), "cb_config": {"failure_threshold": 1}}, ["cb_config"]),
        ({"strategy": {"mode": "loadbalance", "sticky": {"hash_fields": ["metadata.u"], "size": 3}}, "targets": [{"provider": "echo"}]},
         ["strategy.sticky.size"]),
    ],
)  # fmt: skip
def test_settings_without_effect(config: dict[str, Any], paths: list[str]) -> None:
    assert suspected(config) == [f"config.{path}: it has no effect here" for path in paths]


def test_a_large_config_is_not_tried_out_setting_by_setting() -> None:
    target = {"provider": "echo", "weight": 1}
    assert suspected({"strategy": {"mode": "fallback"}, "targets": [target] * 50}) != []
    assert suspected({"strategy": {"mode": "fallback"}, "targets": [target] * 51}) == []


# check: a whole penstock.toml.

CATALOGUE = """
[virtual_keys.prod]
provider = "openai"
credential = "env:PROD"

[configs.good]
id = "pc-1"
strategy = { mode = "fallback" }
targets = [{ virtual_key = "prod" }, { provider = "echo", weight = 1 }]

[configs.open]
retry = { attempts = 1 }

[keys.team]
hash = "%s"
"""


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


# explain.


def test_strategies_are_shown_around_their_targets() -> None:
    balancer = {"strategy": {"mode": "loadbalance"}, "targets": [{"provider": "groq", "api_key": "k"}]}
    inner = {
        "strategy": {"mode": "fallback"},
        "targets": [balancer, {"provider": "echo", "is_open": True}, {"provider": "x-ai", "api_key": "k"}],
    }
    config = routed((PRO, "a"))
    config["targets"][0] = {"name": "a", **inner}
    result = run(
        "explain",
        written("c.json", config),
        "--metadata",
        '{"plan": "pro"}',
        "--fault",
        "targets[0].targets[0].targets[0]=reset",
    )
    assert result.output.splitlines() == [
        "config: conditional",
        "  targets[0]: fallback",
        "    targets[0].targets[1]: left out by its circuit breaker",
        "    targets[0].targets[0]: loadbalance",
        "      targets[0].targets[0].targets[0] groq: connection_closed (next)",
        "    targets[0].targets[2] x-ai: 200",
        "200 from targets[0].targets[2] after 0s, 2 of at most 3 attempts, retry count 0",
    ]


def test_a_race_and_a_status_that_is_no_result() -> None:
    config = {**TWO, "strategy": {"mode": "fallback", "hedge": {"delay": 1.5}}}
    result = run("explain", written("c.json", config), "--fault", "targets[0]=ok@9", "--fault", "targets[1]=ok@1")
    assert result.output.splitlines()[1:3] == [
        "  targets[1] joins targets[0] after 1.5s, targets[0] is given up",
        "  targets[1] echo: 200 after 1s (hedged)",
    ]
    result = run("explain", written("c.json", {"provider": "echo"}), "--fault", "config=error-event")
    assert result.output.splitlines()[-1].startswith(
        "200 (upstream_stream_error) from config after 0s, 1 of at most 1 attempt,"
    )


def test_a_target_that_can_not_be_called() -> None:
    result = run("explain", written("c.json", {"provider": "azure-openai", "api_key": "k"}))
    first, second, _ = result.output.splitlines()
    assert first == "config azure-openai: invalid_config"
    assert second.startswith("  azure-openai needs ")


def test_the_request_decides_what_conditions_see() -> None:
    config = written("c.json", routed(({"params.model": "large"}, "a"), ({"url.pathname": "/v1/other"}, "b")))
    large = written("r.json", {"model": "large", "messages": []})
    assert "200 from targets[0] " in run("explain", config, "--request", large).output
    assert "200 from targets[1] " in run("explain", config, "--path", "/v1/other").output
    nowhere = run("explain", config)
    assert nowhere.output.startswith("400: No condition of config.strategy holds")


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


# test.

FAILING = """
provider = "echo"

[config]
strategy = { mode = "fallback" }
retry = { attempts = 1 }
targets = [{}, { provider = "openai", api_key = "k" }]

[[test]]
name = "as it is"
attempts = ["targets[0] 200"]

[[test]]
name = "otherwise"
faults = "targets[0]=503x9,targets[1]=reset|500"
attempts = ["targets[0] 503", "targets[1] 200"]
status = 200
target = "targets[0]"
retry_count = 0
waits_at_most = 1
time_at_most = 1.5
"""


def test_differences_are_shown() -> None:
    result = run("test", written("t.toml", FAILING))
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "ok    as it is",
        "FAIL  otherwise",
        "      attempts (- expected, + found):",
        "          targets[0] 503",
        "        - targets[1] 200",
        "        + targets[0] 503",
        "        + targets[1] connection_closed",
        "        + targets[1] 500",
        "      status: expected 200, found 500",
        "      target: expected targets[0], found targets[1]",
        "      retry_count: expected 0, found -1",
        "      waits: expected at most 1s, found 2s",
        "      time: expected at most 1.5s, found 2s",
        "1 passed, 1 failed",
    ]


def test_a_request_that_gets_nowhere_has_no_target() -> None:
    written("c.json", routed((PRO, "a")))
    text = 'config = "c.json"\n[[test]]\nname = "pro"\nmetadata = { plan = "pro" }\ntarget = "targets[0]"\n[[test]]\nname = "rest"\ntarget = "targets[0]"\nstatus = 400\n'
    result = run("test", written("t.toml", text))
    assert result.output.splitlines() == [
        "ok    pro",
        "FAIL  rest",
        "      target: expected targets[0], found none",
        "1 passed, 1 failed",
    ]


def test_the_config_is_found_from_the_file_of_tests() -> None:
    Path("sub").mkdir()
    written("sub/c.json", TWO)
    assert run("test", written("sub/t.toml", 'config = "c.json"\n[[test]]\nname = "x"\nstatus = 200\n')).exit_code == 0


ONE_TEST = "[[test]]\nname = 'x'\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "t.toml can't be read: No such file or directory"),
        ("config", "t.toml is not valid TOML"),
        ("config = 'c.json'", "t.toml holds no tests: Object missing required field `test`"),
        ("config = 'c.json'\ntest = []", "t.toml holds no tests: Expected `array` of length >= 1"),
        ("config = 'c.json'\n" + ONE_TEST + "atempts = []", "t.toml holds no tests: Object contains unknown field `atempts`"),
        ("config = 'c.json'\n" + ONE_TEST + "time_at_most = -1", "t.toml holds no tests: Expected `float` >= 0"),
        ("config = 'c.json'\n" + ONE_TEST, "t.toml: the test 'x' expects nothing: there are attempts, status"),
        ("config = 'c.json'\n" + ONE_TEST + "status = 200\nfaults = 'x=1'", "t.toml: the test 'x': The faults can't be played"),
        ("config = 'c.json'\n" + ONE_TEST + "status = 200\nrequest = { stream = 1 }", "t.toml: the test 'x': The gateway could not"),
        ("config = 'none.json'\n" + ONE_TEST + "status = 200", "none.json can't be read"),
        ("config = { provider = 'opena' }\n" + ONE_TEST + "status = 200", "t.toml: the test 'x': There is no provider 'opena'"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_good(text: str | None, said: str) -> None:
    written("c.json", TWO)
    if text is not None:
        written("t.toml", text)
    result = run("test", "t.toml")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {said}")

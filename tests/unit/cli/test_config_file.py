"""A config in JSON, YAML or TOML, and the lines of its values."""

import json

import pytest

from commands import run
from config_commands import written

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
        ({"attempts": "'2'"}, "c.yaml:4: config.retry.attempts: Expected number, received string"),
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
    assert run("check", written("c.yaml", text)).output.startswith("c.yaml:3: config.strategy.cb_config: it needs")


@pytest.mark.parametrize("text", ['{"provider": "echo"}', "provider: echo", 'provider = "echo"'])
def test_standard_input_in_any_format(text: str) -> None:
    result = run("check", "-", stdin=text)
    assert (result.output, result.exit_code) == ("standard input: echo, 1 target, at most 1 attempt\n", 0)

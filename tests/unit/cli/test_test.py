"""``penstock test``: differences, requests that get nowhere, files of tests that are no good."""

from pathlib import Path

import pytest

from commands import run
from config_commands import PRO, TWO, routed, written

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

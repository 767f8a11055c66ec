"""``penstock chat``: what it sends and refuses. The gateway behind it is a stub, save at the end."""

import json
import subprocess
import sys
from typing import Any

import pytest

from commands import Gateway, installed, run


def plain(content: Any) -> bytes:
    return json.dumps({"choices": [{"index": 0, "message": {"content": content}, "finish_reason": "stop"}]}).encode()


def test_chat_sends_what_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = Gateway(plain("Fine.\n"))
    installed(monkeypatch, gateway)
    monkeypatch.setenv("MY_KEY", " sk-1\n")
    result = run(
        "chat", "-", "--provider", "groq", "--model", "m", "--system", "Be kind", "--key-env", "MY_KEY", "--no-stream",
        "--param", "temperature=0.2", "--param", 'stop=["x", "="]', stdin="How are you?",
    )  # fmt: skip
    assert result.stdout == "Fine.\n"
    assert gateway.headers["authorization"] == "Bearer sk-1"
    assert gateway.headers["x-portkey-provider"] == "groq"
    assert gateway.body == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be kind"}, {"role": "user", "content": "How are you?"}],
        "stream": False,
        "temperature": 0.2,
        "stop": ["x", "="],
    }


@pytest.mark.parametrize(("told", "lends"), [(None, True), ("true", True), ("false", False)])
def test_chat_lends_its_own_user_the_keys_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, told: str | None, lends: bool
) -> None:
    gateway = Gateway(plain("x"))
    installed(monkeypatch, gateway)
    monkeypatch.setenv("PENSTOCK_HOST", "0.0.0.0")
    if told is not None:
        monkeypatch.setenv("PENSTOCK_PROVIDERS_ENV_KEYS", told)
    run("chat", "Hi")
    assert gateway.settings is not None
    assert gateway.settings.lends_keys is lends
    assert gateway.settings.server.access_log is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--param", "temperature=warm"), "--param temperature: expected JSON after the ="),
        (("--param", "temperature"), "--param temperature: expected JSON after the ="),
        (("--key-env", "NO_SUCH_KEY"), "--key-env: the variable NO_SUCH_KEY is not set"),
        (("--key-env", "ODD_KEY"), "--key-env: ODD_KEY holds characters that no key has"),
        (("--url", "localhost:8787"), "--url: localhost:8787 is no address such as http://127.0.0.1:8787"),
        (("--url", "http://[::1"), "--url: http://[::1 is no address such as http://127.0.0.1:8787"),
    ],
)
def test_chat_refuses_what_it_can_not_send(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.setenv("ODD_KEY", "sk\nhidden")
    result = run("chat", "Hi", *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {message}")
    assert "hidden" not in result.stderr


def test_chat_tells_of_bad_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, Gateway())
    monkeypatch.setenv("PENSTOCK_ECHO_PACE_MS", "slow")
    assert "PENSTOCK_ECHO_PACE_MS: expected" in run("chat", "Hi").stderr


def test_the_first_question_of_a_newcomer() -> None:
    command = [sys.executable, "-m", "penstock", "chat", "hello"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "hello" in done.stdout

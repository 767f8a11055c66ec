"""``penstock providers``: which there are, and for which this machine has a key."""

import json
import re

import pytest

from commands import run


def test_providers_tell_whether_a_key_is_set_but_never_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "sk-hidden")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    output = run("providers").output
    assert output.startswith("SLUG")
    assert re.search(r"^groq +Groq +https://api.groq.com/openai/v1 +GROQ_API_KEY +yes$", output, re.MULTILINE)
    assert re.search(r"^openai +OpenAI +https://api.openai.com/v1 +OPENAI_API_KEY +no$", output, re.MULTILINE)
    assert re.search(r"^echo +.* +- +-$", output, re.MULTILINE)
    assert "sk-hidden" not in output + run("providers", "--json").output


def test_providers_are_found_by_slug_and_name() -> None:
    assert run("providers", "z-ai").output.splitlines()[1].startswith("z-ai")
    assert run("providers", "z.AI").output.splitlines()[1].startswith("z-ai")


def test_providers_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "sk-hidden")
    [groq] = json.loads(run("providers", "groq", "--json").output)
    assert groq == {
        "slug": "groq",
        "name": "Groq",
        "base_url": "https://api.groq.com/openai/v1",
        "key": "required",
        "key_variables": ["GROQ_API_KEY"],
        "key_set": True,
    }


@pytest.mark.parametrize(
    ("word", "hint"), [("opnai", "did you mean openai?"), ("zzzzzz", "penstock providers lists all")]
)
def test_a_provider_that_is_not_there(word: str, hint: str) -> None:
    result = run("providers", word)
    assert result.exit_code == 1
    assert result.stderr == f"Error: no provider is called {word}: {hint}\n"

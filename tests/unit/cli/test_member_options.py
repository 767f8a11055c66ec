"""Options that stand for members of a body."""

from __future__ import annotations

import re

import click
import pytest

from commands import run
from penstock.cli.member_options import members_of, pairs
from penstock.control import policy_calls, virtual_keys, workspaces
from penstock.control.keys.members import CREATED, FIELDS
from penstock.stores.sql.keyring import new_key

DATABASE = ("--database", "sqlite:///penstock.db")


def test_a_text_that_names_nothing_is_refused_and_not_repeated() -> None:
    assert pairs(["a=b", "c=d=e"]) == {"a": "b", "c": "d=e"}
    with pytest.raises(click.ClickException) as refused:
        pairs(["=canary"])
    assert "canary" not in refused.value.message


def test_a_member_is_json_or_a_text() -> None:
    texts = ["a=true", "b=[1]", "c=null", "d=a text", 'e={"x": "y=z"}', "f=1e999x"]
    assert members_of(texts) == {
        "a": True, "b": [1], "c": None, "d": "a text", "e": {"x": "y=z"}, "f": "1e999x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("key create a", CREATED),
        ("key update ID", FIELDS),
        ("provider create a --provider openai --key env:KEY", virtual_keys._MADE),
        ("provider update prod", virtual_keys._UPDATED),
        ("policy create a --budget 5", policy_calls._FIELDS["usage"]),
        ("policy create a --rpm 5", policy_calls._FIELDS["rate"]),
        ("workspace create a", workspaces._CREATED),
        ("workspace update SLUG", workspaces._FIELDS),
    ],
)
def test_every_member_of_the_admin_api_can_be_set(
    command: str, fields: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member that a body may have is known, whatever its value; another one is an error that the command tells.
    Users of a workspace are not served."""
    monkeypatch.setenv("PENSTOCK_SECRET_KEYS", new_key("first", bytes(range(32))))
    assert run("provider", "create", "prod", "--provider", "openai", "--key", "env:KEY", *DATABASE).exit_code == 0
    named = run("workspace", "list", *DATABASE).stdout.splitlines()[1].split()[0]
    key = run("key", "create", "b", *DATABASE).stderr.partition("(")[2].partition(")")[0]
    words = [{"ID": key, "SLUG": named}.get(word, word) for word in command.split()]
    wrong = [f'--set={name}={{"no": 1}}' for name in fields if name != "users"]
    told = run(*words, *wrong, "--set=nonsense=1", *DATABASE)
    assert told.exit_code == 1
    assert "nonsense" in told.stderr
    unknown = re.findall(r"(/\S*): unknown member", told.stderr)
    assert [pointer for pointer in unknown if pointer.count("/") == 1] == ["/nonsense"]

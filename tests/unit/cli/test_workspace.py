"""``penstock workspace``: workspaces of the database on the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.cli import main


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'penstock.db'}"


def run(database: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--database", database], catch_exceptions=False)


def test_a_workspace_is_made_used_and_deleted(database: str) -> None:
    made = json.loads(run(database, "workspace", "create", "Research", "--description", "the lab", "--json").output)
    assert (made["name"], made["description"]) == ("Research", "the lab")
    assert [line.split()[1] for line in run(database, "workspace", "list").output.splitlines()[1:]] == [
        "Research", "Default",
    ]  # fmt: skip
    assert run(database, "key", "create", "bot", "--workspace", made["slug"]).exit_code == 0
    refused = run(database, "workspace", "delete", made["slug"])
    assert refused.exit_code == 1
    assert "holds 1 API key" in refused.stderr
    assert run(database, "workspace", "delete", made["slug"], "--force").output == f"{made['slug']} is deleted.\n"
    assert run(database, "workspace", "delete", made["slug"]).stderr == f"Error: there is no workspace {made['slug']}\n"


def test_a_workspace_is_changed_and_shown(database: str) -> None:
    slug = json.loads(run(database, "workspace", "create", "Search", "--json").output)["slug"]
    assert run(database, "workspace", "update", slug, "--name", "Find").output == f"{slug} is changed.\n"
    assert json.loads(run(database, "workspace", "show", slug, "--json").output)["name"] == "Find"
    assert "name an option" in run(database, "workspace", "update", slug).stderr


def test_a_new_workspace_is_told_with_its_slug(database: str) -> None:
    assert "--workspace ws-search-" in run(database, "workspace", "create", "Search").output

"""The penstock.toml of an import: it can be read, and says what such a file can't hold."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importing import BIFROST, LITELLM, converted
from penstock.importers.imported import Conversion, Imported
from penstock.importers.report import Report
from penstock.importers.toml import settings_text

VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), VALUES, max_size=4))
def test_every_config_is_read_as_it_was(config: dict[str, Any]) -> None:
    conversion = Conversion(Imported(configs=[{"name": "a.b", "config": config}]), Report())
    assert tomllib.loads(settings_text(conversion, "x"))["configs"]["a.b"] == config


@pytest.mark.parametrize("case", [*LITELLM, *BIFROST], ids=lambda path: path.stem)
def test_the_file_holds_the_configs_and_the_keys(case: Any) -> None:
    conversion = converted(case)
    values = tomllib.loads(settings_text(conversion, case.name))
    assert {name: values["configs"][name] for name in values.get("configs", {})} == {
        each["name"]: each["config"] for each in conversion.imported.configs
    }
    live = {each["name"]: each["digest"] for each in conversion.imported.api_keys if "status" not in each}
    assert {name: each["hash"] for name, each in values.get("keys", {}).items()} == live


def test_null_is_left_out_and_a_line_of_the_source_is_one_line() -> None:
    conversion = Conversion(Imported(configs=[{"name": "a", "config": {"x": None, "y": [None, "\x7f\n"]}}]), Report())
    assert tomllib.loads(settings_text(conversion, "x"))["configs"]["a"] == {"y": ["\x7f\n"]}


def key(**members: Any) -> dict[str, Any]:
    return {
        "name": "k", "digest": f"sha256:{'0' * 64}", "scopes": ["completions.write"], "allowed_providers": [],
        "defaults": {"config_id": "c"}, **members,
    }  # fmt: skip


def test_what_the_file_can_not_hold_needs_consent() -> None:
    imported = Imported(
        integrations=[{"slug": "i", "ai_provider_id": "openai"}],
        models=[{"integration": "i", "body": {"models": [{"slug": "m", "enabled": False}], "allow_all_models": True}}],
        providers=[{"slug": "p", "integration_id": "i", "concurrency_limit": 1}],
        api_keys=[key(usage_limits={"type": "cost"}, expires_at="2027-01-01", labels={"long": "x" * 65, "team": "t"})],
        usage_policies=[{"name": "policy"}],
        workspace={"usage_limits": [{}]},
    )
    conversion = Conversion(imported, Report())
    values = tomllib.loads(settings_text(conversion, "x"))
    assert values["keys"]["k"]["labels"] == {"team": "t"}
    assert [line.path for line in conversion.report.lines if line.needs_consent] == [
        "penstock.toml virtual_keys.p", "penstock.toml virtual_keys.p", "penstock.toml keys.k", "penstock.toml keys.k",
        "penstock.toml policy policy", "penstock.toml",
    ]  # fmt: skip


def test_a_file_without_a_key_where_the_source_asks_for_one_needs_consent() -> None:
    imported = Imported(api_keys=[key(status="disabled")], blocks_callers=True)
    conversion = Conversion(imported, Report())
    assert "keys" not in tomllib.loads(settings_text(conversion, "x"))
    assert [line.text[:26] for line in conversion.report.blocking] == ["no gateway key is left: wi"]

"""Whether a key would allow more than another."""

from __future__ import annotations

import json

import pytest

from penstock.control.keys.fence import is_wider


@pytest.mark.parametrize(
    ("name", "given", "own", "wider"),
    [
        ("allowed_models", None, None, False),
        ("allowed_models", ["o3"], None, False),
        ("allowed_models", None, ["o3"], True),
        ("allowed_models", [], ["o3"], False),
        ("allowed_models", ["gpt-4o"], ["gpt-*"], True),
        ("allowed_providers", ["b", "a"], ["a", "b", "c"], False),
        ("allowed_ips", ["10.1.0.0/16", "192.0.2.1"], ["10.0.0.0/8", "192.0.2.0/24"], False),
        ("allowed_ips", ["10.0.0.0/7"], ["10.0.0.0/8"], True),
        ("allowed_ips", ["::1"], ["127.0.0.1"], True),
        ("allowed_ips", ["2001:db8::1"], ["2001:db8::/32"], False),
    ],
)
def test_wider(name: str, given: list[str] | None, own: list[str] | None, wider: bool) -> None:
    columns = [None if each is None else json.dumps(each) for each in (given, own)]
    assert is_wider(name, *columns) is wider

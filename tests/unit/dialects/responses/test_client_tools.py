"""Tools that the caller's machine runs: as functions, and their calls there and back."""

from __future__ import annotations

import json

import pytest

from penstock.dialects.responses.client_tools import (
    CLIENT_TOOLS,
    arguments_of,
    as_function,
    called,
)


@pytest.mark.parametrize("kind", CLIENT_TOOLS)
def test_each_is_a_function(kind: str) -> None:
    tool = as_function(kind)
    assert tool is not None
    assert json.loads(tool.parameters)["required"]


def test_others_are_none() -> None:
    assert as_function("file_search") is None


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("local_shell", '{"command":["ls"],"timeout_ms":5}'),
        ("shell", '{"commands":["ls"]}'),
        ("apply_patch", '{"type":"delete_file","path":"a","diff":""}'),
    ],
)
def test_a_call_comes_back(kind: str, arguments: str) -> None:
    assert json.loads(arguments_of(kind, called(kind, arguments))) == json.loads(arguments)


def test_arguments_that_are_no_json() -> None:
    assert called("shell", "oops")["action"]["commands"] == []

"""Tools that the caller's machine runs: as functions, and their calls there and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.dialects.responses.client_tools import (
    CLIENT_TOOLS,
    arguments_of,
    as_function,
    called,
    free_text,
    free_text_function,
    with_free_text,
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


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_free_text_comes_back(text: str) -> None:
    assert free_text(with_free_text(text)) == text


def test_free_text_in_other_forms() -> None:
    assert free_text("ls -l") == "ls -l"
    assert free_text('"ls"') == "ls"
    assert free_text('{"script":"ls"}') == '{"script":"ls"}'


def test_a_grammar_is_told_within_bounds() -> None:
    tool = free_text_function("x", "d", {"grammar": {"definition": "G" * 9000}})
    assert len(tool.description) < 5000

"""Arguments of a tool call become a JSON object and keep their bytes if they are one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.core.chat import ToolCall
from penstock.dialects.call_arguments import arguments_object, is_object


@pytest.mark.parametrize("arguments", ["{}", ' {"a" : 1.10, "far": 1e400} ', '{"half": "\\ud800"}'])
def test_an_object_keeps_its_bytes(arguments: str) -> None:
    assert arguments_object(ToolCall("c", "f", arguments)) == msgspec.Raw(arguments.encode())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [("", {}), (" \n", {}), *((text, {"INVALID_JSON": text}) for text in ("[1]", "null", '"x"', "{", "\ud800"))],
)
def test_other_arguments_are_put_into_an_object(arguments: str, expected: Any) -> None:
    assert arguments_object(ToolCall("c", "f", arguments)) == expected


def test_a_custom_tools_text_is_its_input() -> None:
    assert arguments_object(ToolCall("c", "shell", "{}", custom=True)) == {"input": "{}"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [("", True), (" \n", True), ("{}", True), (' {"a": 1} ', True), ("[]", False), ("{", False), ("null", False)],
)
def test_arguments_that_are_an_object(arguments: str, expected: bool) -> None:
    assert is_object(arguments) is expected

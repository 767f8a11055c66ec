"""The list of names holds what the vendors' own clients can write in a conversation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import vendor_schemas
from penstock.dialects.conversation_members import KNOWN, OPAQUE

MEMBERS = (
    *("messages", "input", "contents", "system", "systemInstruction"),
    *("tool_choice", "response_format", "text", "toolConfig"),
)
"""What is looked through in one wire or another."""


def names(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from names(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            if name not in OPAQUE:
                yield from names(each)


@pytest.mark.parametrize("wire", vendor_schemas.requests())
def test_each_name_of_the_vendors_is_known(wire: str) -> None:
    found = {
        name
        for change in vendor_schemas.changes(vendor_schemas.requests()[wire])
        for member in MEMBERS
        for name in names(change.value.get(member) if (wire, member) != ("gemini", "toolConfig") else None)
    }
    assert found
    assert found - KNOWN - {vendor_schemas.TEXT} == set()

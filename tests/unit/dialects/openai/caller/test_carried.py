"""Blocks and citations in the data of a detail, and read from it."""

import pytest

from penstock.core.chat import NativePart, Owner
from penstock.core.events import Citation, Foreign
from penstock.dialects.openai.caller.carried import Cited, carried, is_carried, read_carried

BLOCK = {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {}}
SOURCE = {"type": "char_location", "cited_text": "x"}


def test_a_block_comes_back() -> None:
    data, owner = carried(Foreign(BLOCK), 0)
    assert (is_carried(data), owner) == (True, Owner.ANTHROPIC)
    assert read_carried(data) == NativePart(BLOCK, Owner.ANTHROPIC)


def test_a_citation_comes_back() -> None:
    data, owner = carried(Citation(SOURCE), 5)
    assert owner == Owner.ANTHROPIC
    assert read_carried(data) == Cited((SOURCE,), 5)


@pytest.mark.parametrize(
    ("event", "length"),
    [
        (Citation({"url": "https://a"}), 5),
        (Citation(SOURCE), 0),
        (Foreign({"type": "odd_delta"}), 0),
        (Foreign({"executableCode": {}}), 0),
    ],
)
def test_what_no_maker_takes_back_is_not_carried(event: Foreign | Citation, length: int) -> None:
    assert carried(event, length) == ("", "")


@pytest.mark.parametrize("data", ["", "abc", "pnstk-b1:!", "pnstk-b1:W10=", "pnstk-b1:e30="])
def test_damaged_data_is_nothing(data: str) -> None:
    assert read_carried(data) is None

"""Texts in JSON: what can't be read is told, and never an absent limit."""

from collections.abc import Callable
from typing import Any

import pytest

from penstock.stores.definition import Unusable
from penstock.stores.sql.json_columns import read_labels, read_object, read_texts


def test_what_there_is() -> None:
    assert read_object('{"a":[1]}', "c") == {"a": [1]}
    assert read_labels('{"a":"b","n":1.5,"t":true,"f":false}', "c") == {"a": "b", "n": "1.5", "t": "true", "f": "false"}
    assert read_texts('["a","b"]', "c") == ("a", "b")


def test_equal_texts_share_their_value() -> None:
    assert read_texts('["shared"]', "c") is read_texts('["shared"]', "c")


@pytest.mark.parametrize("text", ["", "[1", "null", "1", '"a"'])
@pytest.mark.parametrize("read", [read_object, read_labels, read_texts])
def test_what_is_neither(read: Callable[[str, str], Any], text: str) -> None:
    with pytest.raises(Unusable, match="its column is no JSON"):
        read(text, "column")


@pytest.mark.parametrize(
    ("read", "text"), [(read_object, "[]"), (read_labels, '{"a":null}'), (read_labels, '{"a":{}}'), (read_texts, "[1]"), (read_texts, "{}")]
)  # fmt: skip
def test_what_is_of_another_kind(read: Callable[[str, str], Any], text: str) -> None:
    with pytest.raises(Unusable, match="its column"):
        read(text, "column")

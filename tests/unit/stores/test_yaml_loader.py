"""YAML whose short texts stand for large values."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from penstock.stores.yaml_loader import closing_loader


def loaded(text: str) -> Any:
    with closing_loader(text) as loader:
        return loader.get_single_data()


def test_ordinary_documents_are_read_as_ever() -> None:
    assert loaded("a: &a {x: 1, y: 2.5}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {z: 1}]}\n") == {
        "a": {"x": 1, "y": 2.5}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2.5, "z": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    "number", ["1" * 100_000, "0x" + "f" * 1000, "1" + ":1" * 1000, "!!int '" + "1" * 1000 + "'", "1." + "1" * 999]
)
def test_a_number_has_a_longest_text(number: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError, match="more than 400 characters") as bad:
        loaded(f"a: 1\nb: {number}\n")
    assert bad.value.problem_mark is not None
    assert bad.value.problem_mark.line == 1


def test_merge_keys_copy_a_bounded_number_of_members() -> None:
    members = ",".join(f"k{index}: 1" for index in range(200))
    copies = "".join(f"a{number}: {{<<: *a}}\n" for number in range(60))
    assert len(loaded(f"a: &a {{{members}}}\n{copies[: copies.index('a50')]}")) == 51
    with pytest.raises(yaml.MarkedYAMLError, match="merge keys copy more than 10000 members"):
        loaded(f"a: &a {{{members}}}\n{copies}")


@pytest.mark.parametrize("text", ["&a {<<: *a}", "a: " + "[" * 20_000, "\x01"])
def test_what_no_loader_reads(text: str) -> None:
    with pytest.raises((yaml.YAMLError, RecursionError)):
        loaded(text)

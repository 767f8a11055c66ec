"""Tools that take free text: as functions, and their calls there and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.dialects.free_text_tools import free_text, free_text_function, with_free_text


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

"""The form of an answer in words."""

from penstock.core.chat import Format
from penstock.dialects.format_in_words import format_in_words


def test_json_is_asked_for_and_nothing_else() -> None:
    assert "JSON object and nothing else" in format_in_words(Format("json_object"))


def test_a_schema_is_told_with_its_description() -> None:
    words = format_in_words(Format("json_schema", "n", "A person.", b'{"type":"object"}'))
    assert "A person." in words
    assert words.endswith('{"type":"object"}')

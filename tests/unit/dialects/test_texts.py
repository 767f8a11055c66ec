from typing import Any

import pytest

from penstock.core.segments import Pointer
from penstock.dialects.texts import document_texts, inputs, is_of_type, leaves, listed, member


def test_the_texts_of_an_input() -> None:
    assert [each.text for each in inputs("a", ("p",))] == ["a"]
    found = list(inputs(["a", {"text": "b"}, 1, [2]], ("p",)))
    assert [(each.pointer, each.text) for each in found] == [(("p", 0), "a"), (("p", 1, "text"), "b")]
    assert list(inputs([1, 2], ("p",))) == list(inputs(None, ("p",))) == []


def test_strings_inside_a_value() -> None:
    value = {"a": ["x", {"b": "y"}], "c": 1, "d": "z"}
    assert list(leaves(value, ("i",))) == [(("i", "a", 0), "x"), (("i", "a", 1, "b"), "y"), (("i", "d"), "z")]


def test_values_of_other_shapes() -> None:
    assert listed({}) == []
    assert member([], "a") is None
    assert member({"a": 1}, "a") == 1


def test_the_texts_of_a_document() -> None:
    def found(source: Any, **more: Any) -> list[tuple[Pointer, str]]:
        return [*document_texts({"type": "document", "source": source, **more}, ("p",))]

    source = ("p", "source")
    assert found({"type": "text", "data": "a"}, title="t") == [(("p", "title"), "t"), ((*source, "data"), "a")]
    assert found({"type": "content", "content": "a"}) == [((*source, "content"), "a")]
    parts = [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]
    assert found({"type": "content", "content": parts}, context="c") == [
        (("p", "context"), "c"),
        ((*source, "content", 0, "text"), "a"),
    ]
    assert found({"type": "base64", "data": "YQ=="}) == found("a", title="t") == found(None) == []
    assert [*document_texts("a", ())] == []


@pytest.mark.parametrize(
    ("name", "data", "is_it"),
    [(b"end", b'{"type":"end"}', True), (b"", b'{"type": "end"}', True), (b"end", b"{}", True), (b"end", b"?", True),
     (b"end", b'{"type":"said","text":"x"}', False), (b"said", b'{"type":"said","name":"end"}', False),
     (b"", b'{"name":"end"}', False), (b"said", b"{}", False)],
)  # fmt: skip
def test_the_kind_of_an_event_is_its_type(name: bytes, data: bytes, is_it: bool) -> None:
    assert is_of_type(b"end", name, data) is is_it

from penstock.dialects.texts import inputs, leaves, listed, member


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

import json

import pytest

from penstock.core.segments import spliced, with_whole_pairs


def test_strings_at_their_places() -> None:
    raw = b'{ "a": [ {"x": 1.10, "t": "old"}, 12345678901234567890 ], "b": "old" }'
    assert spliced(raw, {("a", 0, "t"): "n\u00e9w", ("b",): ""}) == (
        '{"a":[{"x":1.10,"t":"n\u00e9w"},12345678901234567890],"b":""}'.encode()
    )
    assert spliced(raw, {}) is raw


def test_what_only_the_standard_library_reads() -> None:
    changed = spliced(b'\xef\xbb\xbf{"a": ["\\ud800", "b"]}', {("a", 1): "c"})
    assert json.loads(changed) == {"a": ["\ud800", "c"]}


@pytest.mark.parametrize("pointer", [(), ("x",), ("a", "b"), ("a", 7), (0,), ("a", 0, "t", "u")])
def test_pointers_that_lead_nowhere(pointer: tuple[str | int, ...]) -> None:
    with pytest.raises((KeyError, IndexError, ValueError)):
        spliced(b'{"a": [{"t": "x"}]}', {("a", 0, "t"): "y", pointer: "z"} if len(pointer) > 3 else {pointer: "z"})


def test_null_in_the_place_of_a_value() -> None:
    assert spliced(b'{"a":[{"t":{"x":[1]}}],"b":"old"}', {("a", 0, "t"): None, ("b",): "n"}) == (
        b'{"a":[{"t":null}],"b":"n"}'
    )


def test_pieces_that_end_in_a_pair() -> None:
    assert with_whole_pairs("a\ud83d" + "\ude00b\ud83d") == "a\U0001f600b\ud83d"
    assert with_whole_pairs("\ude00\ud83d") == "\ude00\ud83d"

"""Objects that come in pieces: when the last bracket was closed."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from penstock.dialects.call_arguments import is_object
from penstock.dialects.json_scan import ObjectScan


@given(
    st.text(alphabet='{}[]",:\\ ab1', max_size=30)
    | st.dictionaries(st.text(max_size=4), st.text(max_size=4)).map(json.dumps),
    st.integers(1, 5),
)
def test_an_object_is_seen_to_be_whole_however_it_is_cut(text: str, step: int) -> None:
    at_once, in_pieces = ObjectScan(), ObjectScan()
    at_once.feed(text)
    for at in range(0, len(text), step):
        in_pieces.feed(text[at : at + step])
    assert at_once.is_whole == in_pieces.is_whole
    assert at_once.is_other == in_pieces.is_other
    if text.strip() and is_object(text):
        assert at_once.is_whole
        assert not at_once.is_other

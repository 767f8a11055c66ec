"""A key in the query is moved among the header fields, and seen nowhere else."""

import pytest

from penstock.pipeline.authenticate import QUERY_KEY
from penstock.server.query_key import with_query_key


@pytest.mark.parametrize(
    ("query", "rest"),
    [("key=a%2Bb", ""), ("alt=sse&key=a%2Bb&x=1", "alt=sse&x=1"), ("k%65y=no&key=a%2Bb", ""), ("key=&key=a%2Bb", "")],
)
def test_it_is_moved(query: str, rest: str) -> None:
    headers, fields, left = with_query_key([(b"a", b"1")], {b"a": b"1"}, query)
    expected = b"no" if "no" in query else b"a+b"
    assert headers == [(b"a", b"1"), (QUERY_KEY, expected)]
    assert fields == {b"a": b"1", QUERY_KEY: expected}
    assert left == rest


@pytest.mark.parametrize(("query", "rest"), [("", ""), ("alt=sse", "alt=sse"), ("monkey=1", "monkey=1"), ("key=", "")])
def test_without_one_nothing_changes(query: str, rest: str) -> None:
    assert with_query_key([], {}, query) == ([], {}, rest)

"""What is read memo, however many targets inherit it."""

from __future__ import annotations

from typing import Any

from penstock.routing.fields import Fields
from penstock.routing.memo import Memo, digest_of


def test_a_value_is_read_once_for_each_way_of_reading_it() -> None:
    memo, reads, raw = Memo(), [], {"a": 1}

    def read(fields: Fields) -> int:
        reads.append(fields.path)
        return len(reads)

    def read_otherwise(fields: Fields) -> int:
        return -read(fields)

    both = [Fields({"retry": raw}, path) for path in ("config.targets[0]", "config.targets[1]")]
    assert [memo.read(read, fields, "retry") for fields in both] == [1, 1]
    assert memo.read(read_otherwise, both[0], "retry") == -2
    assert memo.read(read, Fields({"retry": {"a": 1}}, "config"), "retry") == 3, "an equal value is another one"
    assert memo.read(read, Fields({}, "config"), "retry") == 4, "what is not there has no identity"


def test_another_value_never_takes_the_place_of_one_that_was_read() -> None:
    memo = Memo()
    for number in range(1000):
        made: Any = {"number": number}
        assert memo.encoded(made) == b'{"number":%d}' % number
        assert memo.of("kind", made, lambda number=number: number) == number  # type: ignore[misc]


def test_a_long_text_has_a_short_digest() -> None:
    memo = Memo()
    assert memo.digest("short") == memo.digest(b"short") == "short"
    assert memo.digest("x" * 1000) == digest_of(b"x" * 1000)
    assert len(memo.digest(b"x" * 1000)) == 24

"""What is read once, however many targets inherit it."""

from __future__ import annotations

from typing import Any

from penstock.routing.fields import Fields
from penstock.routing.once import Once, digest_of


def test_a_value_is_read_once_for_each_way_of_reading_it() -> None:
    once, reads, raw = Once(), [], {"a": 1}

    def read(fields: Fields) -> int:
        reads.append(fields.path)
        return len(reads)

    def read_otherwise(fields: Fields) -> int:
        return -read(fields)

    both = [Fields({"retry": raw}, path) for path in ("config.targets[0]", "config.targets[1]")]
    assert [once.read(read, fields, "retry") for fields in both] == [1, 1]
    assert once.read(read_otherwise, both[0], "retry") == -2
    assert once.read(read, Fields({"retry": {"a": 1}}, "config"), "retry") == 3, "an equal value is another one"
    assert once.read(read, Fields({}, "config"), "retry") == 4, "what is not there has no identity"


def test_another_value_never_takes_the_place_of_one_that_was_read() -> None:
    once = Once()
    for number in range(1000):
        made: Any = {"number": number}
        assert once.encoded(made) == b'{"number":%d}' % number
        assert once.of("kind", made, lambda number=number: number) == number  # type: ignore[misc]


def test_a_long_text_has_a_short_digest() -> None:
    once = Once()
    assert once.digest("short") == once.digest(b"short") == "short"
    assert once.digest("x" * 1000) == digest_of(b"x" * 1000)
    assert len(once.digest(b"x" * 1000)) == 24

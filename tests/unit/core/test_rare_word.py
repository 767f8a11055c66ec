"""The fast search for a word says what a plain search says."""

from __future__ import annotations

import random

import pytest

from penstock.core.rare_word import RareWord


@pytest.mark.parametrize("sign", range(4))
@pytest.mark.parametrize("alphabet", [b"_pkx", b"_", b"pk", bytes(range(256))])
def test_it_finds_what_a_plain_search_finds(sign: int, alphabet: bytes) -> None:
    draw, word = random.Random(f"{sign} {alphabet!r}"), RareWord(b"_pk_", sign)
    texts = [bytes(draw.choices(alphabet, k=draw.randrange(90))) for _ in range(500)]
    texts += [text[:at] + b"_pk_" + text[at:] for text in texts[:200] for at in (0, len(text) // 2, len(text))]
    assert [word.is_in(text) for text in texts] == [b"_pk_" in text for text in texts]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 40])
@pytest.mark.parametrize("tail", [b"", b"_pk_", b"_pk", b" _pk_ _"])
def test_a_text_that_has_the_byte_often_is_searched_to_its_end(count: int, tail: bytes) -> None:
    text = b"_ " * count + tail
    assert RareWord(b"_pk_").is_in(text) == (b"_pk_" in text)


def test_it_is_never_found_over_the_end_of_a_text() -> None:
    word = RareWord(b"abcd", 3)
    assert not word.is_in(b"d")
    assert not word.is_in(b"bcda")
    assert word.is_in(b"abcd")

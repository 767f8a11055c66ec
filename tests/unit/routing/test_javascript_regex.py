"""JavaScript's regular expressions: what means something else here, what is too large, what takes too long."""

import pytest

from penstock.routing import javascript_regex
from penstock.routing.javascript_regex import TooLarge, searcher


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("^gpt-4", "gpt-4o", True),
        ("a.c", "a\nc", False),
        ("a.c", "a\u2028c", False),
        ("a$", "a\n", False),
        ("[]", "a", False),
        ("[^]", "\n", True),
        ("[.]", "a", False),
        (r"\.", "a", False),
        (r"\d", "\u0663", False),
    ],
)
def test_a_pattern_means_what_it_means_in_javascript(source: str, text: str, found: bool) -> None:
    search = searcher(source)
    assert search is not None
    assert search(text) is found


@pytest.mark.parametrize("source", ["(", "[a", "*"])
def test_what_is_no_pattern(source: str) -> None:
    assert searcher(source) is None


@pytest.mark.parametrize("source", ["a{1000000}", "(a{1000}){1000}"])
def test_a_pattern_that_would_fill_the_memory(source: str) -> None:
    with pytest.raises(TooLarge):
        searcher(source)


def test_a_search_that_takes_too_long_finds_nothing_and_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(javascript_regex, "_SEARCH_TIMEOUT", 0.0)

    class Slow:
        tried = 0

        def search(self, text: str, timeout: float) -> None:
            self.tried += 1
            raise TimeoutError

    slow = Slow()
    search = javascript_regex._Search(slow)  # type: ignore[arg-type]
    assert [search("x") for _ in range(5)] == [False] * 5
    assert slow.tried == javascript_regex._MAX_TIMEOUTS

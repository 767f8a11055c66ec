"""The bounded map."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.lru import Lru


def test_the_one_not_used_for_longest_goes() -> None:
    lru: Lru[str, int] = Lru(2)
    lru.put("a", 1)
    lru.put("b", 2)
    assert lru.get("a") == 1
    lru.put("c", 3)
    assert (lru.get("a"), lru.get("b"), lru.get("c"), len(lru)) == (1, None, 3, 2)


def test_a_look_at_all_values_makes_none_more_recent() -> None:
    lru: Lru[str, int] = Lru(2)
    lru.put("a", 1)
    lru.put("b", 2)
    assert list(lru.values()) == [1, 2]
    lru.put("c", 3)
    assert list(lru.values()) == [2, 3]


def test_heavy_entries_take_the_room_of_several() -> None:
    lru: Lru[str, int] = Lru(4)
    for name in "abcd":
        lru.put(name, 1)
    lru.put("heavy", 1, 3)
    assert (lru.get("c"), lru.get("d"), lru.get("heavy")) == (None, 1, 1)
    lru.drop("heavy")
    lru.drop("nobody")
    for name in "efg":
        lru.put(name, 1)
    assert (lru.get("d"), len(lru)) == (1, 4)
    lru.put("too heavy", 1, 5)
    assert len(lru) == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=30))
def test_the_weight_is_bounded_whatever_is_put(puts: list[tuple[int, int]]) -> None:
    lru: Lru[int, int] = Lru(6)
    weights: dict[int, int] = {}
    for key, weight in puts:
        lru.put(key, weight, weight)
        weights[key] = weight
        assert sum(weights[known] for known in range(6) if lru.get(known) is not None) <= 6


def test_a_look_at_all_entries_makes_none_recent() -> None:
    lru: Lru[str, int] = Lru(2)
    lru.put("a", 1)
    lru.put("b", 2)
    assert list(lru.items()) == [("a", 1), ("b", 2)]
    lru.put("c", 3)
    assert list(lru.items()) == [("b", 2), ("c", 3)]

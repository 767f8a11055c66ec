"""A verdict by header name is worked out once, and made-up names can't fill the memory."""

from penstock.core import name_memo
from penstock.core.name_memo import NameMemo


def test_a_verdict_is_worked_out_once() -> None:
    asked: list[bytes] = []

    def decide(name: bytes) -> bool:
        asked.append(name)
        return name.startswith(b"x-")

    passes = NameMemo(decide)
    assert [passes[b"x-a"], passes[b"x-a"], passes[b"b"], passes[b"b"]] == [True, True, False, False]
    assert asked == [b"x-a", b"b"]


def test_what_is_remembered_is_bounded() -> None:
    passes = NameMemo(lambda name: True)
    assert all(passes[b"x-%d" % number] for number in range(name_memo._SIZE + 10))
    assert len(passes) == name_memo._SIZE

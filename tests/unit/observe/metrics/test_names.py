"""Label values are bounded, whatever callers send."""

from penstock.observe.metrics.names import BoundedNames


def test_a_hundred_thousand_names_are_a_few_values() -> None:
    names = BoundedNames(3)
    labels = {names.label(f"model-{number}") for number in range(100_000)}
    assert labels == {"model-0", "model-1", "model-2", "other"}
    assert names.label("model-1") == "model-1"


def test_a_name_that_nothing_vouches_for_takes_no_room() -> None:
    names = BoundedNames(1)
    assert names.label("invented", may_join=False) == "other"
    assert names.label("real") == "real"
    assert names.label("real", may_join=False) == "real"


def test_a_label_is_short_and_can_be_written() -> None:
    names = BoundedNames(9)
    assert names.label("x" * 1000) == "x" * 128
    assert names.label("a\ud800b") == "a?b"

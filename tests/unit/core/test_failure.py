"""Every kind of failure has one meaning."""

import pytest

from penstock.core.failure import MEANINGS, Failure, Kind


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_failure_has_one_meaning(kind: Kind) -> None:
    failure = Failure(kind, "It broke.")
    assert failure.meaning is MEANINGS[kind]
    assert 400 <= failure.status <= 599

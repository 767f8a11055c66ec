"""Every kind of failure has one meaning."""

import pytest

from penstock.core.failure import MEANINGS, Blame, Failure, Kind, blame_of


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_failure_has_one_meaning(kind: Kind) -> None:
    failure = Failure(kind, "It broke.")
    assert failure.meaning is MEANINGS[kind]
    assert 400 <= failure.status <= 599


@pytest.mark.parametrize(
    ("code", "status", "blame"),
    [
        ("upstream_status", 500, Blame.PROVIDER),
        ("upstream_status", 429, Blame.PROVIDER),
        ("upstream_status", 401, Blame.PROVIDER),
        ("upstream_status", 400, Blame.CLIENT),
        ("upstream_status", 422, Blame.CLIENT),
        ("connection_refused", 404, Blame.PROVIDER),
        ("unknown_provider", 400, Blame.CLIENT),
        ("no_such_code", 500, None),
    ],
)
def test_a_provider_that_says_the_request_is_wrong_blames_the_caller(
    code: str, status: int, blame: Blame | None
) -> None:
    assert blame_of(code, status) is blame

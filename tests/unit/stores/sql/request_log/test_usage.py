"""What is added up."""

import pytest

from penstock.stores.sql.request_log.usage import is_error


@pytest.mark.parametrize(("status", "failed"), [(200, False), (399, False), (400, True), (499, True)])
def test_a_request_failed_whose_caller_was_told_so(status: int, failed: bool) -> None:
    assert is_error(status) is failed

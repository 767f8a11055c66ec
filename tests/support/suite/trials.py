"""How many random examples a property tries: ``TEST_TRIALS=100000`` shares so many out among the properties of
guards, with new examples in each run and time for them. ``--hypothesis-show-statistics`` says how many ran."""

from __future__ import annotations

import os
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

_TRIALS: Final = int(os.environ.get("TEST_TRIALS", "0"))
_SHARES: Final = 50
"""Properties, and cases of them, among which trials are shared out."""
_SECONDS: Final = 330
"""The limit of a test in any other run (pyproject.toml)."""

WITH_TIME: Final = pytest.mark.timeout(_SECONDS + _TRIALS // 5)
"""For tests of properties: a thousand examples take some seconds, on a busy machine a minute."""


def trials(usual: int) -> settings:
    """The settings of a property that tries ``usual`` examples in a run of the suite."""
    if not _TRIALS:
        return settings(max_examples=usual, deadline=None)
    most = max(usual, _TRIALS // _SHARES)
    return settings(
        max_examples=most, deadline=None, derandomize=False, database=None, suppress_health_check=list(HealthCheck)
    )

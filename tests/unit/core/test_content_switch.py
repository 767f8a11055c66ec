"""Which switch of contents holds."""

from __future__ import annotations

import pytest

from penstock.core.content_switch import keeps_content


@pytest.mark.parametrize(
    ("setting", "narrower", "header", "may", "kept"),
    [
        (False, None, None, False, False),
        (True, None, None, False, True),
        (True, False, None, True, False),
        (False, True, None, False, True),
        (True, True, "False", True, False),
        (False, None, "true", False, False),
        (False, False, "TRUE", True, True),
        (True, None, "1", False, True),
        (False, None, "1", True, False),
    ],
)
def test_the_narrowest_switch_holds_and_a_header_switches_off(
    setting: bool, narrower: bool | None, header: str | None, may: bool, kept: bool
) -> None:
    assert keeps_content(setting, narrower, header, may_switch_on=may) is kept

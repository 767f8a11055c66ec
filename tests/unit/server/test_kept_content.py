"""Which requests are logged with their content."""

from __future__ import annotations

import pytest

from penstock.server.kept_content import ContentRule
from penstock.stores.catalogue import GatewayKey


def key(logs_content: bool | None, may: bool = False) -> GatewayKey:
    return GatewayKey("k", b"", logs_content=logs_content, may_log_content=may)


@pytest.mark.parametrize(
    ("setting", "gateway_key", "header", "kept"),
    [
        (False, None, None, False),
        (True, None, None, True),
        (False, key(None), None, False),
        (True, key(False), None, False),
        (False, key(True), None, True),
        (True, key(True), b"false", False),
        (True, None, b"False", False),
        (False, None, b"true", False),
        (False, key(None), b"true", False),
        (False, key(None, may=True), b"TRUE", True),
        (False, key(False, may=True), b"true", True),
        (True, key(None), b"true", True),
        (True, None, b"1", True),
    ],
)
def test_the_narrowest_switch_holds(
    setting: bool, gateway_key: GatewayKey | None, header: bytes | None, kept: bool
) -> None:
    fields = {} if header is None else {b"x-portkey-debug": header}
    assert ContentRule(setting).applies(gateway_key, fields) is kept

"""Where metrics are served."""

from __future__ import annotations

from penstock.settings.metrics import Metrics


def test_the_port_of_their_own() -> None:
    assert (Metrics().address, Metrics(listen="9464").address) == (None, ("127.0.0.1", 9464))

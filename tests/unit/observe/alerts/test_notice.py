"""Notices as values."""

from penstock.observe.alerts.notice import Notice


def test_the_same_key_is_the_same_notice() -> None:
    one, other = Notice("store_down", "a\ud800", 1.5, "Lost."), Notice("store_down", "a\ud800", 9.0, "Lost again.")
    assert one.id == other.id != Notice("store_down", "b", 1.5, "Lost.").id


def test_what_a_webhook_gets() -> None:
    notice = Notice("circuit_open", "k", 1_000_000_000.9, "It opened.", {"target": None, "seconds": 30.0})
    assert notice.payload == {
        "type": "circuit.opened", "timestamp": "2001-09-09T01:46:40Z", "id": notice.id,
        "data": {"message": "It opened.", "target": None, "seconds": 30.0},
    }  # fmt: skip

"""What notices are made of."""

from __future__ import annotations

import msgspec

from penstock.limits.counters import Alert
from penstock.limits.limit import BucketKey, Limit
from penstock.limits.windows import CalendarWindow
from penstock.observe.alerts.notice import Notice
from penstock.observe.alerts.watch import Watch, WatchSettings, budget_notice, is_failed
from penstock.observe.record import AttemptRecord, Record, Records

LIMIT = Limit("b-1", "api_key", "key-1", "cost", 5_000_000_000, CalendarWindow("month"), alert_at=4_000_000_000)
KEY = BucketKey("b-1", b"", 2, 0)
EVERY = frozenset({"budget_threshold", "budget_exhausted", "circuit_open", "store_down", "error_rate"})
RECORD = Record(100.0, "POST", "/", 200, 0.0, "chat.completions")


class World:
    """A watch over what a test says."""

    def __init__(self, settings: WatchSettings) -> None:
        self.notices: list[Notice] = []
        self.lost: list[str] = []
        self.is_first = True
        self.now = 100.0
        self.records = Records()
        self.watch = Watch(
            self.records, settings, self.notices.append, lambda: self.lost, lambda: self.is_first, lambda: self.now
        )

    @property
    def told(self) -> list[str]:
        return [notice.text for notice in self.notices]


def test_budgets() -> None:
    notice = budget_notice("budget_threshold", Alert("threshold", LIMIT, KEY, 4_200_000_000), 7.0)
    assert notice.text == ("The budget b-1 of the key key-1 has reached its alert threshold: 4.2 dollars of 4 dollars.")
    named = budget_notice("budget_threshold", Alert("threshold", LIMIT, KEY, 4_200_000_000), 7.0, "search-team")
    assert named.text.startswith("The budget b-1 of the key search-team has")
    assert (named.id, named.data["name"], named.data["owner"]) == (notice.id, "search-team", "key-1")
    assert notice.owner == "key-1"
    assert (notice.data["used"], notice.data["amount"], notice.data["threshold"]) == (4.2, 5.0, 4.0)
    exhausted = budget_notice("budget_exhausted", Alert("exhausted", LIMIT, KEY, 5_000_000_000), 7.0)
    other_window = budget_notice("budget_exhausted", Alert("exhausted", LIMIT, KEY._replace(window_start=5), 5), 7.0)
    assert len({notice.id, exhausted.id, other_window.id}) == 3
    tokens = msgspec.structs.replace(LIMIT, kind="tokens", amount=10, level="workspace", alert_at=None)
    of_workspace = budget_notice("budget_exhausted", Alert("exhausted", tokens, KEY, 11), 7.0)
    assert (of_workspace.owner, of_workspace.data["used"]) == (None, 11)
    assert of_workspace.text.endswith("is used up: 11 tokens of 10 tokens.")


def test_only_what_was_asked_for_is_told() -> None:
    world = World(WatchSettings(frozenset({"budget_exhausted"})))
    kinds = ("threshold", "exhausted", "overrun", "overflow")
    world.watch.budgets([Alert(kind, LIMIT, KEY, 1) for kind in kinds])  # type: ignore[arg-type]
    world.watch.circuit_opened("", True, "t", 30.0, 0.0)
    world.lost = ["database"]
    world.watch.look()
    assert [notice.kind for notice in world.notices] == ["budget_exhausted"]


async def test_a_store_is_told_once_in_each_window_by_one_worker() -> None:
    world = World(WatchSettings(EVERY, repeat=60.0))
    world.lost, world.is_first = ["database"], False
    world.watch.look()
    world.is_first = True
    for world.now in (120.0, 130.0, 179.0, 180.0, 200.0):
        world.watch.look()
    assert world.told == ["The database can't be reached."] * 2


async def test_a_circuit_is_told_with_its_target_or_after_a_while_without() -> None:
    world = World(WatchSettings(EVERY))
    world.watch.start()
    world.watch.circuit_opened("app", True, "one", 30.0, 0.0)
    world.watch.circuit_opened("", False, "two", 30.0, 0.0)
    attempt = AttemptRecord("config.targets[0]", "openai", "m", 1, 500, 0.0, identity="one")
    world.records.publish(msgspec.structs.replace(RECORD, attempts=(attempt,)))
    world.watch.look()
    assert world.told == [
        "The circuit of openai (m), config.targets[0] has opened for the key app: no requests for 30 s."
    ]
    world.now += 5
    await world.watch.stop()
    assert world.told[1:] == ["The circuit of a target has opened: no requests for 30 s."]


async def test_no_name_of_a_model_makes_a_line() -> None:
    world = World(WatchSettings(EVERY))
    world.watch.start()
    world.watch.circuit_opened("", False, "one", 30.0, 0.0)
    attempt = AttemptRecord("config", "openai", "m\r\nstatus: fine\u2028\ud800", 1, 500, 0.0, identity="one")
    world.records.publish(msgspec.structs.replace(RECORD, attempts=(attempt,)))
    await world.watch.stop()
    assert world.told == ["The circuit of openai (m  status: fine ?), config has opened: no requests for 30 s."]


async def test_the_rate_of_failed_requests() -> None:
    world = World(WatchSettings(EVERY, rate=0.5, requests=4))
    world.watch.start()
    for status, failure in ((200, None), (400, "invalid_request"), (502, "upstream_status"), (500, None)):
        assert world.notices == []
        world.records.publish(msgspec.structs.replace(RECORD, status=status, failure=failure))
        world.watch.look()
    await world.watch.stop()
    assert world.told == ["2 of 4 requests failed in 300 seconds (50 %)."]


def test_whose_fault_counts() -> None:
    def failed(status: int, failure: str | None) -> bool:
        return is_failed(msgspec.structs.replace(RECORD, status=status, failure=failure))

    assert [failed(*each) for each in ((200, None), (400, "unknown_provider"), (499, "client_disconnected"))] == [
        False
    ] * 3
    assert failed(503, None)
    assert failed(502, "upstream_status")
    assert failed(429, "upstream_status")
    assert not failed(400, "upstream_status")

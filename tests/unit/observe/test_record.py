"""The queue of records: in order, taken once, bounded."""

from penstock.observe.record import Record, Records


def record(path: str) -> Record:
    return Record(0.0, "POST", path, 200, 0.1)


def test_records_are_taken_once_in_order() -> None:
    records = Records()
    records.push(record("/a"))
    records.push(record("/b"))
    assert [each.path for each in records.take()] == ["/a", "/b"]
    assert records.take() == []


def test_what_comes_when_the_queue_is_full_is_counted() -> None:
    records = Records(size=2)
    for number in range(5):
        records.push(record(f"/{number}"))
    assert (len(records.take()), records.lost) == (2, 3)

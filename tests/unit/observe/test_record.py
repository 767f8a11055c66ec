"""The queue of records: in order, taken once, bounded."""

from penstock.observe.record import Record, RecordQueue, Records


def record(path: str) -> Record:
    return Record(0.0, "POST", path, 200, 0.1)


def test_records_are_taken_once_in_order() -> None:
    records = RecordQueue(10)
    records.push(record("/a"))
    records.push(record("/b"))
    assert [each.path for each in records.take()] == ["/a", "/b"]
    assert records.take() == []


def test_what_comes_when_the_queue_is_full_is_counted() -> None:
    records = RecordQueue(2)
    for number in range(5):
        records.push(record(f"/{number}"))
    assert (len(records.take()), records.lost) == (2, 3)
    records.lost = 0
    for number in range(3):
        records.push(record(f"/{number}"))
    assert (records.lost, records.lost_in_all) == (1, 4)


def test_each_reader_has_a_queue_of_its_own() -> None:
    records = Records()
    records.publish(record("/before"))
    fast, slow = records.subscribe(), records.subscribe(1, "slow")
    assert [queue.reader for queue in records.queues] == ["", "slow"]
    for path in ("/a", "/b"):
        records.publish(record(path))
    assert [each.path for each in fast.take()] == ["/a", "/b"]
    assert ([each.path for each in slow.take()], slow.lost, fast.lost) == (["/a"], 1, 0)

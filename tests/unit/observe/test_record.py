"""The queue of records: in order, taken once, bounded."""

import asyncio

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


async def test_a_reader_that_follows_is_handed_records_in_a_later_turn_and_in_their_order() -> None:
    queue, read = RecordQueue(1000), list[Record]()
    waiting = [record(str(number)) for number in range(100)]
    for each in waiting[:3]:
        queue.push(each)
    queue.follow(read.append)
    for each in waiting[3:]:
        queue.push(each)
    assert read == []
    await asyncio.sleep(0)
    assert 0 < len(read) < 100, "one turn takes a few"
    for _ in range(100):
        await asyncio.sleep(0)
    assert 0 < len(queue) < 32, "fewer than a handful are left to be taken"
    assert (read + queue.take(), queue.lost) == (waiting, 0)


async def test_a_reader_that_rests_keeps_its_records_and_loses_those_beyond_its_size() -> None:
    queue, read = RecordQueue(64), list[Record]()
    coming = [record(str(number)) for number in range(70)]
    queue.follow(read.append)
    for each in coming[:40]:
        queue.push(each)
    queue.pause()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (read, len(queue)) == ([], 40)
    for each in coming[40:]:
        queue.push(each)
    assert (len(queue), queue.lost) == (64, 6)
    queue.follow(read.append)
    for _ in range(4):
        await asyncio.sleep(0)
    assert read + queue.take() == coming[:64]
    assert len(read) == 64

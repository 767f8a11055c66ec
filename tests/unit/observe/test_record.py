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
    queue.follow(read.extend)
    for each in waiting[3:]:
        queue.push(each)
    assert read == []
    await asyncio.sleep(0)
    assert 0 < len(read) < 100, "one turn takes a few"
    for _ in range(100):
        await asyncio.sleep(0)
    assert read == waiting
    assert (len(queue), queue.lost) == (0, 0)


async def test_records_that_come_with_each_turn_are_read_by_the_handful() -> None:
    queue, read = RecordQueue(1000), list[Record]()
    queue.follow(read.extend)
    at_a_time = []
    for turn in range(60):
        if turn < 50:
            queue.push(record(str(2 * turn)))
            queue.push(record(str(2 * turn + 1)))
        before = len(read)
        await asyncio.sleep(0)
        at_a_time += [len(read) - before] if len(read) > before else []
    assert ([each.path for each in read], queue.lost) == ([str(number) for number in range(100)], 0)
    assert at_a_time == [32, 32, 32, 4]


async def test_a_reader_that_rests_keeps_its_records_and_loses_those_beyond_its_size() -> None:
    queue, read = RecordQueue(2), list[Record]()
    queue.follow(read.extend)
    queue.push(record("a"))
    queue.pause()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (read, len(queue)) == ([], 1)
    queue.push(record("b"))
    queue.push(record("c"))
    assert (len(queue), queue.lost) == (2, 1)
    queue.follow(read.extend)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [each.path for each in read] == ["a", "b"]


async def test_a_reader_is_not_handed_what_was_taken_meanwhile() -> None:
    queue, read = RecordQueue(10), list[list[Record]]()
    queue.follow(read.append)
    queue.push(record("a"))
    assert [each.path for each in queue.take()] == ["a"]
    for _ in range(3):
        await asyncio.sleep(0)
    assert read == []
    queue.push(record("b"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert [[each.path for each in some] for some in read] == [["b"]]


def test_records_are_told_their_kinds_once_a_reader_asks() -> None:
    records = Records()
    assert records.kinds is None
    records.tell_kinds()
    kinds = records.kinds
    records.tell_kinds()
    assert records.kinds is kinds is not None

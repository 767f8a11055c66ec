"""Output items while they are written: their numbers, and what is told of each."""

from __future__ import annotations

import json

from penstock.core.events import ToolStart
from penstock.dialects.framing import sse
from penstock.dialects.responses.caller.items_out import CallItem, MessageItem, Teller


def test_events_are_numbered() -> None:
    teller = Teller()
    teller.tell("a")
    teller.delta(b'event: b\ndata: {"type":"b","delta":', "x\n", b',"sequence_number":')
    told = [(name, json.loads(data)) for name, data in sse.events(teller.taken())]
    assert told == [
        (b"a", {"type": "a", "sequence_number": 0}),
        (b"b", {"type": "b", "delta": "x\n", "sequence_number": 1}),
    ]
    assert teller.taken() == b""


def test_a_quiet_teller_keeps_nothing() -> None:
    teller = Teller(is_quiet=True)
    message = MessageItem(0, "msg_1")
    message.begin(teller)
    message.begin_part(teller, "output_text", [], 0)
    message.say(teller, "a")
    assert message.end(teller, [], "completed")["content"][0]["text"] == "a"
    assert teller.taken() == b""


def test_the_id_of_a_call_says_its_kind() -> None:
    assert CallItem.of(2, ToolStart(0, "f"), None, "seed", "c").id == "fc_seed0002"
    assert CallItem.of(2, ToolStart(0, "f", custom=True), None, "seed", "c").id == "ctc_seed0002"

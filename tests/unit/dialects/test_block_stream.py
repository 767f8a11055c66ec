"""One block at a time: what waits, and what is told when. The wires' own tests are beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.core.chat import Owner
from penstock.core.events import Citation, Event, Fail, Foreign, Media, Start, Stop, Text, Thinking, ToolArgs, ToolStart
from penstock.dialects.block_stream import BlockStream
from penstock.dialects.caller import Caption


class Written(BlockStream):
    """Writes words, one for each thing that happens."""

    def first_event(self, start: Start) -> bytes:
        return f"open:{start.model} ".encode()

    def last_events(self) -> bytes:
        return b"close"

    def text_start(self) -> bytes:
        return b"text%d " % self.number

    def around_text(self) -> tuple[bytes, bytes]:
        return b"", b" "

    def thought_start(self) -> bytes:
        return b"thought%d " % self.number

    def thought(self, text: str) -> bytes:
        return text.encode() + b" "

    def signature(self, value: str) -> bytes:
        return b"sig:" + value[:4].encode() + b" "

    def redacted(self, data: str) -> bytes:
        return b"redacted%d " % self.number

    def call_start(self, call_id: str, name: str) -> bytes:
        return f"call{self.number}:{name}:{call_id} ".encode()

    def call_id(self, index: int) -> str:
        return f"id{index}"

    def arguments(self, piece: str) -> bytes:
        return piece.encode() + b" "

    def block_stop(self) -> bytes:
        return b"stop%d " % self.number

    def source(self, citation: Citation) -> Mapping[str, Any] | None:
        return {"url": citation.url} if citation.url else None

    def source_piece(self, source: Mapping[str, Any]) -> bytes:
        return f"source:{source['url']} ".encode()

    def media(self, media: Media) -> Iterable[bytes]:
        return self.text(media.mime, media.block)

    def own_block(self, foreign: Foreign) -> Mapping[str, Any] | None:
        return foreign.value if foreign.value.get("own") else None

    def whole_block(self, block: Mapping[str, Any]) -> bytes:
        return b"own%d " % self.number


def told(*events: Event) -> str:
    writer = Written(Caption("s", 1, "m", "p"))
    return (b"".join(writer.write([event]) for event in events) + writer.finish()).decode()


def test_blocks_follow_one_another() -> None:
    assert told(Start("", "x"), Text("a"), Text("b", block=1), Citation({}, "u", block=1), Citation({})) == (
        'open:x text0 "a" stop0 text1 "b" source:u stop1 close'
    )


def test_of_two_calls_at_once_the_second_waits() -> None:
    events: list[Event] = [
        ToolStart(0, "f"),
        ToolStart(1, "g", "t"),
        ToolArgs("{}", 1),
        ToolArgs('{"a":', 0),
        ToolArgs("1}", 0),
    ]
    assert told(*events, Text("z")) == (
        'open: call0:f:id0 {"a": 1} stop0 call1:g:t {} stop1 text2 "z" stop2 close'
    )  # fmt: skip


def test_thoughts_are_signed_at_their_end() -> None:
    own = Owner.ANTHROPIC
    assert told(Thinking("h", "s", owner=own), Thinking(data="x", owner=own, block=1), Text("a", block=2)) == (
        'open: thought0 h sig:s stop0 redacted1 text2 "a" stop2 close'
    )
    assert told(ToolStart(0, "f", "t", "foreign", Owner.GOOGLE)) == (
        "open: thought0 sig:cG5z stop0 call1:f:t stop1 close"
    )


def test_own_blocks_and_media() -> None:
    found = told(Foreign({"own": 1}), Foreign({}), Media("image/png"), Text("b", choice=1))
    assert found == 'open: own0 text1 "image/png" stop1 close'


def test_what_can_not_be_told_fails_without_an_end() -> None:
    broken: list[list[Event]] = [
        [ToolStart(0, "f"), ToolArgs("[]", 0)], [ToolStart(0, "f"), ToolArgs("{", 0)], [Fail("x")]
    ]  # fmt: skip
    for events in broken:
        writer = Written(Caption("s", 1, "m", "p"))
        sent = writer.write(events) + writer.finish()
        assert writer.failed is not None
        assert b"close" not in sent
    assert told(ToolStart(0, "f"), ToolArgs("{", 0), Stop("length")).endswith("stop0 close")

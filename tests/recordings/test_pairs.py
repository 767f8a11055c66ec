"""Every pair of the seven wires of chats: each recording of a provider's wire, told to callers of every other wire,
whole and streamed, says what the recording says. Both are read by one naive reading (readings.py).
"""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import httpx
import msgspec
import pytest

import finer_readings
import wires
from doors import error_message
from finer_readings import read_beside
from pairs import (
    CAPTION,
    ERRORS,
    GOOD,
    PATHS,
    PLACES,
    STREAMS,
    WIRE_OF,
    asked,
    context,
    events,
    framed,
    is_own,
    of_each,
    own_server,
    source,
    to,
    to_providers,
    whole,
)
from penstock.core.events import Event, collect
from penstock.core.failure import Failure
from penstock.dialects.framing import sse
from penstock.dialects.registry import CALLERS, DIALECTS
from penstock.pipeline.translate import TranslatedStream, Translation
from readings import CALL, TEXT, THOUGHT, Told, read
from replaying import load
from running import RunningGateway, needs_recordings

pytestmark = needs_recordings


def plain(caller: str, found: list[Event]) -> bytes:
    dialect, reply = CALLERS[caller], collect(found)
    written = dialect.writing.reply(reply, CAPTION)
    assert isinstance(written, bytes), written
    verdict = None if dialect.writing.verdict is None else dialect.writing.verdict(reply, CAPTION)
    judged = msgspec.structs.replace(dialect.replies.judge(written, "unit", True), usage=None)
    assert verdict is None or verdict == judged
    return written


def streamed(caller: str, found: list[Event]) -> bytes:
    dialect, place = CALLERS[caller], PLACES[caller]
    writer = dialect.writing.stream(CAPTION)
    sent = b"".join([writer.write([event]) for event in found]) + writer.finish()
    assert writer.failed is None, writer.failed
    return framed(dialect, place, sent)


def sorted_blocks(told: Told) -> list[tuple[str, str]]:
    """Blocks of a wire that keeps no order between thoughts, texts and calls."""
    calls = [(CALL, each) for each in told.of(CALL)]
    return [*[(THOUGHT, told.thought)] * bool(told.thought), *[(TEXT, told.text)] * bool(told.text), *calls]


def finish_of(said: Told, caller: str) -> str:
    """The finish as the caller's wire can tell it."""
    if said.is_refused and caller == "anthropic":
        return "content_filter"  # its word is ``refusal``
    return "stop" if said.finish == "content_filter" and not PLACES[caller].has_filter else said.finish


@to()
@of_each(GOOD)
def test_it_says_what_the_recording_says(path: Path, caller: str) -> None:
    found, said, place = whole(path), source(path), PLACES[caller]
    for told in (read(caller, "json", plain(caller, found)), read(caller, place.kind, streamed(caller, found))):
        assert told.is_ended
        assert told.error is None
        if place.is_ordered and PLACES[WIRE_OF[load(path)["wire"]]].is_ordered:
            assert told.blocks == said.blocks
        else:
            assert sorted_blocks(told) == sorted_blocks(said)
        if said.finish:  # some hosts say none
            assert told.finish == finish_of(said, caller)
        for name in place.counts & said.usage.keys():
            assert told.usage.get(name, 0) == said.usage[name], name
        assert told.urls == (said.urls if place.has_sources else set())


@to()
@of_each(GOOD)
def test_it_says_what_the_recording_says_beside_its_text(path: Path, caller: str) -> None:
    """Ids of calls, log probabilities, titles of sources, refusals, stop sequences, what a cache was given."""
    found, recording = whole(path), load(path)
    said = read_beside(WIRE_OF[recording["wire"]], recording["response"]["kind"], wires.body(recording))
    for kind, sent in (("json", plain(caller, found)), (PLACES[caller].kind, streamed(caller, found))):
        told = read_beside(caller, kind, sent)
        for name in finer_readings.PLACES[caller]:
            if getattr(said, name):
                assert getattr(told, name) == getattr(said, name), name


@to()
@of_each(STREAMS)
def test_any_cutting_says_the_same(path: Path, caller: str) -> None:
    """The provider's bytes may come in any pieces, and so may the events that are written."""
    recording, found = load(path), whole(path)
    body, generator = wires.body(recording), random.Random(path.stem)
    for _ in range(3):
        places = sorted({0, len(body), *(generator.randrange(len(body)) for _ in range(generator.randrange(1, 30)))})
        assert events(recording, [body[a:b] for a, b in itertools.pairwise(places)]) == found
    dialect = CALLERS[caller]
    alone, groups = dialect.writing.stream(CAPTION), dialect.writing.stream(CAPTION)
    by_one = b"".join([alone.write([event]) for event in found]) + alone.finish()
    places = sorted({0, len(found), *(generator.randrange(len(found) + 1) for _ in range(5))})
    in_groups = b"".join([groups.write(found[a:b]) for a, b in itertools.pairwise(places)]) + groups.finish()
    place = PLACES[caller]
    one, other = (read(caller, place.kind, framed(dialect, place, sent)) for sent in (by_one, in_groups))
    assert one == other


@to()
@of_each(STREAMS)
def test_a_text_like_the_last_one_is_told_as_any_other(
    path: Path, caller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that a template tells (dialects/framing/text_template.py) become the bytes that they become when they are read."""
    monkeypatch.setattr(Translation, "caption", lambda _: CAPTION)
    recording = load(path)
    provider, body = DIALECTS[WIRE_OF[recording["wire"]]], wires.body(recording)
    how = Translation(CALLERS[caller], provider, context(recording), True, True, True)
    read_all = TranslatedStream(how, b"t")
    expected = read_all.feed(body) + read_all.finish()
    blocks = [*sse.blocks(body)]
    for at_once in (1, 2, 3):
        stream, told = TranslatedStream(how, b"t"), []
        for number in range(0, len(blocks), at_once):
            piece = b"".join(blocks[number : number + at_once])
            known = stream.repeated(piece)
            told.append(stream.feed(piece) if known is None else known)
        assert b"".join(told) + stream.finish() == expected


# Through the gateway.


@own_server()
@to()
@of_each(ERRORS)
async def test_errors_come_in_the_callers_shape(path: Path, caller: str, gateway: RunningGateway, replay: str) -> None:
    recording = load(path)
    status = recording["response"]["status"]
    for stream in (False, True):
        where, body, headers = asked(recording, caller, replay, "split=7", stream=stream)
        async with httpx.AsyncClient(timeout=300) as client:
            reply = await client.post(gateway.url + where, json=body, headers=headers)
        assert reply.status_code == status, reply.text
        if not is_own(recording, caller):
            assert reply.headers["content-type"].startswith("application/json")
            assert error_message(caller, reply.json())


@own_server()
@to()
@of_each(STREAMS)
async def test_a_stream_that_breaks_off_never_looks_finished(
    path: Path, caller: str, gateway: RunningGateway, replay: str
) -> None:
    recording = load(path)
    size, place = len(wires.body(recording)), PLACES[caller]
    for cut in (size // 3, size * 2 // 3):
        where, body, headers = asked(recording, caller, replay, f"cut={cut}", stream=True)
        async with httpx.AsyncClient(timeout=300) as client:
            reply = await client.post(gateway.url + where, json=body, headers=headers)
        if reply.status_code != 200:  # nothing was said yet
            assert error_message(caller, reply.json())
            continue
        told = read(caller, place.kind, reply.content)
        assert told.error is not None, reply.content[-300:]
        assert not told.is_ended or is_own(recording, caller)


REQUESTS = [path for path in PATHS if isinstance(load(path)["request"].get("body"), dict)]


@to_providers()
@of_each(REQUESTS)
def test_its_request_is_written_or_refused_by_name(path: Path, provider: str) -> None:
    """What a provider's wire can't be told is named in the caller's words; what must not vanish is a 400 that names it."""
    recording = load(path)
    caller = CALLERS[WIRE_OF[recording["wire"]]]
    body = caller.reading.body(json.dumps(recording["request"]["body"]).encode())
    assert not isinstance(body, Failure), body
    request = caller.reading.request(body.body)
    written = request if isinstance(request, Failure) else DIALECTS[provider].write(request, context(recording))
    if isinstance(written, Failure):
        assert written.status in {400, 501}
        assert written.param, written.message
        return
    json.loads(written.body)
    assert all(name and name.isprintable() for name in written.dropped)

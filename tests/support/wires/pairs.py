"""The pairs of the seven wires of chats: recordings of providers' wires, and callers of every wire.

What a wire has no place for is in ``Place``, and nowhere else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

import wires
from doors import door
from penstock.core.events import Event, Fail
from penstock.dialects.caller import CallerDialect, Caption
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import DIALECTS
from penstock.traits.resolve import resolve
from readings import Told, read
from replaying import load, recordings

CAPTION = Caption("ab", 1700000000, "a-model", "unit", include_usage=True, elapsed=lambda: 7)


class Place(msgspec.Struct):
    """What a caller's wire has a place for."""

    kind: str = "sse"
    query: str = ""
    is_ordered: bool = True
    """Text, thoughts and calls stand in the order in which they were made."""
    counts: frozenset[str] = frozenset({"prompt", "completion", "cached", "reasoning"})
    has_sources: bool = True
    has_filter: bool = True


PLACES: Final = {
    "openai_chat": Place(is_ordered=False),
    "responses": Place(),
    "anthropic": Place(),
    "gemini": Place(query="alt=sse"),
    "bedrock_converse": Place(kind="eventstream", counts=frozenset({"prompt", "completion", "cached"})),
    "cohere": Place(is_ordered=False, counts=frozenset({"prompt", "completion"})),
    "ollama": Place(
        kind="ndjson", is_ordered=False, counts=frozenset({"prompt", "completion"}), has_sources=False, has_filter=False
    ),
}
WIRE_OF: Final = {**wires.WIRES, "openai.chat": "openai_chat", "openai.responses": "responses"}
PATHS: Final = [path for wire in WIRE_OF for path in recordings(wire)]
GOOD: Final = [path for path in PATHS if wires.is_good(load(path))]
STREAMS: Final = [path for path in GOOD if wires.is_stream(load(path))]
ERRORS: Final = [path for path in PATHS if not wires.is_good(load(path))]


Mark = Callable[[Callable[..., Any]], Callable[..., Any]]


def own_server() -> Mark:
    """The gateway on its own protocol alone: what is told is the same under another server."""
    return pytest.mark.parametrize("gateway", ["http1"], indirect=True)


def to_providers() -> Mark:
    """A test for providers of each wire."""
    return pytest.mark.parametrize("provider", PLACES)


def to() -> Mark:
    """A test for callers of each wire."""
    return pytest.mark.parametrize("caller", PLACES)


def of_each(paths: Sequence[Path]) -> Mark:
    """A test for each of these recordings."""
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def context(recording: dict[str, Any]) -> WriteContext:
    """The host that a recording is of."""
    provider = wires.PROVIDERS.get(recording["api"], recording["api"].partition(".")[0])
    traits = resolve(recording["model"], provider)
    return WriteContext(recording["model"], provider, traits, {}, wires.VARIANTS.get(recording["api"], ""))


def events(recording: dict[str, Any], pieces: Sequence[bytes] | None = None) -> list[Event]:
    """What the provider's dialect reads of a recording, a stream in these pieces."""
    dialect = DIALECTS[WIRE_OF[recording["wire"]]]
    body = wires.body(recording)
    if not wires.is_stream(recording):
        return dialect.read_reply(body, context(recording))
    reader = dialect.reader(context(recording))
    found = [event for piece in pieces or [body] for event in reader.feed(piece)]
    return found if found and isinstance(found[-1], Fail) else [*found, *reader.finish()]


@functools.cache
def whole(path: Path) -> list[Event]:
    found = events(load(path))
    if any(isinstance(event, Fail) for event in found):
        pytest.skip("ends in an error")
    return found


@functools.cache
def source(path: Path) -> Told:
    recording = load(path)
    return read(WIRE_OF[recording["wire"]], recording["response"]["kind"], wires.body(recording))


def framed(dialect: CallerDialect, place: Place, sent: bytes) -> bytes:
    """A stream as the caller gets it."""
    form = None if dialect.delivery.stream_form is None else dialect.delivery.stream_form(place.query)
    return sent if form is None else form.encoder().finish(sent)


MODEL_OF: Final = {"openai.chat": "some-model", "openai.responses": "gpt-5-pro"}
"""Models by which the gateway asks in these wires, whoever calls; elsewhere the recorded one is asked for."""


def asked(
    recording: dict[str, Any], caller: str, replay: str, options: str, *, stream: bool
) -> tuple[str, dict[str, Any], dict[str, str]]:
    """Path, body and headers of a request that this recording answers."""
    api = recording["api"]
    path, body = door(caller, MODEL_OF.get(recording["wire"], recording["model"]), stream=stream)
    base = f"{replay}/_id/{recording['id']};{options}"
    headers = {
        "x-portkey-provider": wires.PROVIDERS.get(
            api, "openai" if recording["wire"] == "openai.responses" else "nvidia"
        ),
        "x-portkey-custom-host": base if api in wires.PROVIDERS else f"{base}/v1",
        "authorization": "Bearer test",
        **wires.HEADERS.get(api, {}),
    }
    return path, body, headers


def is_own(recording: dict[str, Any], caller: str) -> bool:
    """Whether the caller speaks the provider's wire: what comes then is the provider's own."""
    return WIRE_OF[recording["wire"]] == caller

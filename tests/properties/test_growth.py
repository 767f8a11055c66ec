"""Twice the input makes at most 2.6 times the work: every reader, writer and framer, of every dialect.

Work is counted and not timed (tests/support/suite/counted.py). Dialects, events and framers are found where the gateway finds them: a
new dialect fails here until it has inputs that grow.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, Final, get_args

import msgspec
import pytest

from counted import Copy
from growing import REQUESTS, STREAMS
from penstock.core import events
from penstock.dialects import framing
from penstock.dialects.registry import CALLERS, DIALECTS
from penstock.providers.registry import PROVIDERS

MOST: Final = 2.6
SMALL: Final = 250
"""Elements of the smaller input: enough that what is quadratic outweighs what isn't."""
COPY: Final = Copy()
MODELS: Final = {"gemini": ("gemini-2.5-pro", "google"), "bedrock_converse": ("amazon.nova-pro-v1:0", "bedrock"),
                 "anthropic": ("claude-sonnet-4-5", "anthropic")}  # fmt: skip
OPTIONS: Final = {"oracle_compartment_id": "c", "watsonx_project_id": "p"}
FRAMERS: Final = sorted(
    f"{module.name}.{name}"
    for module in pkgutil.iter_modules(framing.__path__)
    for name, value in vars(importlib.import_module(f"{framing.__name__}.{module.name}")).items()
    if isinstance(value, type) and hasattr(value, "feed") and value.__module__.endswith(module.name)
)


def context(dialect: str, variant: str = "", model: str = "", **quirks: Any) -> Any:
    module = COPY["penstock.dialects.dialect"]
    name, provider = MODELS.get(dialect, ("gpt-4o", "openai"))
    traits = COPY["penstock.traits.resolve"].resolve(model or name, provider)
    chat = COPY["penstock.dialects.chat_quirks"].ChatQuirks(**quirks)
    return module.WriteContext(model or name, provider, traits, OPTIONS, variant, "", chat)


def assert_linear(function: Callable[[int], object], small: int = SMALL) -> None:
    one, two = COPY.count(lambda: function(small)), COPY.count(lambda: function(2 * small))
    assert two <= MOST * one, f"{one} for {small}, {two} for {2 * small}: {two / one:.2f} times as much"


def registry() -> Any:
    return COPY["penstock.dialects.registry"]


def test_every_dialect_has_inputs_that_grow() -> None:
    assert (REQUESTS.keys(), STREAMS.keys()) == (CALLERS.keys(), DIALECTS.keys())


# Requests.

SHAPES: Final = [(caller, shape) for caller, shapes in REQUESTS.items() for shape in shapes]


@pytest.mark.parametrize(("caller", "shape"), SHAPES)
def test_requests_are_read_and_relayed_in_linear_time(caller: str, shape: str) -> None:
    def run(n: int) -> None:
        dialect = registry().CALLERS[caller]
        body = dialect.reading.body(
            json.dumps({"model": "m", "max_tokens": 9, **REQUESTS[caller][shape](n)}).encode()
        ).body
        dialect.reading.request(body)
        for variant in ("", "bedrock", "vertex"):
            dialect.relay.fit_request(body, context(caller, variant))

    assert_linear(run)


ADAPTED: Final = sorted(slug for slug, row in PROVIDERS.items() if row.quirks.adapts_request or row.quirks.keeps)
"""Providers whose rows change the requests of OpenAI's wire by functions and lists of their own."""


@pytest.mark.parametrize("slug", ADAPTED)
@pytest.mark.parametrize("shape", REQUESTS["openai_chat"])
def test_requests_are_adapted_to_hosts_in_linear_time(slug: str, shape: str) -> None:
    def run(n: int) -> None:
        dialect = registry().CALLERS["openai_chat"]
        quirks = COPY["penstock.providers.registry"].PROVIDERS[slug].quirks
        body = json.dumps({"model": "m", **REQUESTS["openai_chat"][shape](n)}).encode()
        given = msgspec.structs.replace(context("openai_chat"), quirks=quirks)
        dialect.relay.fit_request(dialect.reading.body(body).body, given)

    run(1)  # what is looked up once doesn't count
    assert_linear(run)


WRITTEN: Final = [(*pair, provider, False) for pair, provider in product(SHAPES, DIALECTS)]
SLICED: Final = [(*pair, "anthropic", True) for pair in SHAPES]


@pytest.mark.parametrize(("caller", "shape", "provider", "in_slices"), [*WRITTEN, *SLICED])
def test_requests_are_written_in_linear_time(
    caller: str, shape: str, provider: str, in_slices: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, as small requests are, or some elements at a time, as large ones are."""
    for module in ("penstock.core.chat", "penstock.core.json_slices"):
        monkeypatch.setattr(COPY[module], "_MANY", 10 if in_slices else 1 << 30)

    def prepared(n: int) -> Callable[[], object]:
        dialect = registry().CALLERS[caller]
        data = json.dumps({"model": "m", "max_tokens": 9, **REQUESTS[caller][shape](n)}).encode()
        request = dialect.reading.request(dialect.reading.body(data).body)
        return lambda: registry().DIALECTS[provider].write(request, context(provider))

    context(provider)  # what is looked up once doesn't count
    one, two = (COPY.count(prepared(n)) for n in (SMALL, 2 * SMALL))
    assert two <= MOST * one, f"{one} for {SMALL}, {two} for {2 * SMALL}: {two / one:.2f} times as much"


# Streams of providers, in whatever pieces.


def pieces(stream: list[bytes], cut: str) -> Iterator[bytes]:
    match cut:
        case "events":
            yield from stream
        case "whole":
            yield b"".join(stream)
        case _:
            data = b"".join(stream)
            yield from (data[at : at + 7] for at in range(0, len(data), 7))


PROVIDED: Final = [
    (name, variant, shape) for name, given in STREAMS.items() for variant, _, shapes in given for shape in shapes
]


@pytest.mark.parametrize(("provider", "variant", "shape"), PROVIDED)
def test_streams_are_read_and_written_in_linear_time(provider: str, variant: str, shape: str) -> None:
    """Into events, however the bytes are cut; and these, which are the same then, as a reply and as a stream of every
    caller's wire."""
    _, frame, shapes = next(given for given in STREAMS[provider] if given[0] == variant)

    def run(n: int, cut: str) -> None:
        reader = registry().DIALECTS[provider].reader(context(provider, variant))
        found = [event for piece in pieces(frame(shapes[shape](n)), cut) for event in reader.feed(piece)]
        found += reader.finish()
        if cut == "events":
            tell(found)

    for cut in ("events", "whole", "bytes"):
        assert_linear(lambda n, cut=cut: run(n, cut), SMALL if cut != "bytes" else SMALL // 2)  # type: ignore[misc]


def tell(found: list[Any], callers: list[str] | None = None) -> None:
    """Events in every caller's wire, strict or not, whole and as a stream."""
    caption = COPY["penstock.dialects.caller"].Caption
    for caller, strict in product(callers or CALLERS, (True, False)):
        dialect, about = registry().CALLERS[caller], caption("ab", 1, "m", "p", strict, True)
        reply = COPY["penstock.core.events"].collect(found)
        if reply.failure is None:
            dialect.writing.reply(reply, about)
        writer = dialect.writing.stream(about)
        stream = b"".join([writer.write([event]) for event in found] + [writer.finish()])
        for form in (True, False):
            dialect.replies.reshape.with_usage(stream, form)
        plain = dialect.replies.reshape.to_plain(stream)
        if plain is not None:
            dialect.replies.reshape.to_stream(plain, True)


VALUES: Final[dict[str, Callable[[int], dict[str, Any]]]] = {
    "Citation": lambda i: {"raw": {"type": "x"}, "url": f"https://x/{i}"},
    "Foreign": lambda i: {"value": {"type": "server_tool_use", "input": {"a": i}}},
    "Extra": lambda i: {"name": f"x{i}", "value": i},
    "Logprobs": lambda i: {"content": ({"token": "a", "logprob": -i},)},
    "Usage": lambda i: {"prompt": i, "native": {f"x{i}": i}},
    "Media": lambda i: {"mime": "image/png", "data": "AA==", "block": i},
    "Thinking": lambda i: {"text": "t", "signature": "s" if i % 2 else "", "data": "d", "block": i // 4},
    "Refusal": lambda i: {"text": "no"},
    "Text": lambda i: {"text": "a", "block": i // 4},
    "Stop": lambda i: {"reason": "stop", "choice": i},
    "Start": lambda i: {"id": "i", "model": "m"},
    "ToolStart": lambda i: {"index": i, "name": f"f{i}"},
    "ToolArgs": lambda i: {"json": " ", "index": 0},
    "Fail": lambda i: {"message": "no"},
}


@pytest.mark.parametrize("kind", [kind.__name__ for kind in get_args(events.Event)])
def test_events_of_every_kind_are_told_in_linear_time(kind: str) -> None:
    def run(n: int) -> None:
        module = COPY["penstock.core.events"]
        first = [module.ToolStart(0, "f")] if kind == "ToolArgs" else []
        tell([*first, *[getattr(module, kind)(**VALUES[kind](i)) for i in range(n)]])

    assert_linear(run)


def test_calls_side_by_side_are_told_in_linear_time() -> None:
    """Arguments of the first call come last: all others wait for it."""

    def run(n: int) -> None:
        module = COPY["penstock.core.events"]
        starts = [module.ToolStart(i, "f") for i in range(n)]
        tell([*starts, *[module.ToolArgs("{}", i) for i in reversed(range(n))]])

    assert_linear(run)


# Framers and relays.


@pytest.mark.parametrize("name", FRAMERS)
@pytest.mark.parametrize("piece", [b"x", b"\n", b"data: x\n\n", b"\r\n", b"\x00"])
@pytest.mark.parametrize("form", ["one by one", "at once"])
def test_framers_are_linear(name: str, piece: bytes, form: str) -> None:
    def run(n: int) -> None:
        module, _, kind = name.partition(".")
        framer = getattr(COPY[f"penstock.dialects.framing.{module}"], kind)()
        error = COPY["penstock.dialects.framing.frame"].FrameError
        try:
            for data in [piece] * n if form == "one by one" else [piece * n]:
                list(framer.feed(data))
            framer.finish()
        except error:
            pass

    assert_linear(run, 4 * SMALL)


@pytest.mark.parametrize("shape", STREAMS["openai_chat"][0][2])
@pytest.mark.parametrize("cut", ["events", "bytes"])
def test_streams_are_normalized_in_linear_time(shape: str, cut: str) -> None:
    _, frame, shapes = STREAMS["openai_chat"][0]

    def run(n: int) -> None:
        dialect = registry().CALLERS["openai_chat"]
        normalizer = dialect.relay.normalizer(context("openai_chat"), True)
        watch = COPY["penstock.dialects.stream_watch"].StreamWatch(dialect.replies.stream, normalizer=normalizer)
        for piece in pieces(frame(shapes[shape](n)), cut):
            watch.feed(piece, weigh=True)
        watch.finish()

    assert_linear(run)

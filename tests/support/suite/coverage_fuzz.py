"""Coverage-guided fuzzing of everything that reads bytes from outside: ``python tests/support/suite/coverage_fuzz.py -max_total_time=300``.

Needs atheris, which is no dependency of the tests. Its first byte chooses the target, the rest is what it reads: a
dialect's stream or reply, a request for every dialect, a stream to mend, AWS's frames. An exception is a finding.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import atheris

with atheris.instrument_imports(include=["penstock"]):
    from penstock.core.events import collect
    from penstock.core.failure import Failure
    from penstock.dialects.caller import Caption
    from penstock.dialects.dialect import ProviderDialect, WriteContext
    from penstock.dialects.framing.aws_eventstream import EventStream
    from penstock.dialects.framing.frame import FrameError
    from penstock.dialects.openai.caller import request as openai_request
    from penstock.dialects.openai.caller.chunks import ChunkWriter
    from penstock.dialects.openai.caller.completion import completion
    from penstock.dialects.openai.caller.errors import translated_error
    from penstock.dialects.openai.relay.normalize import normalize_reply
    from penstock.dialects.openai.relay.normalize_stream import StreamNormalizer
    from penstock.dialects.openai.relay.stream import STREAM
    from penstock.dialects.registry import DIALECTS
    from penstock.dialects.stream_watch import StreamWatch

CAPTION: Final = Caption("fuzz", 1700000000, "a-model", "unit", strict=False)
GOAL: Final = WriteContext("a-model", "unit")

Target = Callable[[bytes], object]


def stream(dialect: ProviderDialect) -> Target:
    def read(data: bytes) -> None:
        reader, writer = dialect.reader(GOAL), ChunkWriter(CAPTION)
        half = len(data) // 2
        for piece in (data[:half], data[half:]):
            writer.write(reader.feed(piece))
        writer.write(reader.finish())
        writer.finish()

    return read


def whole(dialect: ProviderDialect) -> Target:
    def read(data: bytes) -> None:
        reply = collect(dialect.read_reply(data, GOAL))
        if reply.failure is None:
            completion(reply, CAPTION)

    return read


def request(data: bytes) -> None:
    found = openai_request.read(data)
    if not isinstance(found, Failure):
        for dialect in DIALECTS.values():
            dialect.write(found, GOAL)


def normalized(data: bytes) -> None:
    watch = StreamWatch(STREAM, normalizer=StreamNormalizer(moves_usage=True))
    watch.feed(data[:9], weigh=True)
    watch.feed(data[9:])
    watch.finish()


def frames(data: bytes) -> None:
    try:
        EventStream().feed(data)
    except FrameError:
        return


TARGETS: Final[tuple[Target, ...]] = (
    *map(stream, DIALECTS.values()),
    *map(whole, DIALECTS.values()),
    request,
    normalized,
    normalize_reply,
    frames,
    lambda data: translated_error(400, [], data, "unit"),
)


def one(data: bytes) -> None:
    if data:
        TARGETS[data[0] % len(TARGETS)](data[1:])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()

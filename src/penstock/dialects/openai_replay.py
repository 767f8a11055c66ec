"""temp"""


def to_plain(stream: bytes) -> bytes | None:
    return None


def to_stream(reply: bytes, *, include_usage: bool) -> bytes | None:
    return None


def with_usage(stream: bytes, *, include_usage: bool) -> bytes | None:
    return stream

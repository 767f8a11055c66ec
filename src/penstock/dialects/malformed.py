"""What every caller's side shares when it reads a request: a member that is not what it must be, and small readings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeGuard

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.chat import ChatRequest
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import UNREADABLE
from penstock.dialects.caller import RequestBody


class Malformed(Exception):
    """A member has the wrong form. ``path`` is where (``messages[2].content``), ``expected`` is what it must be."""

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(path)
        self.path = path
        self.expected = expected

    @property
    def failure(self) -> Failure:
        """The failure that tells the caller so."""
        return _wrong_type(self.path, self.expected)


def read_whole(read: Callable[[Body], ChatRequest | Failure], body: Body) -> ChatRequest | Failure:
    """What ``read`` makes of a body, or what is wrong with the body and where."""
    try:
        return read(body)
    except Malformed as wrong:
        return wrong.failure
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")
    except RecursionError:
        return Failure(Kind.INVALID_JSON, "The gateway could not read the request: it is nested too deeply.")


BREAKPOINT: Final[Mapping[str, Any]] = {"type": "ephemeral"}
"""The marker of a part with OpenAI's ``prompt_cache_breakpoint``, as Anthropic writes it: this very object."""


def cache_in(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The ``cache_control`` marker of a part, or the one that its ``prompt_cache_breakpoint`` comes to."""
    cache = value.get("cache_control")
    if isinstance(cache, dict):
        return cache
    return BREAKPOINT if isinstance(value.get("prompt_cache_breakpoint"), dict) else None


def marker_name(cache: Mapping[str, Any]) -> str:
    """The name of a part's marker in its caller's wire."""
    return "prompt_cache_breakpoint" if cache is BREAKPOINT else "cache_control"


_LONGEST_NAME: Final = 1024
CALL_NAME: Final = f"the name of a tool, of at most {_LONGEST_NAME} characters"
"""What the name of a call must be: some wires repeat it with every result."""


def is_name(value: Any) -> TypeGuard[str]:
    """Whether a value may be the name of a call."""
    return isinstance(value, str) and len(value) <= _LONGEST_NAME


def text_in(value: Any) -> str:
    """The value if it is text, else nothing."""
    return value if isinstance(value, str) else ""


def read_body(data: bytes | memoryview) -> RequestBody | Failure:
    """Check what the gateway relies on; everything else is the provider's to judge. Values keep their bytes."""
    try:
        body = Body.parse(data)
        members = body.members
        model = body.value("model") if "model" in members else None
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")
    if model is not None and not (isinstance(model, str) and 0 < len(model) <= _LONGEST_MODEL):
        return _wrong_type("model", f"a non-empty string of at most {_LONGEST_MODEL} characters")
    if "messages" in members and not body.is_array("messages"):
        return _wrong_type("messages", "an array of message objects")
    if "stream" not in members:
        return RequestBody(body, model, False)
    try:
        return RequestBody(body, model, _FLAG.decode(members["stream"]) or False)
    except UNREADABLE:
        return _wrong_type("stream", "true or false")


_LONGEST_MODEL: Final = 2048
"""Characters of a model's name. An ARN of Amazon's, the longest of all, has that many at most."""
_FLAG: Final = msgspec.json.Decoder(bool | None)


def _wrong_type(name: str, expected: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"The gateway could not read the request: {name} must be {expected}.", name)

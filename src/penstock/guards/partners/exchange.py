"""How partners are asked, as far as they are alike: JSON by POST, a status, a JSON reply with a verdict.

A partner's module describes its calls and how their replies are read (``Exchange``); what goes wrong on the way is told
here, in the same words for all. Neither a key nor a text that was judged stands in what is told.
Source: docs/guardrails.md#partners.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.secret import Secret
from penstock.core.segments import Segment
from penstock.guards.base import (
    CheckError,
    CloudIdentity,
    Context,
    Edit,
    Judgement,
    Outbound,
    OutboundRequest,
    Phase,
    Prepared,
    could_not,
)
from penstock.guards.parameters import Parameters

T = TypeVar("T")

_MOST_CALLS: Final = 64
"""Calls of one check: texts beyond them are an error, never a silent pass."""


class PartnerCall(msgspec.Struct, frozen=True):
    """One call: the path and query behind the partner's base URL, and the body, a JSON value."""

    path: str
    body: Any


class Exchange(msgspec.Struct, frozen=True):
    """How one partner is asked, with a check's parameters.

    ``calls``: what is judged -> the calls, made at the same time; none where there is no text. ``read``: the decoded
    replies, in the order of the calls -> the judgement, None for replies that tell no verdict. ``transforms``: the
    judgement may hold edits.
    """

    partner: str
    base_url: str
    calls: Callable[[Context], Sequence[PartnerCall]]
    read: Callable[[Context, Sequence[Any]], Judgement | None]
    headers: Mapping[str, Secret] = {}
    identity: CloudIdentity | None = None
    transforms: bool = False
    passes_nothing: bool = False
    """Whether the error of a missing text has a true verdict, which passes whatever errors count as."""


def prepared(parameters: Parameters, exchange: Exchange, seconds: float = 5.0) -> Prepared:
    """The check. ``seconds`` is how long a call may take unless the parameter ``timeout`` (ms) says otherwise."""
    timeout = seconds_of(parameters, seconds)

    async def ask(context: Context, outbound: Outbound) -> Judgement:
        calls = exchange.calls(context)
        if not calls:
            return msgspec.structs.replace(could_not("There is no text to check."), verdict=exchange.passes_nothing)
        if len(calls) > _MOST_CALLS:
            return could_not(f"The texts need more than {_MOST_CALLS} calls of {exchange.partner}.")
        replies = await outbound.send_all([_request(exchange, call, timeout) for call in calls])
        values = []
        for reply in replies:
            if isinstance(reply, CheckError):
                return could_not(f"{exchange.partner}: {reply.message}", reply.name)
            if not 200 <= reply.status < 300:
                return could_not(f"{exchange.partner} answered with status {reply.status}.", "HttpError")
            values.append(read_json_or_none(reply.body))
        judgement = exchange.read(context, values)
        return could_not(f"{exchange.partner} told no verdict.") if judgement is None else judgement

    return Prepared(ask=ask, size=len(exchange.base_url) + 1000, transforms=exchange.transforms)


def seconds_of(parameters: Parameters, seconds: float = 5.0) -> float:
    """How long a call may take: the parameter ``timeout`` (ms), else ``seconds``."""
    return (parameters.number("timeout", seconds * 1000, least=1) or 0) / 1000


def _request(exchange: Exchange, call: PartnerCall, timeout: float) -> OutboundRequest:
    headers = {name: value.reveal() for name, value in exchange.headers.items()}
    return OutboundRequest(
        "POST",
        exchange.base_url.rstrip("/") + call.path,
        {"content-type": "application/json", "accept": "application/json", **headers},
        write_json(call.body),
        timeout,
        identity=exchange.identity,
    )


# What is judged.


def filled(context: Context) -> tuple[Segment, ...]:
    """The segments in scope that have a text."""
    return tuple([segment for segment in context.segments if segment.text])


def role_of(segment: Segment, context: Context) -> str:
    """The role that a segment's text is told with: one of the four that all partners know."""
    if segment.role in {"user", "assistant", "system", "tool"}:
        return segment.role
    return "user" if context.phase is Phase.BEFORE else "assistant"


def pieces(text: str, most: int) -> list[str]:
    """A text in pieces of at most ``most`` characters, cut at white space where there is some near the end."""
    found = []
    while len(text) > most:
        cut = max(text.rfind(" ", most - 200, most), text.rfind("\n", most - 200, most)) + 1 or most
        found.append(text[:cut])
        text = text[cut:]
    return [*found, text] if text else found


def grouped(values: Sequence[T], most: int) -> list[Sequence[T]]:
    """A sequence in groups of at most ``most``."""
    return [values[start : start + most] for start in range(0, len(values), most)]


# What replies say.


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none for any other value."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def inside(value: Any, *names: str) -> Any:
    """A member of members; None where one is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def span(start: Any, end: Any, text: str) -> tuple[int, int] | None:
    """The beginning and the end of a part of a text, as a partner told them; None where they are no part of it."""
    if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text):
        return start, end
    return None


def walked(value: Any) -> Iterator[dict[str, Any]]:
    """All objects in a value, itself included."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            yield each
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)


def rewritten(segments: Sequence[Segment], texts: Sequence[Any]) -> tuple[Edit, ...] | None:
    """The edits that make some segments' texts those of a partner; None where the partner told others than asked."""
    if len(segments) != len(texts) or not all(isinstance(text, str) for text in texts):
        return None
    return tuple(
        Edit(segment.pointer, 0, len(segment.text), text)
        for segment, text in zip(segments, texts, strict=True)
        if text != segment.text
    )


def masked(segments: Sequence[Segment], texts: Sequence[Any]) -> tuple[Edit, ...] | None:
    """The same of a partner that found what has to be masked; None, too, where it changed none of the texts: what it
    found would go on."""
    return rewritten(segments, texts) or None


# What parameters say.


class Credentials:
    """The ``credentials`` of a check. What is missing refuses the config, with the path; values never appear there."""

    def __init__(self, parameters: Parameters, *, below: str = "") -> None:
        values = parameters.object("credentials") or {}
        inner = values.get(below) if below else None
        self._path = "credentials" + (f".{below}" if isinstance(inner, dict) else "")
        self._values: Mapping[str, Any] = inner if isinstance(inner, dict) else values
        self._parameters = parameters

    def text(self, *names: str, default: str = "") -> str:
        """A value that is no secret, by the first of its names that is there."""
        for name in names:
            value = self._values.get(name)
            if isinstance(value, Secret):
                return value.reveal()
            if isinstance(value, str):
                return value
            if value is not None:
                self._parameters.complain(f"{self._path}.{name}", "it must be a string")
        return default

    def required(self, *names: str) -> Secret:
        """A value that must be there."""
        text = self.text(*names)
        if not text:
            self._parameters.complain(f"{self._path}.{names[0]}", "Required: a string")
        return Secret(text)

    def url(self, *names: str, default: str = "") -> str:
        """A base URL; without a scheme it is https."""
        text = self.text(*names, default=default)
        if not text:
            self._parameters.complain(f"{self._path}.{names[0]}", "Required: a URL")
        return text if "://" in text else f"https://{text}"


def bearer(key: Secret) -> dict[str, Secret]:
    """The header that shows a key."""
    return {"authorization": Secret(f"Bearer {key.reveal()}")}

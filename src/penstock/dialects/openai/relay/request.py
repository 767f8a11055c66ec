"""A chat request on lane 1: the caller's body as one host of OpenAI's wire takes it. Every other byte stays."""

from __future__ import annotations

import functools
import re

import msgspec

from penstock.core.body import Body
from penstock.core.chat import Owner
from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import FittedRequest
from penstock.dialects.chat_quirks import ChatQuirks
from penstock.dialects.dialect import WriteContext
from penstock.dialects.openai.relay.anthropic_blocks import without_blocks
from penstock.dialects.openai.relay.chat_body import DEVELOPER, SYSTEM, says_nothing, with_roles
from penstock.dialects.openai.relay.flat_tools import with_nested_tools
from penstock.dialects.openai.relay.host_limits import MARKER, fit_to_host
from penstock.dialects.openai.relay.model_limits import fit_to_model, limited_parameters
from penstock.dialects.openai.relay.signatures import is_marked, kept_at_home
from penstock.dialects.openai.relay.unique_ids import with_unique_ids

__all__ = ["fit_request", "fits_of", "not_served", "without_refused"]

_OF_TOOLS = frozenset({"tools", "tool_choice"})


def fit_request(body: Body, context: WriteContext) -> FittedRequest | Failure:
    """The body for a host: under its names, without what the host or the model refuses, without what other makers
    have signed."""
    quirks = context.quirks
    if quirks.responses_only is not None and (failure := not_served(context)) is not None:
        return failure
    is_prose = _is_prose(body)
    unsaid: tuple[str, ...] = ()
    if not is_prose:
        body, unsaid = without_blocks(body)
        body = with_nested_tools(with_unique_ids(body))
    body, dropped = without_refused(body, quirks)
    if quirks.applies_model_limits and context.model:
        body, refused = fit_to_model(body, context.traits, quirks.thinking)
        dropped += refused
    if not (is_prose or quirks.keeps_reasoning) and is_marked(body):
        body = kept_at_home(body, context.traits.owner or Owner.UNKNOWN)
    if quirks.adapts_request is not None:
        body = quirks.adapts_request(body)
    body, strict = fit_to_host(body, quirks)
    return FittedRequest(body, unsaid + dropped + strict)


def _is_prose(body: Body) -> bool:
    """Whether there are no tools, and messages hold neither a list within a message nor an underscore: so no blocks,
    no ids of calls and no opaque values. The search for one byte is many times as fast as that for a word."""
    return _NO_BLOCKS.holds(body)


class Fits(msgspec.Struct, frozen=True):
    """What tells of a body that it has none of these parameters, and that its messages are prose without these
    words."""

    parameters: frozenset[str]
    words: tuple[bytes, ...] = ()

    def holds(self, body: Body) -> bool:
        members = body.members
        if not self.parameters.isdisjoint(members):
            return False
        messages = memoryview(members.get("messages", b"")).tobytes()  # bytes() asks a Raw for a number first
        if messages.find(b"[", 1) >= 0 or messages.find(b"_") >= 0:  # ``in`` asks bytes for a number first
            return False
        return not (self.words and any(word in messages for word in self.words))

    def sent(self, body: Body) -> Body:
        return body

    def headers(self, _context: WriteContext) -> tuple[tuple[str, str], ...]:
        return ()


_NO_BLOCKS = Fits(_OF_TOOLS)


def fits_of(context: WriteContext) -> Fits | None:
    """What tells of a body, by one look, that ``fit_request`` leaves it as it is. It is made once for a host and a
    model; None where it may change any body. It may say no of a body that stays as it is."""
    quirks, traits = context.quirks, context.traits
    if quirks.adapts_request is not None or quirks.keeps or quirks.message_members or not_served(context) is not None:
        return None
    looked_at = _OF_TOOLS.union([each.parameter for each in quirks.renames], [each.parameter for each in quirks.drops])
    if not quirks.takes_cache_markers:
        looked_at |= {MARKER}
    if not quirks.takes_schemas:
        looked_at |= {"response_format"}
    words = set() if quirks.developer_role else {DEVELOPER}
    if quirks.applies_model_limits and context.model:
        if quirks.thinking is not None and traits.family in quirks.thinking.streaming_families:
            return None
        looked_at |= limited_parameters(traits, quirks.thinking)
        words |= set() if traits.system_role else {SYSTEM, DEVELOPER}
    return Fits(looked_at, tuple(words))


def not_served(context: WriteContext) -> Failure | None:
    """The failure for a model that this host serves in another wire only; None for any other model."""
    only, model = context.quirks.responses_only, context.aliased_model or context.model
    if only is None or not _matches(only.pattern, model):
        return None
    text = (
        f"{context.provider} serves {model} in the wire of Responses only, and this address is known for chat "
        "completions alone: choose a model that they serve, or call the provider at its own address."
    )
    return Failure(Kind.INVALID_REQUEST, text, "model")


@functools.lru_cache(1024)
def _matches(pattern: str, model: str) -> bool:
    return re.fullmatch(pattern, model.rpartition("/")[2].lower()) is not None


def without_refused(body: Body, quirks: ChatQuirks) -> tuple[Body, tuple[str, ...]]:
    """The body without the parameters that the host refuses, and the names of those that were left out or gave way to
    a renamed one."""
    dropped: list[str] = []
    for rename in quirks.renames:
        if rename.parameter in body:
            if rename.to in body:
                dropped.append(rename.to)
            body = body.renamed(rename.parameter, rename.to)
    for drop in quirks.drops:
        if drop.parameter in body:
            dropped += [] if says_nothing(body, drop.parameter) else [drop.parameter]
            body = body.without(drop.parameter)
    if not quirks.developer_role:
        body = with_roles(body, {DEVELOPER: b'"system"'})
    return body, tuple(dropped)

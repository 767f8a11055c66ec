"""A chat request on lane 1: the caller's body as one host of OpenAI's wire takes it. Every other byte stays."""

from __future__ import annotations

import functools
import re

from penstock.core.body import Body
from penstock.core.chat import Owner
from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import FittedRequest
from penstock.dialects.chat_quirks import ChatQuirks
from penstock.dialects.dialect import WriteContext
from penstock.dialects.openai.relay.anthropic_blocks import without_blocks
from penstock.dialects.openai.relay.body import DEVELOPER, says_nothing, with_roles
from penstock.dialects.openai.relay.host_limits import fit_to_host
from penstock.dialects.openai.relay.model_limits import fit_to_model
from penstock.dialects.openai.relay.signatures import is_marked, kept_at_home
from penstock.dialects.openai.relay.unique_ids import with_unique_ids

__all__ = ["fit_request", "not_served", "without_refused"]


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
        body = with_unique_ids(body)
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
    if "tools" in body or "tool_choice" in body:
        return False
    messages = body.raw("messages") or b""
    return messages.find(b"[", 1) < 0 and b"_" not in messages


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

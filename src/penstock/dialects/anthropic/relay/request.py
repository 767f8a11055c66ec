"""A request on its way to a host of Anthropic Messages, as that host takes it; no value is written anew.

What other makers signed may have come in envelopes (envelope.py), which Anthropic would refuse as bad signatures: one
search for their mark tells whether to look. Sources: those of hosts.py; Claude docs, "Extended thinking", "Preserving
thinking blocks".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.chat import Owner
from penstock.core.failure import Failure, Kind
from penstock.core.json_slices import slices
from penstock.core.json_text import UNREADABLE, read_json_or_none, write_json
from penstock.dialects.anthropic.hosts import betas_for_bedrock, host_of
from penstock.dialects.anthropic.provider.betas import is_name, listed
from penstock.dialects.caller import FittedRequest
from penstock.dialects.dialect import WriteContext
from penstock.dialects.envelope import MARK, QUOTED_MARK, SEALED, unseal
from penstock.dialects.nothing_foreign import NothingForeign

_Members = dict[str, "msgspec.Raw | bytes"]
_MESSAGES: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_BLOCKS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_CLAUDE: Final = Owner.ANTHROPIC


class _NothingForeign(NothingForeign, frozen=True):
    """The rule of hosts whose bodies are Anthropic's own."""

    def headers(self, context: WriteContext) -> tuple[tuple[str, str], ...]:
        return _headers(context)


_FITS: Final = _NothingForeign("messages")


def fits_of(context: WriteContext) -> NothingForeign | None:
    """What tells of a body that ``fit_request`` leaves it as it is; None for a host that wants another body."""
    return _FITS if host_of(context.variant).names_model else None


def fit_request(body: Body, context: WriteContext) -> FittedRequest | Failure:
    """The body as the host takes it, and what was left out of it. Untouched where nothing differs."""
    try:
        return _fit(body, context)
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")


def _fit(body: Body, context: WriteContext) -> FittedRequest:
    body, dropped = without_envelopes(body)
    host = host_of(context.variant)
    if host.names_model:
        if context.model and body.value("model") != context.model:
            body = body.replaced({"model": write_json(context.model)})
        return FittedRequest(body, dropped, _headers(context))
    body = body.without("model")
    if not host.names_stream:
        body = body.without("stream")
    version = host.body_version((context.options.get("anthropic_version"), body.value("anthropic_version")))
    changes = {"anthropic_version": write_json(version)}
    if host.betas_in_body:
        asked = dict.fromkeys((*_betas(context), *listed(body.value("anthropic_beta"))))
        betas = betas_for_bedrock(asked)
        dropped += tuple([f"anthropic_beta.{name}" for name in asked if name not in betas])
        body = body.without("anthropic_beta")
        if betas:
            changes["anthropic_beta"] = write_json(betas)
        return FittedRequest(body.replaced(changes), dropped)
    return FittedRequest(body.replaced(changes), dropped, _headers(context, "anthropic_beta"))


def _betas(context: WriteContext) -> list[str]:
    """The beta features that the operator lends and those that the caller's header asks for, each once."""
    lent, asked = listed(context.options.get("anthropic_beta")), listed(context.asked.get("anthropic_beta"))
    return list(dict.fromkeys(filter(is_name, (*lent, *asked))))


def _headers(context: WriteContext, *names: str) -> tuple[tuple[str, str], ...]:
    """The header fields of the wire as the caller has them, all or those named; betas beside the operator's."""
    fields = {name: value for name, value in context.asked.items() if not names or name in names}
    if "anthropic_beta" in fields:
        fields["anthropic_beta"] = ",".join(_betas(context))
    return tuple((name.replace("_", "-"), value) for name, value in fields.items() if value)


def without_envelopes(body: Body) -> tuple[Body, tuple[str, ...]]:
    """The body without what Claude didn't think, and what is thereby dropped: ``thinking`` where a call of tools is
    left without a thought before it, which a model that thinks within a budget refuses."""
    if not body.holds("messages", SEALED):
        return body, ()
    raw = body.raw("messages") or b""
    try:
        messages = [_without(message) for piece in slices(raw) for message in _MESSAGES.decode(piece)]
    except (ValueError, *UNREADABLE):
        return body, ()
    kept = [message for message in messages if message is not None]
    encoded = [Body(message).encode() for message in kept]
    body = body.replaced({"messages": b"[" + b",".join(encoded) + b"]"})
    if not _budgets(body) or not _calls_without_thought(kept):
        return body, ()
    return body.without("thinking"), ("thinking",)


def _without(message: dict[str, msgspec.Raw]) -> _Members | None:
    """A message without foreign thoughts and sources; None for one that is nothing else."""
    members: _Members = dict(message)
    content = bytes(message.get("content", b""))
    if QUOTED_MARK not in content or not content.startswith(b"["):
        return members
    blocks = [_cleaned(block) for block in _BLOCKS.decode(content)]
    kept = [Body(block).encode() for group in blocks for block in group]
    if not kept:
        return None
    members["content"] = b"[" + b",".join(kept) + b"]"
    return members


def _cleaned(block: dict[str, msgspec.Raw]) -> list[_Members]:
    """What becomes of a block: Claude's own thoughts if an envelope holds any, a text less its foreign sources."""
    kind = bytes(block.get("type", b""))
    if kind == b'"thinking"' and bytes(block.get("signature", b"")).startswith(QUOTED_MARK):
        return _own_thoughts(block)
    citations = bytes(block.get("citations", b""))
    if kind == b'"text"' and QUOTED_MARK in citations:
        citation_list = read_json_or_none(citations)
        own = [each for each in citation_list if not _is_foreign(each)] if isinstance(citation_list, list) else []
        members: _Members = {name: value for name, value in block.items() if name != "citations"}
        return [{**members, "citations": write_json(own)} if own else members]
    return [dict(block)]


def _is_foreign(citation: Any) -> bool:
    index = citation.get("encrypted_index") if isinstance(citation, dict) else None
    return isinstance(index, str) and index.startswith(MARK)


def _own_thoughts(block: dict[str, msgspec.Raw]) -> list[_Members]:
    signature = read_json_or_none(bytes(block["signature"]))
    envelope = unseal(signature) if isinstance(signature, str) else None
    if envelope is None or envelope.owner != _CLAUDE:
        return []
    shown = read_json_or_none(bytes(block.get("thinking", b'""')))
    found: list[_Members] = []
    for thought in envelope.reasoning(shown if isinstance(shown, str) else ""):
        if thought.data:
            found.append({"type": b'"redacted_thinking"', "data": write_json(thought.data)})
        elif thought.signature:
            members = {"thinking": write_json(thought.text), "signature": write_json(thought.signature)}
            found.append({"type": b'"thinking"', **members})
    return found


def _budgets(body: Body) -> bool:
    thinking = body.value("thinking")
    return isinstance(thinking, dict) and thinking.get("type") == "enabled"


def _calls_without_thought(messages: list[_Members]) -> bool:
    """Whether tools answer a turn that doesn't begin with a thought."""
    if len(messages) <= 1 or b'"tool_result"' not in bytes(messages[-1].get("content", b"")):
        return False
    for message in reversed(messages[:-1]):
        if bytes(message.get("role", b"")) == b'"assistant"':
            content = read_json_or_none(bytes(message.get("content", b"")))
            first = content[0] if isinstance(content, list) and content else None
            return not (isinstance(first, dict) and first.get("type") in ("thinking", "redacted_thinking"))
    return False

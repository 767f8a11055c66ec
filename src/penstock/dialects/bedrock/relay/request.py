"""A request on its way to Converse, as Bedrock takes it; no value is written anew that needs no change.

The model and whether to stream are in the address. What other makers signed may have come in envelopes (envelope.py),
which Bedrock would refuse as bad signatures: one search for their mark tells whether to look. Sources: Amazon Bedrock
API reference, "Converse", "ReasoningContentBlock"; Claude docs, "Extended thinking", "Preserving thinking blocks".
"""

from __future__ import annotations

from typing import Any, Final

from penstock.core import json_text
from penstock.core.body import Body, BodyError
from penstock.core.chat import Owner
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.dialects.bedrock.caller.model_fields import FIELDS
from penstock.dialects.bedrock.caller.request import CHAT_NAMES, INFERENCE
from penstock.dialects.caller import FittedRequest
from penstock.dialects.config_members import within
from penstock.dialects.dialect import WriteContext
from penstock.dialects.envelope import SEALED, is_sealed, unseal
from penstock.dialects.nothing_foreign import NothingForeign, addressed_wire

_ADDRESSED: Final = ("model", "stream")
_OWN: Final = frozenset({Owner.ANTHROPIC, Owner.AMAZON})
_THINKING: Final = ("thinking", "reasoning_config")


_FITS: Final = addressed_wire("messages", CHAT_NAMES)


def fits_of(_context: WriteContext) -> NothingForeign:
    """What tells of a body that ``fit_request`` leaves out of it what the address says, and nothing else."""
    return _FITS


def fit_request(body: Body, _context: WriteContext) -> FittedRequest | Failure:
    """The body as Bedrock takes it, and what was left out of it. Untouched where nothing differs."""
    try:
        for name in _ADDRESSED:
            if name in body:
                body = body.without(name)
        body, dropped = _without_envelopes(within(body, INFERENCE, CHAT_NAMES))
        return FittedRequest(body, dropped)
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")


def _without_envelopes(body: Body) -> tuple[Body, tuple[str, ...]]:
    """The body without what Bedrock's models didn't think, and what is thereby dropped: Claude's thinking where a call
    of tools is left without a thought before it, which a model that thinks within a budget refuses."""
    if not body.holds("messages", SEALED):
        return body, ()
    messages = [_cleaned(message) for message in body.elements("messages") or ()]
    kept = [message for message in messages if message is not None]
    body = body.replaced({"messages": write_json(kept)})
    fields = body.value(FIELDS)
    name = next((each for each in _THINKING if _is_budget(fields, each)), None)
    if name is None or not _calls_without_thought(kept):
        return body, ()
    rest = {each: value for each, value in fields.items() if each != name}
    return body.replaced({FIELDS: write_json(rest)}), (f"{FIELDS}.{name}",)


def _cleaned(message: Any) -> Any:
    """A message without foreign thoughts; None for one that is nothing else."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return message
    kept = [each for block in content for each in _own(block)]
    return {**message, "content": kept} if kept or not content else None


def _own(block: Any) -> list[Any]:
    """What becomes of a block: Claude's own thoughts if an envelope holds any."""
    thought = block.get("reasoningContent") if isinstance(block, dict) else None
    text = json_text.mapping(thought, "reasoningText") if isinstance(thought, dict) else {}
    signature = text.get("signature")
    if not isinstance(signature, str) or not is_sealed(signature):
        return [block]
    envelope = unseal(signature)
    if envelope is None or envelope.owner not in _OWN:
        return []
    return [
        {"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}
        for part in envelope.reasoning(json_text.text(text, "text"))
        if part.signature
    ]


def _is_budget(fields: Any, name: str) -> bool:
    return isinstance(fields, dict) and json_text.mapping(fields, name).get("type") == "enabled"


def _calls_without_thought(messages: list[Any]) -> bool:
    """Whether tools answer a turn that doesn't begin with a thought."""
    turns = [each for each in messages if isinstance(each, dict) and isinstance(each.get("content"), list)]
    if not turns or not any(isinstance(block, dict) and "toolResult" in block for block in turns[-1]["content"]):
        return False
    answer = next((turn for turn in reversed(turns[:-1]) if turn.get("role") == "assistant"), None)
    first = answer["content"][0] if answer is not None and answer["content"] else None
    return answer is not None and not (isinstance(first, dict) and "reasoningContent" in first)

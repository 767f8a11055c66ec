"""A request on its way to a host of Gemini, as that host takes it; no value is written anew that needs no change.

The model and whether to stream are in the address. What other makers signed may have come in envelopes (envelope.py),
which Google would refuse as bad signatures: one search for their mark tells whether to look. Vertex AI knows no ids of
calls. Sources: Gemini API reference, "Generating content", "Counting tokens"; Vertex AI reference, "FunctionCall".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.chat import Owner
from penstock.core.failure import Failure, Kind
from penstock.core.json_slices import slices
from penstock.core.json_text import UNREADABLE, read_json_or_none, write_json
from penstock.dialects.caller import FittedRequest
from penstock.dialects.dialect import WriteContext
from penstock.dialects.envelope import MARK, RARE_MARK, Envelope, unseal
from penstock.dialects.gemini.provider.contents import UNSIGNED
from penstock.dialects.gemini.spelling import CHAT_NAMES, snake
from penstock.dialects.nothing_foreign import NothingForeign, addressed_wire

_Members = dict[str, msgspec.Raw | bytes]
_OBJECTS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SEALED: Final = re.compile(rb'"\s*:\s*"' + re.escape(MARK.encode()))
_CALL_IDS: Final = re.compile(rb'"function_?(?:Call|Response|call|response)"')
_SIGNATURES: Final = ("thoughtSignature", "thought_signature")
_CALLS: Final = ("functionCall", "function_call")
_ANSWERS: Final = ("functionResponse", "function_response")
_VERTEX: Final = "vertex"
_ADDRESSED: Final = ("model", "stream")
_WHOLE_REQUEST: Final = ("generateContentRequest", "generate_content_request")
"""What holds a whole request whose tokens are to be counted; it names the model again."""


_FITS: Final = addressed_wire("contents", {*CHAT_NAMES, *_WHOLE_REQUEST}, RARE_MARK)


def fits_of(context: WriteContext) -> NothingForeign | None:
    """What tells of a body that ``fit_request`` leaves out of it what the address says, and nothing else. Vertex AI may
    have to be told without ids of calls."""
    return None if context.variant == _VERTEX else _FITS


def fit_request(body: Body, context: WriteContext) -> FittedRequest | Failure:
    """The body as the host takes it. Untouched where nothing differs."""
    try:
        return FittedRequest(_fitted(body, context))
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")


def _fitted(body: Body, context: WriteContext) -> Body:
    for name in _ADDRESSED:
        if name in body:
            body = body.without(name)
    body = _configured(body)
    for name in _WHOLE_REQUEST:
        if name in body and not body.is_null(name):
            inner = _conversation(Body.parse(body.raw(name) or b""), context)
            return body.replaced({name: inner.replaced({"model": write_json(f"models/{context.model}")}).encode()})
    return _conversation(body, context)


def _configured(body: Body) -> Body:
    """The body with a config's parameters of OpenAI's names in ``generationConfig``, where they win."""
    named = [name for name in CHAT_NAMES if name in body]
    if not named:
        return body
    place = "generation_config" if "generation_config" in body else "generationConfig"
    config = Body.parse(b"{}" if body.is_null(place) else body.raw(place) or b"{}")
    for name in named:
        own = CHAT_NAMES[name]
        raw = body.raw(name) or b"null"
        if own == "stopSequences" and raw.startswith(b'"'):
            raw = b"[" + raw + b"]"
        config = config.changed({snake(own): None}).replaced({own: raw})
        body = body.without(name)
    return body.replaced({place: config.encode()})


def _conversation(body: Body, context: WriteContext) -> Body:
    """The body without what Gemini didn't think, and on Vertex AI without ids of calls."""
    is_sealed = body.holds("contents", _SEALED)
    drops_ids = context.variant == _VERTEX and body.holds("contents", _CALL_IDS)
    raw = body.raw("contents") or b""
    if not (is_sealed or drops_ids):
        return body
    try:
        if raw.startswith(b"["):
            contents = [content for piece in slices(raw) for content in _OBJECTS.decode(piece)]
        else:
            contents = [_OBJECT.decode(raw)]
        kept = [_content(content, is_sealed=is_sealed, drops_ids=drops_ids) for content in contents]
    except (ValueError, *UNREADABLE):
        return body
    encoded = [Body(content).encode() for content in kept if content is not None]
    return body.replaced({"contents": b"[" + b",".join(encoded) + b"]"})


def _content(content: dict[str, msgspec.Raw], *, is_sealed: bool, drops_ids: bool) -> _Members | None:
    """One content; None for one that is nothing but foreign thoughts."""
    members: _Members = dict(content)
    raw = bytes(content.get("parts", b""))
    if not raw.startswith(b"["):
        return members
    parts = [dict(part) for part in _OBJECTS.decode(raw)]
    found: list[_Members] = []
    for part in parts:
        written: _Members = {name: _without_id(name, value) if drops_ids else value for name, value in part.items()}
        found += _own(written) if is_sealed else [written]
    if parts and not found:
        return None
    members["parts"] = b"[" + b",".join(Body(part).encode() for part in found) + b"]"
    return members


def _without_id(name: str, value: msgspec.Raw) -> msgspec.Raw | bytes:
    """A call or an answer without its id; anything else as it is."""
    if name not in _CALLS and name not in _ANSWERS:
        return value
    inner = _OBJECT.decode(value)
    if "id" not in inner:
        return value
    return Body({member: each for member, each in inner.items() if member != "id"}).encode()


def _own(part: _Members) -> Iterator[_Members]:
    """What becomes of a part: Gemini's own signature if an envelope holds any. The call of another model gets the word
    that stands for a signature, a part without text goes."""
    name = next((each for each in _SIGNATURES if each in part), "")
    value = read_json_or_none(bytes(part[name])) if name else None
    if not isinstance(value, str) or not value.startswith(MARK):
        yield part
        return
    signature = _own_signature(unseal(value))
    is_call = any(each in part for each in _CALLS)
    if not signature and is_call:
        signature = UNSIGNED
    kept: _Members = {member: each for member, each in part.items() if member != name}
    if signature:
        yield {**kept, name: write_json(signature)}
    elif not _says_nothing(kept):
        yield kept


def _own_signature(envelope: Envelope | None) -> str:
    if envelope is None or envelope.owner != Owner.GOOGLE:
        return ""
    return envelope.call_signature or next((block.signature for block in envelope.blocks if block.signature), "")


def _says_nothing(part: Mapping[str, Any]) -> bool:
    return set(part) <= {"text", "thought"} and bytes(part.get("text", b'""')) == b'""'

"""Pieces of Gemini's reply that a response and its stream share: parts, signatures, finish reasons, sources.

Gemini has one place for what must come back unread, ``thoughtSignature``; clients throw thoughts away and keep that of
a function call. So what another maker thought goes with the first call after it, text and signature, in an envelope
(envelope.py); without a call it is on a last part without text. Sources: Gemini API docs, "Thought signatures"; Gemini
API reference, "Part", "FinishReason", "GroundingMetadata".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import Owner
from penstock.core.events import Citation, Foreign, Logprobs, Media, Refusal, Stop, Text, Thinking
from penstock.dialects.caller import Caption
from penstock.dialects.envelope import MAX_TURN, ON_CALL, Block, Envelope, seal
from penstock.dialects.untold import Places, has_address
from penstock.dialects.whole_calls import Piece, WholeCall

_REASONS: Final[Mapping[str, str]] = {
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "STOP",
    "pause": "STOP",
    "context": "MAX_TOKENS",
}
_OWN_REASONS: Final = frozenset(
    """
    STOP MAX_TOKENS SAFETY RECITATION LANGUAGE OTHER BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY
    IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION IMAGE_OTHER NO_IMAGE
    """.split()
)
"""Google's words for an answer that came about; hosts of Gemini use them, too."""

_GOOD_ENDS: Final = frozenset({"STOP", "MAX_TOKENS"})


def _is_own(block: Foreign) -> bool:
    return block.owner == Owner.GOOGLE


PLACES: Final = Places(_is_own, has_address, logprobs=True)
"""Parts of Google's own, and sources with an address."""

Part = dict[str, Any]
_SILENT: Final[Part] = {"text": ""}
NO_REASON: Final = "OTHER"
"""What a candidate says that ended for a reason that isn't known."""
ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")
"""Line breaks of indented JSON, made spaces: they stand between values only, and would end a line of the event."""


def response_id(caption: Caption, own: str) -> str:
    """The id of a reply: the provider's, or one that is made of the caption's seed."""
    return own or caption.seed


def call_id(seed: str, index: int) -> str:
    """An id for a call whose provider has none: the same for the same call of the same reply."""
    return "call_" + hashlib.blake2s(f"{seed}/{index}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def finish_reason(stop: Stop | None) -> str:
    """Why a candidate ended. Clients ask again for one without a reason; ``OTHER`` says that it isn't known."""
    if stop is None:
        return NO_REASON
    if stop.native in _OWN_REASONS:
        return stop.native
    return _REASONS.get(stop.detail) or _REASONS.get(stop.reason) or NO_REASON


def content_of(parts: list[Part], reason: str) -> dict[str, Any]:
    """The content of a candidate that has ended. One that ended well has a part, if need be one that says nothing, as
    at Google: its SDKs leave a whole turn out of a chat's history for a content without parts."""
    shown = parts or ([_SILENT] if reason in _GOOD_ENDS else [])
    return {"role": "model", **({"parts": shown} if shown else {})}


class _Kept(msgspec.Struct):
    """The pieces of one thought, and its place among the visible parts."""

    place: str
    texts: list[str] = msgspec.field(default_factory=list)
    signatures: list[str] = msgspec.field(default_factory=list)
    data: list[str] = msgspec.field(default_factory=list)

    def block(self) -> Block:
        return Block("".join(self.texts), "".join(self.signatures), "".join(self.data), place=self.place)


class PartWriter:
    """Writes the parts of one candidate in their order. ``family`` is the model's name, for envelopes."""

    __slots__ = ("_caption", "_in_text", "_native", "_owner", "_sealed", "_segments", "_thoughts", "has_parts")

    def __init__(self, caption: Caption) -> None:
        self._caption = caption
        self._thoughts: dict[int, _Kept] = {}
        """What other makers than Google thought since the last envelope, by the numbers of their blocks."""
        self._owner = ""
        self._native = ""
        """A signature of Google's that belongs to the part after it."""
        self._segments = 0
        """The visible parts so far; neighbouring text is one."""
        self._in_text = False
        self._sealed = 0
        self.has_parts = False

    @property
    def is_plain(self) -> bool:
        """Whether text that comes now is a part without a signature."""
        return self._in_text and not self._native

    def write(self, piece: Piece | WholeCall) -> Iterator[Part]:
        """The parts that a piece becomes, possibly none."""
        for part in self._written(piece):
            self.has_parts = True
            yield part

    def _written(self, piece: Piece | WholeCall) -> Iterator[Part]:
        match piece:
            case WholeCall():
                yield self._call(piece)
            case Text(text) | Refusal(text):
                if text:
                    yield self._text(text)
            case Thinking():
                yield from self._thought(piece)
            case Media():
                yield self._visible(_media(piece))
            case Foreign(value, owner=Owner.GOOGLE):
                yield self._visible(dict(value))
            case _:
                pass

    def end(self) -> Iterator[Part]:
        """A last part without text, where something that must come back has found no place."""
        signature = self._native or self._envelope("", Owner.UNKNOWN, needs_signature=True)
        self._native = ""
        if signature:
            self.has_parts = True
            yield {"text": "", "thoughtSignature": signature}

    def _text(self, text: str) -> Part:
        self._segments += not self._in_text
        self._in_text = True
        return self._signed({"text": text})

    def _visible(self, part: Part) -> Part:
        self._segments, self._in_text = self._segments + 1, False
        return self._signed(part)

    def _signed(self, part: Part) -> Part:
        signature, self._native = self._native, ""
        return {**part, "thoughtSignature": signature} if signature else part

    def _call(self, call: WholeCall) -> Part:
        text = call.arguments.strip()
        arguments = msgspec.Raw(text.encode("utf-8", "surrogatepass").translate(ONE_LINE)) if text else {}
        made = {"id": call.id or call_id(self._caption.seed, call.index), "name": call.name, "args": arguments}
        if call.signature and call.owner == Owner.GOOGLE:
            self._native = call.signature
        elif not self._native:
            self._native = self._envelope(call.signature, call.owner)
        return self._visible({"functionCall": made})

    def _thought(self, thought: Thinking) -> Iterator[Part]:
        is_google = thought.owner == Owner.GOOGLE
        if not is_google:
            self._keep(thought)
        shown: Part = {} if self._caption.hides_thinking or not thought.text else {"text": thought.text}
        if is_google and thought.signature and not shown:
            self._native = thought.signature
        elif shown:
            signed = {"thoughtSignature": thought.signature} if is_google and thought.signature else {}
            yield {**shown, "thought": True, **signed}

    # What other makers thought.

    def _keep(self, thought: Thinking) -> None:
        self._owner = thought.owner or self._owner
        kept = self._thoughts.setdefault(thought.block, _Kept(str(self._segments)))
        kept.texts.append(thought.text)
        kept.signatures.append(thought.signature)
        kept.data.append(thought.data)

    def _envelope(self, signature: str, owner: str, *, needs_signature: bool = False) -> str:
        """All that was thought since the last envelope, and the signature of a call; empty if there is nothing.

        ``needs_signature``: text that nobody signed need not come back.
        """
        thoughts = [kept.block() for kept in self._thoughts.values()]
        self._thoughts = {}
        blocks = [block for block in thoughts if block.text or block.signature or block.data]
        if needs_signature and not any(block.signature or block.data for block in blocks):
            return ""
        if signature:
            blocks.append(Block(signature=signature, place=ON_CALL))
        if not blocks:
            return ""
        sealed = seal(Envelope(owner or self._owner, self._caption.model, tuple(blocks)))
        self._sealed += len(sealed)
        return sealed if self._sealed <= MAX_TURN else ""


def _media(media: Media) -> Part:
    if media.data:
        return {"inlineData": {"mimeType": media.mime, "data": media.data}}
    kind = {"mimeType": media.mime} if media.mime else {}
    return {"fileData": {**kind, "fileUri": media.url}}


# Sources and log probabilities.

_MOST_SOURCES: Final = 256


class Sources:
    """The sources of one candidate's text. Google places them by bytes of UTF-8."""

    __slots__ = ("_citations", "_pieces")

    def __init__(self) -> None:
        self._citations: list[Citation] = []
        self._pieces: list[str] = []

    def add(self, piece: Text | Citation) -> None:
        """Take a piece of the text, or a source."""
        if isinstance(piece, Text):
            self._pieces.append(piece.text)
        elif piece.url and len(self._citations) < _MOST_SOURCES:
            self._citations.append(piece)

    def metadata(self) -> dict[str, Any]:
        """The candidate's ``groundingMetadata``; empty without a source."""
        if not self._citations:
            return {}
        text = "".join(self._pieces)
        places: dict[str, int] = {}
        chunks: list[dict[str, Any]] = []
        supports: list[dict[str, Any]] = []
        for source in self._citations:
            if source.url not in places:
                places[source.url] = len(chunks)
                chunks.append({"web": {"uri": source.url, "title": source.title or source.url}})
            if source.start is not None and source.end is not None:
                segment = _segment(text, source.start, source.end)
                supports.append({"segment": segment, "groundingChunkIndices": [places[source.url]]})
        return {"groundingChunks": chunks, **({"groundingSupports": supports} if supports else {})}


def _segment(text: str, start: int, end: int) -> dict[str, Any]:
    cited = text[start:end]
    before = len(text[:start].encode("utf-8", "surrogatepass"))
    length = len(cited.encode("utf-8", "surrogatepass"))
    return {"startIndex": before, "endIndex": before + length, "text": cited}


def logprobs_result(tokens: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The candidate's ``logprobsResult`` of OpenAI's tokens; empty without any."""
    chosen, tops = [], []
    for token in tokens:
        chosen.append(_token(token))
        alternatives = token.get("top_logprobs")
        several = alternatives if isinstance(alternatives, list) else ()
        tops.append({"candidates": [_token(each) for each in several if isinstance(each, dict)]})
    return {"chosenCandidates": chosen, "topCandidates": tops} if chosen else {}


def _token(token: Mapping[str, Any]) -> dict[str, Any]:
    return {"token": token.get("token", ""), "logProbability": token.get("logprob", 0)}


def about(reason: str, sources: Sources, tokens: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What a candidate says beside its content: why it ended, on what its text rests."""
    grounding, likely = sources.metadata(), logprobs_result(tokens)
    return {
        "finishReason": reason,
        **({"groundingMetadata": grounding} if grounding else {}),
        **({"logprobsResult": likely} if likely else {}),
    }


def tokens_of(events: Iterable[Logprobs]) -> list[Mapping[str, Any]]:
    """The tokens of some events, in order."""
    return [token for event in events for token in event.content]

"""What one maker signed, carried by a wire that has a place for another maker's signatures only.

An envelope is one string of base64 that begins with ``cG5zdGsx``: the mark ``pnstk1``, then MessagePack with the
owner, its model's family and blocks. It is base64 because a client may read the place as bytes and send it back in the
URL-safe alphabet, or without padding: both are read. Nothing is secret or trusted here; a signature's maker judges it.
Source: https://github.com/msgpack/msgpack/blob/master/spec.md, RFC 4648 sections 4 and 5.
"""

from __future__ import annotations

import base64
import re
from typing import Final

import msgspec

from penstock.core.chat import ReasoningPart
from penstock.core.json_text import UNREADABLE
from penstock.core.rare_word import RareWord

MARK: Final = "cG5zdGsx"
"""How every envelope begins."""
QUOTED_MARK: Final = f'"{MARK}'.encode()
"""How one begins within JSON."""
RARE_MARK: Final = RareWord(MARK.encode(), 1)
RARE_QUOTED_MARK: Final = RareWord(QUOTED_MARK, 2)
"""Both for a look into requests of which hardly any holds one."""
SEALED: Final = re.compile(re.escape(QUOTED_MARK))
"""Finds where one begins within JSON: a search for it tells whether a body may hold any."""
MAX_BLOCK: Final = 64 << 10
"""Bytes of one envelope at most, as a client sees it."""
MAX_TURN: Final = 256 << 10
"""Bytes of all envelopes of one reply at most."""

ON_CALL: Final = "call"
"""The place of a signature that belongs to the tool call after it."""

_MAGIC: Final = b"pnstk1"


class Block(msgspec.Struct, frozen=True, omit_defaults=True):
    """One opaque block: visible ``text`` where the wire doesn't show it, its ``signature`` or ``data``, its own ``id``.
    ``place`` is ``call`` for the signature of the tool call that follows."""

    text: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    place: str = ""


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """``owner`` is the maker (``core.chat.Owner``, empty for text that nobody signed), ``family`` its model's name."""

    owner: str = ""
    family: str = ""
    blocks: tuple[Block, ...] = ()

    def reasoning(self, shown: str = "") -> tuple[ReasoningPart, ...]:
        """The thoughts in it, without the signatures of calls. ``shown`` is the text that the wire gave beside it."""
        thoughts = [block for block in self.blocks if block.place != ON_CALL]
        return tuple(
            ReasoningPart(block.text or (shown if len(thoughts) == 1 else ""), block.signature, block.data, self.owner)
            for block in thoughts
        )

    @property
    def call_signature(self) -> str:
        """The signature of the tool call that follows; empty if there is none."""
        return next((block.signature for block in self.blocks if block.place == ON_CALL), "")


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Envelope)


def seal(envelope: Envelope) -> str:
    """The envelope as text; empty when it would be longer than ``MAX_BLOCK``."""
    try:
        packed = _ENCODER.encode(envelope)
    except UnicodeEncodeError:  # half of a surrogate pair: no UTF-8, so no MessagePack
        return ""
    sealed = base64.b64encode(_MAGIC + packed).decode()
    return sealed if len(sealed) <= MAX_BLOCK else ""


def is_sealed(value: str) -> bool:
    """Whether a value is an envelope, readable or not."""
    return value.startswith(MARK)


def unseal(value: str) -> Envelope | None:
    """The envelope that a value is; None for one that is none, or is damaged or too long."""
    if not is_sealed(value) or len(value) > MAX_BLOCK:
        return None
    plain = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        packed = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        return _DECODER.decode(packed[len(_MAGIC) :])
    except (ValueError, *UNREADABLE):
        return None


class Sealer:
    """Wraps what other makers than ``own`` signed, for one reply: altogether no more than a client will bear. ``own``
    is the maker of the caller's wire (``core.chat.Owner``), ``family`` the model's name."""

    __slots__ = ("_family", "_own", "_size")

    def __init__(self, family: str, own: str) -> None:
        self._family = family
        self._own = own
        self._size = 0

    def thought(self, owner: str, signature: str, data: str, hidden: str = "") -> str:
        """The opaque value of a thought: the wire's own signature as it is, an envelope for any other. ``hidden`` is
        the text that the wire doesn't show."""
        if owner == self._own:
            return signature
        return self._sealed(owner, Block(hidden, signature, data))

    def call(self, owner: str, signature: str) -> str:
        """The opaque value of a thought that stands for the signature of the call after it."""
        return self._sealed(owner, Block(signature=signature, place=ON_CALL))

    def source(self) -> str:
        """A value for a source that the wire's own maker didn't find."""
        return self._sealed("", Block())

    def _sealed(self, owner: str, block: Block) -> str:
        sealed = seal(Envelope(owner, self._family, (block,)))
        self._size += len(sealed)
        return sealed if self._size <= MAX_TURN else ""

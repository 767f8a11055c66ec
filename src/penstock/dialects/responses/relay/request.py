"""A request on its way to a host of Responses, as that host takes it; no value is written anew.

What other makers signed may have come in envelopes (envelope.py), which OpenAI would refuse: one search for their mark
tells whether to look. Source: OpenAI docs, "Reasoning models" (encrypted reasoning items).
"""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.chat import Owner
from penstock.core.failure import Failure, Kind
from penstock.core.json_slices import slices
from penstock.core.json_text import UNREADABLE, read_json_or_none, write_json
from penstock.dialects.caller import FittedRequest
from penstock.dialects.dialect import WriteContext
from penstock.dialects.envelope import QUOTED_MARK, SEALED, unseal
from penstock.dialects.nothing_foreign import NothingForeign

_ITEMS: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_MEMBER: Final = "encrypted_content"
_FITS: Final = NothingForeign("input")


def fits_of(_context: WriteContext) -> NothingForeign:
    """What tells of a body that ``fit_request`` leaves it as it is."""
    return _FITS


def fit_request(body: Body, _context: WriteContext) -> FittedRequest | Failure:
    """The body as the host takes it, and what was left out of it. Untouched where nothing differs."""
    try:
        body, dropped = without_envelopes(body)
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")
    return FittedRequest(body, dropped)


def without_envelopes(body: Body) -> tuple[Body, tuple[str, ...]]:
    """The body without thoughts that another maker signed, and where they stood."""
    if not body.holds("input", SEALED):
        return body, ()
    raw = body.raw("input") or b""
    try:
        items = [item for piece in slices(raw) for item in _ITEMS.decode(piece)]
    except (ValueError, *UNREADABLE):
        return body, ()
    kept: list[bytes] = []
    dropped: list[str] = []
    for position, item in enumerate(items):
        sealed = bytes(item.get(_MEMBER, b""))
        if not sealed.startswith(QUOTED_MARK):
            kept.append(Body(dict(item)).encode())
            continue
        own = _own_data(sealed)
        if own:
            kept.append(Body({**item, _MEMBER: write_json(own)}).encode())
        else:
            dropped.append(f"input[{position}]")
    return body.replaced({"input": b"[" + b",".join(kept) + b"]"}), tuple(dropped)


def _own_data(sealed: bytes) -> str:
    """What OpenAI encrypted, if the envelope holds any."""
    value = read_json_or_none(sealed)
    envelope = unseal(value) if isinstance(value, str) else None
    if envelope is None or envelope.owner != Owner.OPENAI:
        return ""
    return next((block.data for block in envelope.blocks if block.data), "")

"""What tells by one look that a request of a wire passes to its host as it is: no thought of another maker's in it, and
no parameter of a config's that the wire spells otherwise."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from penstock.core.body import Body
from penstock.core.rare_word import RareWord
from penstock.dialects.dialect import WriteContext
from penstock.dialects.envelope import RARE_QUOTED_MARK


class NothingForeign(msgspec.Struct, frozen=True):
    """A ``FitRule``. ``conversation`` is the member that may hold envelopes (envelope.py), empty for a wire without;
    ``elsewhere`` are members that would be written elsewhere. ``addressed`` are members that the address says."""

    conversation: str = ""
    elsewhere: frozenset[str] = frozenset()
    addressed: frozenset[str] = frozenset()
    mark: RareWord = RARE_QUOTED_MARK
    """What every envelope begins with, as it stands in the conversation."""

    def holds(self, body: Body) -> bool:
        return self.elsewhere.isdisjoint(body.members) and not body.mentions(self.conversation, self.mark)

    def sent(self, body: Body) -> Body:
        return body.unaddressed(self.addressed) if self.addressed else body

    def headers(self, _context: WriteContext) -> tuple[tuple[str, str], ...]:
        return ()


def addressed_wire(conversation: str, elsewhere: Iterable[str], mark: RareWord = RARE_QUOTED_MARK) -> NothingForeign:
    """The rule of a wire whose address says the model and whether to stream."""
    return NothingForeign(conversation, frozenset(elsewhere), frozenset({"model", "stream"}), mark)

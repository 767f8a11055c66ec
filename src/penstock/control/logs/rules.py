"""What the request log keeps of content that clients bring."""

from __future__ import annotations

import msgspec

from penstock.observe.redactor import Redactor


class LogRules(msgspec.Struct, frozen=True):
    """Whether content is kept where no key says anything, how many bytes of a body, and what is taken out of it."""

    keeps_content: bool = False
    limit: int = 256 << 10
    redactor: Redactor = msgspec.field(default_factory=Redactor)
    scheme: str = "http"
    """That of links to the gateway, where no proxy before it says another one."""

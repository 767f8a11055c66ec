"""Who asks, as Anthropic may be told: it refuses names and addresses of people, and what is too long for an id.

Source: Anthropic API reference, "Create a Message", ``metadata.user_id``.
"""

from __future__ import annotations

import re
from typing import Final

from penstock.core.chat import ChatRequest
from penstock.core.parameters import Parameters

_LONGEST: Final = 256
_PERSONAL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|\+[\d\s().-]{7,}")
"""An e-mail address, or a phone number as it is dialled from abroad."""


def anonymous_user(request: ChatRequest, parameters: Parameters) -> str | None:
    """Take the caller's id for the user, if it is one that may be told."""
    for name in ("user", "safety_identifier"):
        user = request.parameters.get(name)
        if isinstance(user, str) and user and len(user) <= _LONGEST and not _PERSONAL.fullmatch(user.strip()):
            parameters.value(name)
            return user
    return None

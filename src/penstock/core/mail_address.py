"""Addresses of mail, as settings and gateway keys name them."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 254
"""Characters of an address. Source: https://www.rfc-editor.org/errata/eid1690."""
PATTERN: Final = r"\A[^\s@,;<>\x00-\x20\x7f]+@[^\s@,;<>\x00-\x20\x7f]+\Z"
"""One @, and nothing that ends an address or a header field: whether somebody reads it, a mail shows."""
_ADDRESS: Final = re.compile(PATTERN)


def is_mail_address(text: str) -> bool:
    return len(text) <= LONGEST and _ADDRESS.search(text) is not None

"""Whether a body is a JSON object, by its beginning: hosts differ in the media types that they mind."""

from __future__ import annotations

import re
from typing import Final


def is_object(data: bytes) -> bool:
    """Whether a body may be a JSON object, by its beginning."""
    return _OBJECT.match(data) is not None


def may_be_object(beginning: bytes) -> bool | None:
    """As ``is_object``, for a body of which so much has come; None where what follows decides."""
    if _UNDECIDED.fullmatch(beginning) is not None:
        return None
    return is_object(beginning)


_OBJECT: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*+\{")
_UNDECIDED: Final = re.compile(rb"\xef|\xef\xbb|(?:\xef\xbb\xbf)?[ \t\r\n]*+")

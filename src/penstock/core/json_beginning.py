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


_MARKS: Final = rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?"
"""Of UTF-8 and of UTF-16, as which hosts written in Python read JSON, too (``json.loads`` of bytes); UTF-32 is told
apart from UTF-16 by zeros, which count as white space."""
_OBJECT: Final = re.compile(rb"\x00*+" + _MARKS + rb"[ \t\r\n\x00]*+\{")
_UNDECIDED: Final = re.compile(rb"\x00*+(?:\xef|\xef\xbb|\xff|\xfe|" + _MARKS + rb"[ \t\r\n\x00]*+)")

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
apart from UTF-16 by zeros."""
_ZEROS: Final = rb"\x00{0,3}+"
"""What may stand around a character in these: more are no text, but silence, say, at the beginning of a file."""
_BLANK: Final = _ZEROS + rb"(?:[ \t\r\n]" + _ZEROS + rb")*+"
_OBJECT: Final = re.compile(_ZEROS + _MARKS + _BLANK + rb"\{")
_UNDECIDED: Final = re.compile(_ZEROS + rb"(?:\xef|\xef\xbb|\xff|\xfe|" + _MARKS + _BLANK + rb")")

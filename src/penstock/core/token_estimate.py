"""How many tokens a text has, about: for makers who don't count, without a vocabulary.

Modern tokenisers cut a text at spaces and marks before they look into their vocabulary, so that common words are one
token with the space before them. The estimate counts such pieces: it is near for prose, code and JSON of most
languages, and no bill.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

PER_MESSAGE: Final = 4
"""Tokens that a chat template puts around one message."""
PER_PICTURE: Final = 1000
"""Tokens of a picture, a document or a piece of sound, whose size the gateway doesn't look at."""
_PIECES: Final = re.compile(
    r"(?P<latin>[A-Za-z]+)|(?P<digits>[0-9]+)|(?P<ideographs>[぀-ヿ㐀-鿿가-힯豈-﫿]+)"
    r"|(?P<letters>[^\W\d_]+)|(?P<space>\s{2,}|\n)|(?P<marks>[!-/:-@\[-`{-~]+)|(?P<others>[^\s])"
)
_SIZES: Final = {"latin": 8, "digits": 3, "letters": 4, "marks": 3}
"""Characters of one token of a piece."""
_DEEPEST: Final = 100
_MEDIA: Final = frozenset(
    "image document input_image input_file input_audio image_url file container_upload audio video".split()
)
_BLOBS: Final = frozenset({"inlineData", "inline_data", "fileData", "file_data", "encrypted_content", "signature"})
_BLOB_TOKENS: Final = {"encrypted_content": 0, "signature": 0}
_AS_JSON: Final = frozenset({"tools", "functions", "format", "args", "arguments", "input_schema", "parameters"})
"""Members that the model reads as JSON."""


def text_tokens(text: str) -> int:
    """The tokens of a text, about."""
    total = 0
    for piece in _PIECES.finditer(text):
        kind, length = piece.lastgroup or "", piece.end() - piece.start()
        if kind == "ideographs":
            total += (4 * length + 4) // 5
        elif kind == "others":
            total += 2 if ord(piece[0]) > 0xFFFF else 1
        elif kind == "space":
            total += 1
        else:
            size = _SIZES[kind]
            total += (length + size - 1) // size
    return total


def value_tokens(value: Any, depth: int = 0) -> int:
    """The tokens of a conversation in JSON, in any wire: of all texts in it, of tools and arguments as JSON, and a
    round number for each picture."""
    if isinstance(value, str):
        return text_tokens(value)
    if isinstance(value, list):
        return sum(value_tokens(item, depth + 1) for item in value) if depth < _DEEPEST else 0
    if not isinstance(value, dict) or depth >= _DEEPEST:
        return 0
    kind = value.get("type")
    if isinstance(kind, str) and kind in _MEDIA and not _is_text(value):
        return PER_PICTURE
    total = PER_MESSAGE if "role" in value else 0
    for name, item in value.items():
        if name in _BLOBS:
            total += _BLOB_TOKENS.get(name, PER_PICTURE)
        elif name in _AS_JSON or (name == "input" and isinstance(item, dict)):
            total += text_tokens(item if isinstance(item, str) else json.dumps(item, ensure_ascii=False))
        elif name not in {"type", "role", "id", "cache_control"}:
            total += value_tokens(item, depth + 1)
    return total


def _is_text(part: dict[str, Any]) -> bool:
    """Whether a document's source is text (Anthropic's documents)."""
    source = part.get("source")
    return isinstance(source, dict) and source.get("type") in ("text", "content")

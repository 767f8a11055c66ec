"""Whether a key is a placeholder: what people and programs type where a key is demanded and none is needed.

A placeholder is short, or made of words alone, so that no provider gives it out as a key. Source:
docs/headers.md#lent-keys.
"""

from __future__ import annotations

import re
from typing import Final

_SHORTEST_KEY: Final = 16
"""Characters of the shortest text that may be a key: fewer can be guessed, and no provider gives them out."""
_LONGEST: Final = 64
_WORDS: Final = frozenset(
    """
    a an and any anything api apikey are be bearer by change changeme client default demo does dummy echo empty example
    fake foo for from gateway goes have here i ignored in insert is it key keys litellm lm local localhost me mock my
    na need needed nil no none not nothing notneeded notrequired null ollama openai openrouter or our paste penstock
    placeholder please portkey provide proxy put real replace required sample secret set sk some studio temp test
    testing the this to todo token unset unused use used value vllm what whatever with xxx you your yourkey
    """.split()
)
_SEPARATORS: Final = re.compile(r"[^0-9a-z]+")


def is_placeholder(key: str) -> bool:
    """Whether a text is no key: shorter than any key, one character over and over (``sk-xxxxxxxxxxxxxxxx``), or words
    such as ``sk-no-key-required`` and ``YOUR_OPENAI_API_KEY``. Any other text may be a key."""
    text = key.strip().lower()
    if len(text) < _SHORTEST_KEY:
        return True
    if len(text) > _LONGEST:
        return False
    parts = [part for part in _SEPARATORS.split(text) if part]
    return all(part in _WORDS or (part.isdecimal() and len(part) < 5) or len(set(part)) == 1 for part in parts)

"""Whether a key is a placeholder: what people and programs type where a key is demanded and none is needed.

A placeholder is made of words alone, so that no provider gives it out as a key. Source: docs/headers.md#lent-keys.
"""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 64
_WORDS: Final = frozenset(
    """
    a abc an and n ant any anything api api03 apikey aider anonymous asdf auth authorization bar baz be bearer blank by
    censored change changeme claude client default demo do does dummy echo empty example fake foo foobar for free from
    gateway gemini goes google gsk guest have hello here hidden hi i id ignore ignored in insert is it key keys litellm
    llm lm local localhost lorem me mock my na need needed nil no noauth none noop nope not nothing nokey now null of
    ollama openai opencode openrouter or our passthrough password paste penstock placeholder please portkey proj
    provide proxy public put qwerty random real redacted replace required sample secret set sk some something studio
    tbd temp test testing tests that the this to todo token unset undefined unused use used user v1 value vllm void
    what whatever with you your
    """.split()
)
_NUMBERS: Final = frozenset({*map(str, range(10)), "12", "123", "1234", "12345", "123456", "12345678", "123456789"})
_FILLERS: Final = frozenset("x0*.")
"""Characters that stand for others, over and over: ``sk-xxxxxxxx``."""
_JOINED: Final = re.compile(
    "(?:no|not|my|your|the|dummy|fake|test|api|key|placeholder|token|secret|needed|required|here|openai|sk)+"
)
"""Words without anything between them: ``dummykey``, ``yourapikeyhere``."""
_SEPARATORS: Final = re.compile(r"[\s_/\-:+<>{}\[\]()$#!?,;=\"']+|\.(?=[a-z])")


def is_placeholder(key: str) -> bool:
    """Whether a text is no key: words such as ``none``, ``sk-no-key-required`` and ``YOUR_OPENAI_API_KEY``, or a filler
    (``x``, ``sk-xxxxxxxx``, ``sk-1234``). Any other text may be a key."""
    text = key.strip().lower()
    return len(text) <= _LONGEST and all(_says_nothing(part) for part in _SEPARATORS.split(text) if part)


def _says_nothing(part: str) -> bool:
    return part in _WORDS or part in _NUMBERS or _FILLERS.issuperset(part) or _JOINED.fullmatch(part) is not None

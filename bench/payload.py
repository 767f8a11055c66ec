"""The chat request that every scenario sends, about 4.2 KB as a short conversation with a system prompt has it."""

from __future__ import annotations

import json

MODEL = "gpt-4o-mini"

_SYSTEM = "You answer questions about the manual of a small sailing boat. Quote the page that you rely on. " * 15
_QUESTION = "How do I reef the mainsail when the wind freshens, and which line do I ease first? " * 16
_ANSWER = "Luff up, ease the sheet, lower the halyard to its mark, then take up the reefing line (page 31). " * 12


def chat(*, stream: bool = False, model: str = MODEL) -> bytes:
    """The body, compact as the official clients write it."""
    request = {
        "model": model,
        "messages": [
            {"role": "system", "content": _SYSTEM},
            {"role": "user", "content": _QUESTION},
            {"role": "assistant", "content": _ANSWER},
            {"role": "user", "content": "And with the wind from astern?"},
        ],
        "temperature": 0.2,
        "max_tokens": 400,
        "stream": stream,
    }
    return json.dumps(request, separators=(",", ":")).encode()

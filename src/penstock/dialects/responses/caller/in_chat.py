"""Requests of Responses at the path of chat completions, which are answered as chat completions: one value.

Cursor's agent sends them for models that it knows, to whatever base URL it is given, and reads nothing but chat
completions. No host takes such a body, so it is always translated.
Source: https://forum.cursor.com/t/159298 ("Override OpenAI Base URL sends Responses API payload").
"""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.dialects.openai.caller.dialect import IN_CHAT, OPENAI
from penstock.dialects.openai.caller.texts import TEXTS as ANSWERS
from penstock.dialects.responses.caller.dialect import RESPONSES
from penstock.dialects.responses.caller.texts import TEXTS

RESPONSES_IN_CHAT: Final = msgspec.structs.replace(
    OPENAI,
    name=IN_CHAT,
    reading=RESPONSES.reading,
    texts=msgspec.structs.replace(
        ANSWERS, request=TEXTS.request, text_members={}, read_plain_chat=None, read_plain_answer=None
    ),
)
"""Callers that ask in the words of Responses, and are told in those of chat completions."""

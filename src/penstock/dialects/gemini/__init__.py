"""The dialect of Gemini's generateContent: at the Gemini API, and on Vertex AI.

The goal's variant tells the hosts apart: ``vertex``, or anything else for the Gemini API. Sources: Gemini API
reference, "Generating content"; Vertex AI reference, "GenerateContentResponse".
"""

from __future__ import annotations

from typing import Final

from penstock.dialects import function_names
from penstock.dialects.dialect import ProviderDialect
from penstock.dialects.gemini.provider.plain import read_plain
from penstock.dialects.gemini.provider.reply import StreamReader, read_reply
from penstock.dialects.gemini.provider.request import write

DIALECT: Final = ProviderDialect(
    "gemini", write, StreamReader, read_reply, function_names=function_names.GEMINI, read_plain=read_plain
)

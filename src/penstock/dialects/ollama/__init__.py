"""Ollama's own chat (``POST /api/chat``), which offers more than its OpenAI-compatible endpoint: context size, whole
model options, thinking levels. Requests are written in provider/request.py, replies read in
provider/reply.py.

Source: Ollama API documentation, "Generate a chat message".
"""

from __future__ import annotations

from typing import Final

from penstock.core.http import NDJSON
from penstock.dialects.dialect import ProviderDialect
from penstock.dialects.framing import ndjson
from penstock.dialects.ollama.provider.plain import read_plain
from penstock.dialects.ollama.provider.reply import StreamReader, read_reply
from penstock.dialects.ollama.provider.request import write

DIALECT: Final = ProviderDialect(
    "ollama",
    write,
    StreamReader,
    read_reply,
    (NDJSON,),
    begins_stream=ndjson.begins,
    read_plain=read_plain,
)

"""Cohere's chat, version 2 (``POST /v2/chat``). Requests are written in provider/request.py, replies
read in provider/reply.py.

Version 1 is another format altogether, and none of this. Source: Cohere API reference, "Chat" and "Chat with
Streaming".
"""

from __future__ import annotations

from typing import Final

from penstock.dialects.cohere.provider.plain import read_plain
from penstock.dialects.cohere.provider.reply import StreamReader, read_reply
from penstock.dialects.cohere.provider.request import write
from penstock.dialects.dialect import ProviderDialect

DIALECT: Final = ProviderDialect("cohere", write, StreamReader, read_reply, read_plain=read_plain)

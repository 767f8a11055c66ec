"""The dialect of Anthropic's Messages API: at Anthropic, on Azure and Vertex AI, and in Bedrock's InvokeModel.

The goal's variant tells the hosts apart: ``vertex``, ``bedrock``, or anything else for the API as Anthropic has it.
Source: Anthropic API reference, "Create a Message".
"""

from __future__ import annotations

from typing import Final

from penstock.dialects import function_names
from penstock.dialects.anthropic.provider.reply import read_plain, read_reply, reader
from penstock.dialects.anthropic.provider.request import write
from penstock.dialects.dialect import ProviderDialect

DIALECT: Final = ProviderDialect(
    "anthropic",
    write,
    reader,
    read_reply,
    (b"text/event-stream", b"application/vnd.amazon.eventstream"),
    function_names.ANTHROPIC,
    repeats_texts=True,
    read_plain=read_plain,
)

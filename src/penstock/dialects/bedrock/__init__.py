"""The dialect of Amazon Bedrock's Converse and ConverseStream, which serve the models of all makers.

Requests are written in provider/request.py, replies read in provider/reply.py. What a model writes passes as it is:
Nova's ``<thinking>`` within its text stays text. Source: Amazon Bedrock API reference, "Converse", "ConverseStream".
"""

from __future__ import annotations

from typing import Final

from penstock.dialects import function_names
from penstock.dialects.bedrock.provider.plain import read_plain
from penstock.dialects.bedrock.provider.reply import StreamReader, read_reply
from penstock.dialects.bedrock.provider.request import write
from penstock.dialects.dialect import ProviderDialect
from penstock.dialects.framing import aws_eventstream
from penstock.dialects.framing.aws_eventstream import STREAM_TYPE

DIALECT: Final = ProviderDialect(
    "bedrock_converse",
    write,
    StreamReader,
    read_reply,
    (STREAM_TYPE,),
    function_names.BEDROCK,
    begins_stream=aws_eventstream.begins,
    read_plain=read_plain,
)

"""The dialect of OpenAI's Responses API: at OpenAI, on Azure, and at the hosts that serve it beside chat completions.

Source: OpenAI API reference, "Create a model response".
"""

from __future__ import annotations

from typing import Final

from penstock.dialects import function_names
from penstock.dialects.dialect import ProviderDialect
from penstock.dialects.responses.provider.reply import ResponseStream, read_reply
from penstock.dialects.responses.provider.request import write

DIALECT: Final = ProviderDialect("responses", write, ResponseStream, read_reply, function_names=function_names.OPENAI)

"""What models of other makers accept when Bedrock's Converse serves them, where that is less than elsewhere.

These rows come before the makers' own. Claude, Nova and whatever Bedrock serves whole are not here.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.traits import Traits
from penstock.traits.row import Row

_CONVERSE: Final = (
    "https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html"
)
_STRUCTURED: Final = "https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html"
_QWEN: Final = "https://docs.aws.amazon.com/bedrock/latest/userguide/model-cards-qwen.html"

_TEXT: Final = Traits(vision=False, json_schema=False)
_TOOLLESS: Final = replace(_TEXT, tools=False)
_UNSTREAMED: Final = replace(_TEXT, streams_tools=False)
_LLAMA: Final = replace(_UNSTREAMED, forced_tools=False)
_SYSTEMLESS: Final = replace(_TOOLLESS, system_role=False)

_ROWS: Final = (
    Row("llama-4", replace(_LLAMA, family="llama-4", vision=True), _CONVERSE),
    Row("llama-3.3", replace(_LLAMA, family="llama-3.3"), _CONVERSE),
    Row("llama-3.2-11b", replace(_LLAMA, family="llama-3.2-vision", vision=True), _CONVERSE),
    Row("llama-3.2-90b", replace(_LLAMA, family="llama-3.2-vision", vision=True), _CONVERSE),
    Row("llama-3.2", replace(_TOOLLESS, family="llama-3.2"), _CONVERSE),
    Row("llama-3.1", replace(_LLAMA, family="llama-3.1"), _CONVERSE),
    Row("llama-3", replace(_TOOLLESS, family="llama-3"), _CONVERSE),
    Row("llama-2", replace(_TOOLLESS, family="llama-2"), _CONVERSE),
    Row("mistral-7b", replace(_SYSTEMLESS, family="mistral-instruct"), _CONVERSE),
    Row("mixtral", replace(_SYSTEMLESS, family="mistral-instruct"), _CONVERSE),
    Row("mistral-large-24##", replace(_UNSTREAMED, family="mistral-large"), _CONVERSE),
    Row("mistral-small-24##", replace(_TEXT, family="mistral-small"), _CONVERSE),
    Row("pixtral", Traits(family="pixtral", json_schema=False), _STRUCTURED),
    Row("command-r", replace(_TEXT, family="command-r"), _STRUCTURED),
    Row(
        "command-light",
        replace(_SYSTEMLESS, family="command-light", documents=False),
        _CONVERSE,
        "one prompt, no conversation",
    ),
    Row("command-text", replace(_SYSTEMLESS, family="command"), _CONVERSE, "one prompt, no conversation"),
    Row(
        "deepseek-r1", replace(_TOOLLESS, family="deepseek-r1", can_stop_thinking=False, thinks_unasked=True), _CONVERSE
    ),
    Row(
        "deepseek-v3",
        replace(_TEXT, family="deepseek-v3", json_schema=True, refuses=frozenset({"stop"})),
        _STRUCTURED,
        "Converse documents no way to make it think",
    ),
    Row(
        "qwen-3-32b",
        replace(_TEXT, family="qwen-3", json_schema=True, refuses=frozenset({"stop"})),
        _QWEN,
        "Converse documents no way to make it think",
    ),
    Row("palmyra", replace(_TEXT, family="palmyra"), _STRUCTURED),
)

ROWS: Final = tuple(replace(row, provider="bedrock") for row in _ROWS)

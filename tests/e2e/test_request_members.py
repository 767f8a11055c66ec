"""Each member of a request that a vendor's own client can write, through the real server to each other wire: the host
gets it, or the answer names it as dropped, or the request is refused. Their types are walked (vendor_schemas.py), so
that a new release of a client brings what it can say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest

pytest.importorskip("anthropic", reason="the SDKs are not installed")
pytest.importorskip("google.genai")
pytest.importorskip("cohere")
pytest.importorskip("ollama")
pytest.importorskip("botocore")
pytest.importorskip("openai")

import vendor_schemas
from doors import HOSTS, Door
from running import RunningGateway
from upstream import Upstream
from vendor_schemas import Change

SAYS_NOTHING: Final = {
    "openai_chat": """
        .stream .stream_options* .parallel_tool_calls .function_call .response_format<json_schema>.json_schema.strict
        .*.prompt_cache_breakpoint.ttl .functions[].parameters .tools[]<function>.function.parameters
        """,
    "responses": """
        .model .stream .stream_options* .parallel_tool_calls .reasoning .reasoning.summary .reasoning.generate_summary
        .text .text.format<json_schema>.strict .input[]*.id .input[]*.status .input[].type
        .input[]<tool_search_call>.execution .input[]<reasoning> .*.allowed_callers[]
        .input[]<reasoning>.content .*.parameters
        """,
    "anthropic": """
        .metadata .output_config .stream .thinking*.display
        .tool_choice<auto>.disable_parallel_tool_use .tools[].eager_input_streaming
        .tools[].type .*.allowed_callers[]
        .system[]<text>.citations* .*<image>.transformations .*<document>.citations
        """,
    "gemini": """
        .systemInstruction .systemInstruction.role .tools .toolConfig .toolConfig.functionCallingConfig*
        .generationConfig .generationConfig.thinkingConfig .generationConfig.thinkingConfig.includeThoughts
        .generationConfig.responseFormat* .generationConfig.responseSchema.nullable
        .generationConfig.responseSchema.propertyOrdering .generationConfig.responseModalities
        .tools[].googleSearch.searchTypes.* .tools[].googleSearchRetrieval.dynamicRetrievalConfig.*
        .contents[].parts[].functionResponse.parts[].fileData.fileUri
        """,
    "bedrock_converse": """
        .modelId .inferenceConfig .outputConfig .*.image.error* .*.audio.error* .*.s3Location.bucketOwner
        .*.toolResult.type .system[].cachePoint<default>.ttl .toolConfig.tools[].cachePoint<default>.ttl
        """,
    "cohere": ".model .strict_tools .thinking .messages[].content[]<thinking>",
    "ollama": ".stream .keep_alive .options.* .think",
}
"""Paths that are left out without a word: delivery, defaults, empty objects, what belongs to something that isn't
there, ids that only their host knows, thoughts that nobody signed and no maker takes back, whether to think where the model isn't known, and how a host of Ollama's uses its memory. ``*`` stands for anything."""


NAMED_ONCE: Final = frozenset({"cache_control"})
"""What is named once for the whole request by this name, with what is in it."""


def is_named(path: str, dropped: str) -> bool:
    """Whether the header names the path or something around it. What is named once for all is its last name."""
    plain = re.sub(r"<[^>]*>", "", path).lstrip(".")
    names = [re.sub(r"\[\d+\]", "[]", name.strip()) for name in dropped.split(",") if name.strip()]
    return any(
        plain == name or plain.startswith((f"{name}.", f"{name}[")) or (name in NAMED_ONCE and f".{name}." in plain)
        for name in names
    )


def says_nothing(caller: str, path: str) -> bool:
    patterns = [re.escape(pattern).replace(r"\*", ".*") for pattern in SAYS_NOTHING[caller].split()]
    return any(re.fullmatch(pattern, path) for pattern in patterns)


@pytest.fixture(scope="module")
def schemas() -> dict[str, list[Change]]:
    """By the wire: all that its requests can hold."""
    return {wire: list(vendor_schemas.changes(hint)) for wire, hint in vendor_schemas.requests().items()}


@pytest.fixture
def doors(gateway: RunningGateway, upstream: Upstream, caller: str, target: str) -> Iterator[Door]:
    opened = Door(gateway, upstream, caller, target)
    yield opened
    opened.close()


@pytest.mark.parametrize("target", HOSTS)
@pytest.mark.parametrize("caller", HOSTS)
@pytest.mark.parametrize("gateway", ["http1"], indirect=True)
def test_no_member_is_lost_in_silence(caller: str, target: str, doors: Door, schemas: dict[str, list[Change]]) -> None:
    told, lost = set(), {}
    for path, without, value in schemas[caller]:
        before, after = doors.asked(without), doors.asked(value)
        assert after.status < 500 or after.status == 501, (path, value, after.answer)
        if after.status != 200:
            assert b"message" in after.answer or b"error" in after.answer
            continue
        is_changed = before.status != 200 or after.sent != before.sent or after.dropped != before.dropped
        if is_changed or is_named(path, after.dropped):
            told.add(path)
        else:
            lost[path] = value
    silent = {path: value for path, value in lost.items() if path not in told and not says_nothing(caller, path)}
    assert caller == target or not silent
    assert told

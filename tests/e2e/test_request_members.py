"""Each member of a request that a vendor's own client can write, through the real server to each other wire: the host
gets it, or the answer names it as dropped, or the request is refused. Their types are walked (vendor_schemas.py), so
that a new release of a client brings what it can say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest

import vendor_schemas
from doors import HOSTS, Door
from running import RunningGateway
from upstream import Upstream
from vendor_schemas import Change

DELIVERY: Final = "how the answer is delivered, which the gateway does itself"
DEFAULT: Final = "what holds anyway, or an object without anything in it"
ALONE: Final = "belongs to something that isn't there: tools, a text, a source, thoughts"
OWN_IDS: Final = "ids and states that only the host knows which made them"
UNSIGNED: Final = "thoughts that nobody signed: no maker takes them back"
ALWAYS: Final = "what the other hosts always do"
SAYS_NOTHING: Final[dict[str, dict[str, str]]] = {
    "openai_chat": {
        DELIVERY: ".stream .stream_options*",
        DEFAULT: ".parallel_tool_calls .functions[].parameters .tools[]<function>.function.parameters",
        ALONE: ".function_call",
        ALWAYS: ".response_format<json_schema>.json_schema.strict",
    },
    "responses": {
        DELIVERY: ".stream .stream_options*",
        DEFAULT: """
            .model .parallel_tool_calls .reasoning .text .input[].type .input[]<tool_search_call>.execution .*.parameters
            """,
        ALONE: ".reasoning.summary .reasoning.generate_summary",
        OWN_IDS: ".input[]*.id .input[]*.status",
        UNSIGNED: ".input[]<reasoning>",
        "thoughts in full, beside their summary, which is told": ".input[]<reasoning>.content",
        ALWAYS: ".text.format<json_schema>.strict",
    },
    "anthropic": {
        DELIVERY: ".stream .tools[].eager_input_streaming .thinking*.display",
        DEFAULT: ".metadata .output_config .tools[].type .*<image>.transformations .*<document>.citations",
        ALONE: ".tool_choice<auto>.disable_parallel_tool_use",
    },
    "gemini": {
        DELIVERY: ".toolConfig.functionCallingConfig.streamFunctionCallArguments",
        DEFAULT: """
            .systemInstruction .systemInstruction.role .tools .toolConfig .generationConfig
            .generationConfig.thinkingConfig .generationConfig.responseFormat* .generationConfig.responseModalities
            """,
        ALONE: """
            .toolConfig.functionCallingConfig .toolConfig.functionCallingConfig.mode
            .toolConfig.functionCallingConfig.allowedFunctionNames .generationConfig.thinkingConfig.includeThoughts
            .generationConfig.responseSchema.nullable .generationConfig.responseSchema.propertyOrdering
            """,
    },
    "bedrock_converse": {
        DEFAULT: ".inferenceConfig .outputConfig",
        ALONE: ".system[].cachePoint<default>.ttl .toolConfig.tools[].cachePoint<default>.ttl",
        "why a model made no picture or sound": ".*.image.error* .*.audio.error*",
        "the kind of a tool, which its call has said": ".*.toolResult.type",
    },
    "cohere": {
        DEFAULT: ".model .thinking",
        ALONE: ".strict_tools",
        UNSIGNED: ".messages[].content[]<thinking>",
    },
    "ollama": {
        DELIVERY: ".stream",
        DEFAULT: ".think",
        "how a machine of Ollama's uses its memory, by which a model says nothing else": """
            .keep_alive .options.f16_kv .options.low_vram .options.main_gpu .options.num_batch .options.num_gpu
            .options.num_thread .options.numa .options.use_mlock .options.use_mmap
            """,
    },
}
"""Why a member is left out without a word, and the paths of such members. ``*`` stands for anything."""


NAMED_ONCE: Final = frozenset({"cache_control", "allowed_callers"})
"""What is named once for the whole request by this name, with what is in it."""


def is_named(path: str, dropped: str) -> bool:
    """Whether the header names the path or something around it. What is named once for all is its last name."""
    plain = re.sub(r"<[^>]*>", "", path).lstrip(".")
    names = [re.sub(r"\[\d+\]", "[]", name.strip()) for name in dropped.split(",") if name.strip()]
    return any(
        plain == name
        or plain.startswith((f"{name}.", f"{name}["))
        or (name in NAMED_ONCE and any(f".{name}{end}" in plain for end in ".["))
        for name in names
    )


def says_nothing(caller: str, path: str) -> bool:
    rows = " ".join(SAYS_NOTHING[caller].values())
    patterns = [re.escape(pattern).replace(r"\*", ".*") for pattern in rows.split()]
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


_PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_URL: Final = f"data:image/png;base64,{_PNG}"
_IMAGE_URL: Final = {"type": "image_url", "image_url": {"url": _URL}}
PICTURES: Final[dict[str, tuple[str, dict[str, object], str]]] = {
    "openai_chat": ("messages", {"content": [_IMAGE_URL]}, "messages[0].content[0]"),
    "responses": ("input", {"content": [{"type": "input_image", "image_url": _URL}]}, "input[0].content[0]"),
    "anthropic": (
        "messages",
        {"content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": _PNG}}]},
        "messages[0].content[0]",
    ),
    "gemini": (
        "contents",
        {"parts": [{"inlineData": {"mimeType": "image/png", "data": _PNG}}]},
        "contents[0].parts[0]",
    ),
    "bedrock_converse": (
        "messages",
        {"content": [{"image": {"format": "png", "source": {"bytes": _PNG}}}]},
        "messages[0].content[0]",
    ),
    "cohere": ("messages", {"content": [_IMAGE_URL]}, "messages[0].content[0]"),
    "ollama": ("messages", {"content": "", "images": [_PNG]}, "messages[0].images[0]"),
}
"""A picture in each wire: the member that holds the conversation, the user's message, the picture's path."""


@pytest.mark.parametrize("caller", HOSTS)
@pytest.mark.parametrize("gateway", ["http1"], indirect=True)
def test_a_picture_that_a_host_cant_be_given_is_refused(
    caller: str, gateway: RunningGateway, upstream: Upstream
) -> None:
    member, message, path = PICTURES[caller]
    text = {"role": "user", ("parts" if caller == "gemini" else "content"): TEXTS.get(caller, "What is this?")}
    for target in {"cohere", "ollama"} - {caller}:
        opened = Door(gateway, upstream, caller, target)
        refused = opened.asked({member: [{"role": "user", **message}, text]})
        opened.close()
        assert refused.status == 400, (target, refused)
        assert refused.sent is None
        assert f"{path} (an image of type image/png)" in refused.answer.decode()


TEXTS: Final = {"gemini": [{"text": "What is this?"}], "bedrock_converse": [{"text": "What is this?"}]}

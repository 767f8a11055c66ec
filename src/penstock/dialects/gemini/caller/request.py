"""A Gemini request, read whole into a ``ChatRequest``: the way into lane 2.

The model and whether to stream come with the path (server/surfaces.py); they are among the members here. Parameters
take OpenAI's names where there is one; the others keep their own, with the place where they stand, so that a dialect
that doesn't know them names them. Members of OpenAI's name are a config's (docs/configs.md). Contents are read in
contents.py, tools in tools.py. Source: Gemini API reference, "Generating content".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.body import Body
from penstock.core.chat import ChatRequest, Message, Reasoning, TextPart, Wording
from penstock.core.failure import Failure, Kind
from penstock.dialects.config_members import limit_wins
from penstock.dialects.foreign import UNREAD_REASONING
from penstock.dialects.gemini.caller.contents import read_contents
from penstock.dialects.gemini.caller.parts import parts_of
from penstock.dialects.gemini.caller.response_format import read_format
from penstock.dialects.gemini.caller.tools import read_choice, read_tools
from penstock.dialects.gemini.spelling import CHAT_MEMBERS, CHAT_NAMES, in_json_spelling, own_members
from penstock.dialects.malformed import Malformed, read_whole, text_in
from penstock.dialects.parameter_types import checked, is_strings

_CONFIG: Final = "generationConfig"
WORDING: Final = Wording(
    names={
        **{name: f"{_CONFIG}.{own}" for name, own in CHAT_NAMES.items()},
        "response_format": f"{_CONFIG}.responseSchema",
        "reasoning": f"{_CONFIG}.thinkingConfig",
        UNREAD_REASONING: "contents.thoughtSignature",
        "reasoning_effort": f"{_CONFIG}.thinkingConfig.thinkingLevel",
        "thinking": f"{_CONFIG}.thinkingConfig",
        "reasoning.max_tokens": f"{_CONFIG}.thinkingConfig.thinkingBudget",
        "logprobs": f"{_CONFIG}.responseLogprobs",
        "top_logprobs": f"{_CONFIG}.logprobs",
        "modalities": f"{_CONFIG}.responseModalities",
        "tool_choice": "toolConfig",
        "service_tier": "serviceTier",
    },
    inside={
        ".function.parameters": ".parameters",
        ".function.": ".",
        ".json_schema.schema": "",
        ".json_schema": "",
        ".image_url": "",
        ".file.filename": ".displayName",
        "].tool_calls[": "].parts[",
        "].content[": "].parts[",
    },
)
"""What callers of Gemini call what is dropped."""

_ELSEWHERE: Final = frozenset(
    "model stream contents tools toolConfig systemInstruction generationConfig cachedContent reasoning_effort".split()
)
_IN_CONFIG: Final[Mapping[str, str]] = {own: name for name, own in CHAT_NAMES.items()} | {
    "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs",
}
_READ_APART: Final = frozenset(
    "thinkingConfig responseMimeType responseSchema responseJsonSchema responseFormat responseModalities".split()
)


def read_request(body: Body) -> ChatRequest | Failure:
    """The request that a body is, or what is wrong with it and where."""
    return read_whole(_read, body)


def _read(body: Body) -> ChatRequest | Failure:
    body = in_json_spelling(body, CHAT_MEMBERS)
    if not body.is_null("cachedContent"):
        text = "cachedContent is kept at Google: leave it out, or route the request to Google."
        return Failure(Kind.INVALID_REQUEST, text, "cachedContent")
    config = own_members(body.value(_CONFIG))
    if not body.is_null(_CONFIG) and not isinstance(body.value(_CONFIG), dict):
        raise Malformed(_CONFIG, "an object")
    parameters = _configured(config)
    for name in body:
        if name not in _ELSEWHERE and not body.is_null(name):
            parameters[name] = checked(name, name, body.value(name))
    limit_wins(body, parameters)
    tools = read_tools(body)
    choice, others = read_choice(body.value("toolConfig"))
    if tools:
        parameters["tools"] = tools
    if choice is not None:
        parameters["tool_choice"] = choice
    parameters |= {f"toolConfig.{name}": value for name, value in others.items() if value is not None}
    form, others = read_format(body)
    if form is not None:
        parameters["response_format"] = form
    parameters |= others
    thinking = own_members(config.get("thinkingConfig"))
    reasoning = _reasoning(thinking, body.value("reasoning_effort"))
    if reasoning is not None:
        parameters["reasoning"] = reasoning
    model = body.value("model")
    messages = (*_system(body.value("systemInstruction")), *read_contents(body))
    return ChatRequest(
        model if isinstance(model, str) else "",
        messages,
        parameters,
        body.raw("stream") == b"true",
        WORDING,
        thinking.get("includeThoughts") is not True,
    )


# Parameters of one value.


def _configured(config: Mapping[str, Any]) -> dict[str, Any]:
    """What ``generationConfig`` says of the answer, by OpenAI's names; the rest by its own place."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if value is None or name in _READ_APART:
            continue
        chat = _IN_CONFIG.get(name)
        path = f"{_CONFIG}.{name}"
        found[chat or path] = value if chat is None else checked(chat, path, value)
    modalities = config.get("responseModalities")
    if modalities is not None:
        if not is_strings(modalities):
            raise Malformed(f"{_CONFIG}.responseModalities", "an array of strings")
        found["modalities"] = [modality.lower() for modality in modalities]
    return found


# How much to think.


_EFFORTS: Final = frozenset({"minimal", "low", "medium", "high", "xhigh"})


def _reasoning(thinking: Mapping[str, Any], set_effort: Any) -> Reasoning | None:
    """How much to think: a level in words, or a budget of tokens, of which 0 is none and -1 as many as the model
    likes. Who wants to see thoughts wants them thought. ``set_effort`` is a config's."""
    level = text_in(thinking.get("thinkingLevel")).lower()
    effort = text_in(set_effort) or (level if level in _EFFORTS else "")
    budget = json_text.integer(thinking, "thinkingBudget")
    if budget == 0:
        return Reasoning(enabled=False)
    if budget is not None and budget > 0:
        return Reasoning(effort, budget, enabled=True)
    is_shown = thinking.get("includeThoughts") is True
    if effort:
        return Reasoning(effort, enabled=True if is_shown else None)
    return Reasoning(enabled=True) if budget is not None or is_shown else None


# The system prompt.


def _system(value: Any) -> tuple[Message, ...]:
    """The standing prompt, as one text."""
    if value is None:
        return ()
    if not isinstance(value, str | dict):
        raise Malformed("systemInstruction", "a content: an object with parts of text")
    content = {"parts": [value]} if isinstance(value, dict) and "parts" not in value and "text" in value else value
    texts = [part.get("text") for part in parts_of(content, "systemInstruction")]
    if not all(isinstance(text, str) for text in texts):
        raise Malformed("systemInstruction.parts", "parts of text")
    text = "\n\n".join(text for text in texts if isinstance(text, str) and text)
    return (Message("system", (TextPart(text),), "", "systemInstruction"),) if text else ()

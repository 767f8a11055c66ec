"""Whether a request asks for the tokens of its answer beside the text, in any wire of callers.

A guard that changes the text of an answer can't change them: the text that it masks would stand there.
Source: docs/guardrails.md#streams.
"""

from __future__ import annotations

from typing import Any, Final

from penstock.core.body import Body, BodyError

_NO: Final = frozenset({None, b"null", b"false", b"0"})
_INCLUDED: Final = "message.output_text.logprobs"
_OF_GEMINI: Final = ("generationConfig", "generation_config")
_MEMBERS: Final = ("responseLogprobs", "response_logprobs")


def asks_logprobs(body: Body) -> bool:
    """Whether the body asks for log probabilities: ``logprobs`` and ``top_logprobs`` of OpenAI's wires, ``include`` of
    Responses, ``responseLogprobs`` of Gemini's configuration. A malformed member asks for them, too."""
    if body.raw("logprobs") not in _NO or body.raw("top_logprobs") not in _NO:
        return True
    try:
        included = body.value("include")
        configurations = [body.value(name) for name in _OF_GEMINI]
    except BodyError:
        return True
    return (isinstance(included, list) and _INCLUDED in included) or any(map(_asks, configurations))


def _asks(configuration: Any) -> bool:
    return isinstance(configuration, dict) and any(configuration.get(name) for name in _MEMBERS)

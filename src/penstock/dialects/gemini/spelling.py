"""Google's own parameters, which callers spell as its JSON does (``safetySettings``) or as its Python clients do
(``safety_settings``)."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from functools import lru_cache
from typing import Any, Final

from penstock.core.body import Body
from penstock.core.parameters import Parameters


@lru_cache(maxsize=256)
def snake(name: str) -> str:
    """As Google's Python clients spell it."""
    return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name)


def camel(name: str) -> str:
    return re.sub("_([a-z])", lambda found: found[1].upper(), name)


def spellings(*names: str) -> Mapping[str, str]:
    """Names in JSON by each of their spellings."""
    return {spelling: name for name in names for spelling in (snake(name), name)}


def take(parameters: Parameters, names: Mapping[str, str]) -> dict[str, Any]:
    """Those that were given, by their names in JSON. ``names`` are these by spelling; the first that was given counts,
    the other counts as dropped."""
    found: dict[str, Any] = {}
    for spelling in parameters.given(names):
        if names[spelling] not in found:
            found[names[spelling]] = parameters.value(spelling)
    return found


def take_object(parameters: Parameters, name: str) -> dict[str, Any]:
    """One that is an object, its members as in JSON; empty when it wasn't given. Anything else is refused."""
    value = parameters.first(snake(name), name)
    if isinstance(value, dict):
        return {camel(member): each for member, each in value.items()}
    if value is not None:
        parameters.unsupported(snake(name))
    return {}


def own_members(value: Any) -> dict[str, Any]:
    """The members of an object by their names in JSON, whichever spelling they came in; none of anything else."""
    if not isinstance(value, dict):
        return {}
    return {camel(name) if "_" in name else name: each for name, each in value.items()}


def in_json_spelling(body: Body, kept: Container[str] = ()) -> Body:
    """The body with its members by their names in JSON, but for those that are ``kept``."""
    for name in [name for name in body if "_" in name and name not in kept]:
        body = body.renamed(name, camel(name))
    return body


CHAT_MEMBERS: Final = frozenset(
    """
    max_tokens max_completion_tokens top_p top_k presence_penalty frequency_penalty reasoning_effort response_format
    top_logprobs logit_bias parallel_tool_calls service_tier tool_choice safety_identifier prompt_cache_key
    """.split()
)
"""OpenAI's names with an underscore: a config may set them at the top of a request of any wire."""
CHAT_NAMES: Final[Mapping[str, str]] = {
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
"""OpenAI's names of what samples and limits an answer -> the member of ``generationConfig``."""

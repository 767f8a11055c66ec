"""Parameters by OpenAI's names, as the middle has them: which values dialects can rely on.

Each caller's wire checks its values here, and names the place where they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final

from penstock.dialects.malformed import Malformed


def _is_integer(value: Any) -> bool:
    return type(value) is int


def _is_number(value: Any) -> bool:
    """Whether the value is a finite number: ``1e999`` is read as infinity, which JSON can't express."""
    return isfinite(value) if isinstance(value, float) else _is_integer(value)


def is_strings(value: Any) -> bool:
    """Whether a value is an array of strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_stops(value: Any) -> bool:
    return isinstance(value, str) or is_strings(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


INTEGER: Final = (_is_integer, "an integer")
NUMBER: Final = (_is_number, "a number")
_STRINGS: Final = (is_strings, "an array of strings")
_TEXT: Final = (_is_text, "a string")
_BOOLEAN: Final = (_is_boolean, "true or false")
_OBJECT: Final = (_is_object, "an object")
CHECKS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    **dict.fromkeys(("max_completion_tokens", "max_tokens", "n", "seed", "top_logprobs"), INTEGER),
    **dict.fromkeys(("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty"), NUMBER),
    "stop": (_is_stops, "a string or an array of strings"),
    "modalities": _STRINGS,
    **dict.fromkeys(("user", "safety_identifier", "verbosity", "service_tier"), _TEXT),
    **dict.fromkeys(("logprobs", "store", "parallel_tool_calls"), _BOOLEAN),
    **dict.fromkeys(("logit_bias", "audio", "metadata"), _OBJECT),
}
"""The checks of the types that dialects rely on, and what they expect. Other parameters are passed on unchecked."""
_NOT_OURS: Final = frozenset({"response_format", "reasoning", "functions", "function_call", "tools", "tool_choice"})
"""Names that have a type of their own in the middle, which a value of this wire can't have."""


NO_SUCH_PARAMETER: Final = "left out: this API has no such parameter"


def checked(name: str, path: str, value: Any) -> Any:
    """The value, if dialects can rely on its type; ``name`` is OpenAI's. Raises Malformed."""
    check = CHECKS.get(name)
    if isinstance(value, float) and value.is_integer() and check is INTEGER:
        return int(value)
    if check is not None and not check[0](value):
        raise Malformed(path, check[1])
    if name in _NOT_OURS:
        raise Malformed(path, NO_SUCH_PARAMETER)
    return value

"""Hands out a request's parameters one by one. A dialect takes each parameter that it can express; ``dropped`` names
all other parameters. So no parameter is dropped silently.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Final

from penstock.core.chat import ChatRequest, Format, NativeTool, Reasoning, Tool, ToolChoice

_DEFAULTS: Final[dict[str, tuple[Any, ...]]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "temperature": (1,),
    "top_p": (1,),
    "store": (False,),
    "modalities": (["text"],),
    "service_tier": ("auto", "default"),
    "tools": ((),),
    "parallel_tool_calls": (True,),
    "metadata": ({},),
    "stop": ([], ""),
    "verbosity": ("medium",),
    "background": (False,),
}
"""Parameter -> the values that mean the same as leaving it out."""


def is_default(name: str, value: Any) -> bool:
    """Whether leaving the parameter out means the same."""
    return value is None or value in _DEFAULTS.get(name, ())


class Parameters:
    """The parameters of one request, as one dialect takes them."""

    __slots__ = ("_left", "_refused", "_wording")

    def __init__(self, request: ChatRequest) -> None:
        self._wording = request.wording
        self._left = {name: value for name, value in request.parameters.items() if value is not None}
        self._refused: dict[str, None] = {}

    def value(self, name: str) -> Any:
        """Take a parameter unchanged; None if the request doesn't have it."""
        return self._left.pop(name, None)

    def peek(self, name: str) -> Any:
        """A parameter, without taking it; None if the request doesn't have it or it was taken."""
        return self._left.get(name)

    def given(self, known: Container[str]) -> list[str]:
        """The names in ``known`` that the request has and that weren't taken yet, in the caller's order."""
        return [name for name in self._left if name in known]

    def first(self, *names: str) -> Any:
        """Take a parameter that has several names. The first name that the request has counts; the other names are
        reported as dropped."""
        for name in names:
            if name in self._left:
                return self._left.pop(name)
        return None

    def max_tokens(self) -> int | None:
        """Take the answer's limit in tokens; ``max_completion_tokens`` wins over the older ``max_tokens``."""
        old, new = self._left.pop("max_tokens", None), self._left.pop("max_completion_tokens", None)
        limit: int | None = old if new is None else new
        return limit

    def stop(self) -> list[str]:
        """Take the stop sequences as a list; a single string becomes a list of one."""
        value = self._left.pop("stop", None)
        if value is None:
            return []
        return [value] if isinstance(value, str) else list(value)

    def tools(self) -> tuple[Tool | NativeTool, ...]:
        """Take the tools."""
        tools: tuple[Tool | NativeTool, ...] = self._left.pop("tools", ())
        return tools

    def tool_choice(self) -> ToolChoice | None:
        """Take the tool choice."""
        choice: ToolChoice | None = self._left.pop("tool_choice", None)
        return choice

    def format(self) -> Format | None:
        """Take the response format; None for plain text."""
        response_format: Format | None = self._left.pop("response_format", None)
        return response_format

    def reasoning(self) -> Reasoning | None:
        """Take the reasoning settings; None if the request has none."""
        reasoning: Reasoning | None = self._left.pop("reasoning", None)
        return reasoning

    def unsupported(self, path: str) -> None:
        """Report that a value inside a parameter or message can't be expressed, by its path:
        ``messages[2].content[0]``."""
        caller_path = path if self._wording is None else self._wording.told(path)
        if caller_path:
            self._refused[caller_path] = None

    def again(self, request: ChatRequest) -> Parameters:
        """The parameters of ``request``, a changed form of the same request, with the paths reported so far."""
        other = Parameters(request)
        other._refused = dict(self._refused)
        return other

    def dropped(self) -> tuple[str, ...]:
        """The parameters that were not taken and don't equal the default, in the caller's order, then the paths
        reported with ``unsupported``."""
        if not (self._left or self._refused):
            return ()
        remaining = (_name(name, value) for name, value in self._left.items() if not is_default(name, value))
        if self._wording is not None:
            caller_paths = [name for name in map(self._wording.told, remaining) if name]
            return tuple(dict.fromkeys((*caller_paths, *self._refused)))
        return (*remaining, *self._refused)


def _name(name: str, value: Any) -> str:
    """The caller's name of the parameter."""
    if name == "reasoning" and isinstance(value, Reasoning):
        return "reasoning_effort" if value.effort else "thinking"
    return name

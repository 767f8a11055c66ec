"""Handing out a request's parameters one by one: what a dialect did not take is what it can't express.

That makes the rule "nothing is dropped in silence" hold by construction. A dialect takes each parameter that it knows;
``dropped`` names everything else.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Final

from penstock.core.chat import ChatRequest, Format, NativeTool, Reasoning, Tool, ToolChoice

_HARMLESS: Final[dict[str, tuple[Any, ...]]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
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
"""Values that say what holds anyway: leaving them out loses nothing."""


class Parameters:
    """One dialect's reading of one request."""

    __slots__ = ("_left", "_refused", "_wording")

    def __init__(self, request: ChatRequest) -> None:
        self._wording = request.wording
        self._left = {name: value for name, value in request.parameters.items() if value is not None}
        self._refused: list[str] = []

    def value(self, name: str) -> Any:
        """Take a parameter as it is; None when it wasn't given."""
        return self._left.pop(name, None)

    def peek(self, name: str) -> Any:
        """A parameter, left where it is; None when it wasn't given or was taken."""
        return self._left.get(name)

    def given(self, known: Container[str]) -> list[str]:
        """The names among those known that were given and not taken yet, in the caller's order."""
        return [name for name in self._left if name in known]

    def first(self, *names: str) -> Any:
        """Take several spellings of one parameter; the first that was given counts, the others count as dropped."""
        for name in names:
            if name in self._left:
                return self._left.pop(name)
        return None

    def max_tokens(self) -> int | None:
        """Take the limit of the answer; ``max_completion_tokens`` wins over the older ``max_tokens``."""
        old, new = self._left.pop("max_tokens", None), self._left.pop("max_completion_tokens", None)
        found: int | None = old if new is None else new
        return found

    def stop(self) -> list[str]:
        """Take the stop sequences, as a list whatever their form."""
        value = self._left.pop("stop", None)
        if value is None:
            return []
        return [value] if isinstance(value, str) else list(value)

    def tools(self) -> tuple[Tool | NativeTool, ...]:
        """Take the tools."""
        found: tuple[Tool | NativeTool, ...] = self._left.pop("tools", ())
        return found

    def tool_choice(self) -> ToolChoice | None:
        """Take the choice among the tools."""
        found: ToolChoice | None = self._left.pop("tool_choice", None)
        return found

    def format(self) -> Format | None:
        """Take the wanted form of the answer; None for plain text."""
        found: Format | None = self._left.pop("response_format", None)
        return found

    def reasoning(self) -> Reasoning | None:
        """Take everything that says how much to think; None when nothing does."""
        found: Reasoning | None = self._left.pop("reasoning", None)
        return found

    def unsupported(self, path: str) -> None:
        """Say that something inside of a parameter or message can't be expressed: ``messages[2].content[0]``."""
        told = path if self._wording is None else self._wording.told(path)
        if told and told not in self._refused:
            self._refused.append(told)

    def again(self, request: ChatRequest) -> Parameters:
        """A reading of the request in another form, with what was refused so far."""
        other = Parameters(request)
        other._refused = list(self._refused)
        return other

    def dropped(self) -> tuple[str, ...]:
        """What was neither taken nor harmless, in the caller's order, then what was refused."""
        left = (_name(name, value) for name, value in self._left.items() if value not in _HARMLESS.get(name, ()))
        if self._wording is not None:
            told = [name for name in map(self._wording.told, left) if name]
            return tuple(dict.fromkeys((*told, *self._refused)))
        return (*left, *self._refused)


def _name(name: str, value: Any) -> str:
    """What the caller called it."""
    if name == "reasoning" and isinstance(value, Reasoning):
        return "reasoning_effort" if value.effort else "thinking"
    return name

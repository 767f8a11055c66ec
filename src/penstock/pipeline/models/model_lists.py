"""Whether a request names only models that its virtual key and its gateway key allow, judged on the body that is sent.

``model`` is not the only member that names a model: OpenRouter reads ``models``, Vercel's gateway
``providerOptions.gateway.models``, Groq ``compound_custom.models``, some hosts read a member in any case. With a list
in force, each of these may name allowed models only. Source of the lists: docs/configs.md#gateway-keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.virtual_key import allows
from penstock.providers.row import Provider
from penstock.routing.plan import Target

_CONTENT: Final = frozenset(
    "messages input system tool_choice functions response_format output_config metadata stop stop_sequences user "
    "logit_bias prompt prediction".split()
)
"""Members whose values are the request's content: a model in them is a word like any other."""
_OTHER_SPELLINGS: Final = frozenset(
    "fallbacks fallback preset deployment deploymentid engine adapterid adaptersource agentid lora".split()
)
"""Members at the top of a body that choose a model, an adapter or a list of them at some hosts.

https://openrouter.ai/docs/features/presets, https://docs.predibase.com, https://docs.litellm.ai/docs/proxy/reliability
"""
_EXTRA: Final = "extrabody"
"""A member whose own members count as members of the body (https://docs.litellm.ai/docs/providers/custom_llm_server)."""
_OWN_TOOLS: Final = (None, "function", "custom")
"""The types of tools that the caller runs: their definitions are content. Other tools may name a model to run."""
_TOOLS: Final = "tools"
_ROUTING_PREFIXES: Final = ("x-portkey-", "x-litellm-", "x-penstock-")


class ModelLists(msgspec.Struct, frozen=True):
    """The shell patterns of a virtual key and of a gateway key, None for no limit.

    ``settings`` are models that settings choose in place of the body, such as a deployment's name.
    """

    virtual_key: str | None = None
    by_virtual_key: tuple[str, ...] | None = None
    by_gateway_key: tuple[str, ...] | None = None
    settings: tuple[str, ...] = ()

    def refused(self, model: str | None) -> Failure | None:
        """The failure if a request may not name this model (None: it names none)."""
        if not allows(self.by_virtual_key, model or ""):
            text = f"The virtual key '{self.virtual_key}' does not allow the model '{model}': choose another."
            return Failure(Kind.MODEL_NOT_ALLOWED, text, "model")
        names = self.settings if model is None else (model, *self.settings)
        for name in names or ("",):
            if not self._allowed_by_gateway_key(name):
                text = f"Your gateway key does not allow the model '{name}': choose another."
                return Failure(Kind.MODEL_NOT_ALLOWED, text, "model")
        return None

    def refused_body(self, body: Body, models: Collection[str], *, needs_model: bool) -> Failure | None:
        """The failure if a body that is about to be sent names another model than an allowed one.

        ``models`` are the names under which the judged model may be sent; ``needs_model``: only the body names it.
        """
        if "model" in body:
            if body.text("model") not in models:
                return _refused("model", "would leave with another model than was asked for")
        elif needs_model:
            return _refused("model", "would leave without it")
        for name in body:
            if name == "model" or name in _CONTENT:
                continue
            for model in _models_in(name, _value(body, name)):
                if not (allows(self.by_virtual_key, model) and self._allowed_by_gateway_key(model)):
                    return _refused(name, "may name a model that is not allowed")
        return None

    def _allowed_by_gateway_key(self, model: str) -> bool:
        patterns = self.by_gateway_key
        return allows(patterns, model) or (
            self.virtual_key is not None and allows(patterns, f"@{self.virtual_key}/{model}")
        )


def model_lists(target: Target, row: Provider, options: Mapping[str, str]) -> ModelLists | None:
    """The lists for a target; None where every model is allowed. ``options`` are the provider's settings."""
    if target.models is None and target.key_models is None:
        return None
    chosen = tuple(options[option.name] for option in row.options if option.names_model and option.name in options)
    return ModelLists(target.virtual_key, target.models, target.key_models, chosen)


def names_model(header: str) -> bool:
    """Whether a request header may choose a model at the provider, or at a gateway in its place."""
    return "model" in header or header.startswith(_ROUTING_PREFIXES)


def _models_in(member: str, value: Any) -> Iterator[str]:
    """Each text of a body's member that may name a model."""
    waiting: list[tuple[str, Any, bool]] = [(_key(member), value, True)]
    while waiting:
        key, item, is_top = waiting.pop()
        if "model" in key or (is_top and key in _OTHER_SPELLINGS):
            yield from _texts(item)
        elif isinstance(item, dict):
            # A tool that the caller runs is content.
            if not (key == _TOOLS and item.get("type") in _OWN_TOOLS):
                waiting += [(_key(name), inner, is_top and key == _EXTRA) for name, inner in item.items()]
        elif isinstance(item, list):
            waiting += [(key, inner, False) for inner in item]


def _texts(value: Any) -> Iterator[str]:
    """Every scalar in a value as text; null and switches name nothing."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
        elif item is not None and not isinstance(item, bool):
            yield str(item)


def _key(name: str) -> str:
    """A member's name as the most generous reader sees it: without case, dashes and underscores."""
    return name.casefold().replace("_", "").replace("-", "")


def _value(body: Body, name: str) -> Any:
    try:
        return body.value(name)
    except ValueError:
        # A value that can't be read is judged as a text that no pattern but * allows.
        return str(body.raw(name))


def _refused(param: str, reason: str) -> Failure:
    text = (
        f"The request {reason} ({param[:100]}), and its gateway key or virtual key allows certain models only: "
        "name the model in the request's model."
    )
    return Failure(Kind.MODEL_NOT_ALLOWED, text, param)

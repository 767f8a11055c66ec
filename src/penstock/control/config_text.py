"""The text of a config: judged as the header x-portkey-config is, beside the virtual keys that there are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import msgspec

from penstock.control.members import is_plain
from penstock.core.json_text import read_json
from penstock.core.virtual_key import VirtualKey
from penstock.stores.config_definitions import Check
from penstock.stores.config_json import NotAConfig, as_json

_NAMES_OF_KEYS: Final = frozenset({"virtual_key", "virtualKey", "virtual-key"})
_GUARDS: Final = frozenset(
    """
    input_guardrails output_guardrails before_request_hooks after_request_hooks input_mutators output_mutators
    """.split()
)
"""Members that hold guards (docs/guardrails.md)."""
_MOST_MISSING: Final = 50
"""Names that a config may mention and that are not there; more are a problem."""


class ConfigText(msgspec.Struct, frozen=True):
    """A config: ``body`` is its JSON, ``value`` what the JSON says. ``problem`` says why it can't be used;
    ``warnings`` name what is not there yet."""

    body: str
    value: Any
    problem: str | None = None
    warnings: tuple[str, ...] = ()


def judged(config: Any, known: Mapping[str, VirtualKey], providers: Collection[str], judge: Check | None) -> ConfigText:
    """A config that came as an object or as text. ``known`` are the virtual keys that it may name."""
    body = config if isinstance(config, str) else ""
    if isinstance(config, str):
        try:
            config = read_json(config.encode("utf-8", "surrogatepass"))
        except ValueError as error:
            return ConfigText(body, None, f"it is not valid JSON ({str(error)[:120]})")
    if not isinstance(config, dict) or not is_plain(body):
        return ConfigText(body, None, "expected an object, or its JSON as text")
    try:
        encoded = as_json(config)
    except NotAConfig as bad:
        return ConfigText(body, None, str(bad))
    body = body or encoded.decode()
    problem = None if judge is None else judge(encoded, known)
    if problem is None or judge is None:
        return ConfigText(body, config)
    # A stand-in for each virtual key that is missing shows what else is wrong.
    any_provider = next(iter(providers), "")
    missing = [name for name in dict.fromkeys(named_keys(config)) if name not in known][:_MOST_MISSING]
    everything = {**known, **{name: VirtualKey(name, any_provider) for name in missing}}
    problem = judge(encoded, everything)
    if problem is not None:
        return ConfigText(body, config, problem)
    # "@openai" is no virtual key, and stands for the provider all the same. Guards take long to judge: once is enough.
    plain = _without_guards(config)
    encoded, of_targets = as_json(plain), set(named_keys(plain))
    needed = [
        name
        for name in missing
        if (judge(encoded, _without(everything, name)) is not None if name in of_targets else name not in providers)
    ]
    return ConfigText(body, config, None, tuple(map(_warning, needed)))


def with_missing_guardrails(text: ConfigText, known: Collection[str]) -> ConfigText:
    """A config with a warning for each guardrail that it names and that is not among the ``known``, by slug or id."""
    missing = [name for name in dict.fromkeys(named_guardrails(text.value)) if name not in known][:_MOST_MISSING]
    warnings = [f"There is no guardrail {name[:64]} yet: requests with this config are refused." for name in missing]
    return msgspec.structs.replace(text, warnings=(*text.warnings, *warnings))


def _without_guards(value: Any) -> Any:
    """A part of a config, without the guards in it."""
    if isinstance(value, list):
        return [_without_guards(each) for each in value]
    if isinstance(value, dict):
        return {name: _without_guards(each) for name, each in value.items() if name not in _GUARDS}
    return value


def _without(keys: Mapping[str, VirtualKey], name: str) -> dict[str, VirtualKey]:
    return {each: key for each, key in keys.items() if each != name}


def _warning(name: str) -> str:
    return f"There is no provider @{name} yet: a request that comes to it is refused."


def named_keys(value: Any) -> Iterator[str]:
    """The names of the virtual keys that a config mentions, at any depth."""
    for name, member in _members(value):
        if isinstance(member, str) and name in _NAMES_OF_KEYS:
            yield member.removeprefix("@")
        elif isinstance(member, str) and name in {"provider", "model"} and member.startswith("@"):
            yield member[1:].partition("/")[0]


def named_guardrails(value: Any) -> Iterator[str]:
    """The names of the saved guardrails that a config mentions, at any depth: texts, and objects that have an ``id``
    and no checks."""
    for name, member in _members(value):
        if name in _GUARDS and isinstance(member, list):
            yield from filter(None, map(_guardrail_name, member))


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """The members of all objects of a config, at any depth."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, list):
            left.extend(reversed(each))
        elif isinstance(each, dict):
            left.extend(each.values())
            yield from each.items()


def _guardrail_name(item: Any) -> str | None:
    if isinstance(item, dict) and "checks" not in item and not any("." in name for name in item):
        item = item.get("id")
    return item if isinstance(item, str) else None

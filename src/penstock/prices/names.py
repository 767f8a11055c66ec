"""Under which names a price book may hold a model: as it is called, then what hosts put around a name taken off.

Rules of a provider come first, a date at the end is dropped last (docs/prices.md#names).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

LONGEST: Final = 256
"""Characters of a model's name that is looked up; callers choose the names."""
BOUNDARIES: Final = (("200k", 200_000), ("128k", 128_000))
"""Sizes of a prompt at which the price changes, as names tell it: ``gemini-2.5-pro-lte-128k``, ``…-gt-128k``. A vendor
that changed its boundary is listed with both: the larger is the present one."""

_DATE: Final = re.compile(r"[-@]20\d{2}-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])\Z")
_BEDROCK_REGION: Final = re.compile(r"\A(?:us-gov|us|eu|apac|global|au|jp|ca|sa|me|af|il|mx)\.")
_PATH: Final = re.compile(r"\A(?:models|publishers/[^/]+/models|accounts/[^/]+/models|google|anthropic|meta)/")
_TUNED: Final = re.compile(r"\A(ft:[^:]+):")
_AZURE_TUNED: Final = re.compile(r"\A(.+?\.ft)[-.:].*\Z")
_PARAMETERS: Final = re.compile(r"(?:\A|[^0-9a-z.])(?:(\d{1,2})x)?(\d{1,4}(?:[.p]\d)?)b(?:[^a-z0-9]|\Z)")
_SIZES: Final = ((4.0, "4b"), (16.0, "16b"), (float("inf"), "100b"))
"""Fireworks prices models that it doesn't name by their parameters: up to 4, up to 16, more than 16 thousand millions
(https://fireworks.ai/pricing)."""


def candidates(provider: str, model: str) -> Iterator[str]:
    """The names to try, the likeliest first; the first is the model's own. Lower and upper case are one."""
    seen = set()
    for name in _candidates(provider, model[:LONGEST]):
        if name and name not in seen:
            seen.add(name)
            yield name


def _candidates(provider: str, model: str) -> Iterator[str]:
    yield model
    name = model
    for rule in _RULES.get(provider, ()):
        changed = rule(name)
        if changed != name:
            name = changed
            yield name
    undated = _DATE.sub("", name)
    if undated != name:
        yield undated
    if provider == "fireworks-ai":
        yield _size_class(name)


def _without_path(name: str) -> str:
    return _PATH.sub("", name)


def _without_arn(name: str) -> str:
    return name.rpartition("/")[2] if name.startswith("arn:") else name


def _without_region(name: str) -> str:
    return _BEDROCK_REGION.sub("", name)


def _without_version(name: str) -> str:
    return name.partition("@")[0]


def _tuned(name: str) -> str:
    found = _TUNED.match(name)
    return found[1] if found else name


def _azure_tuned(name: str) -> str:
    found = _AZURE_TUNED.match(name)
    return found[1] if found else name


def _size_class(name: str) -> str:
    """The class of a model by its parameters: ``llama-v3p1-8b-instruct`` is ``16b``. Empty where no size is told, and
    for mixtures of experts, which have prices of their own."""
    found = _PARAMETERS.search(name.lower())
    if found is None or found[1]:
        return ""
    size = float(found[2].replace("p", "."))
    return next(name for largest, name in _SIZES if size <= largest)


_RULES: Final[Mapping[str, tuple[Callable[[str], str], ...]]] = {
    "azure-ai": (_azure_tuned,),
    "azure-openai": (_azure_tuned,),
    "bedrock": (_without_arn, _without_region),
    "fireworks-ai": (_without_path,),
    "google": (_without_path,),
    "openai": (_tuned,),
    "vertex-ai": (_without_path, _without_version),
}

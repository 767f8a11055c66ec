"""A provider's credential under a name of the operator's, with what belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from penstock.core.custom_headers import CustomHeaders
from penstock.core.secret import Secret

End = Literal["expired", "disabled"]
"""Why a virtual key is not in force: its time is over, or it is switched off."""


def allows(patterns: tuple[str, ...] | None, model: str) -> bool:
    """Whether shell patterns allow a model; None allows every one.

    A list in one name (``a,b``), which some gateways take for several models, needs a pattern for each part.
    """
    if patterns is None:
        return True
    return all(any(fnmatchcase(part, pattern) for pattern in patterns) for part in model.split(","))


class VirtualKey(msgspec.Struct, frozen=True):
    """What callers mean by ``@NAME``: a provider, its credential, and its settings.

    ``models`` are shell patterns of the models that may be called, None for all. ``default_params`` are JSON bytes by
    member, ``options`` provider-specific settings under snake_case names. ``forward_headers`` are headers about the
    provider's account, such as ``openai-organization``, that callers may have forwarded. ``headers`` are added to every
    request. ``workspace`` is the id of the only workspace that knows the name; None: every workspace does.
    ``judges_host``: ``base_url`` was named through the admin API, so the address policy judges its name and every
    address that the name resolves to; a ``base_url`` of penstock.toml is trusted. ``end``: why the key is not in force,
    None if it is. Without force it holds no credential, and an attempt at it fails.
    """

    name: str
    provider: str
    credential: Secret | None = None
    base_url: str | None = None
    models: tuple[str, ...] | None = None
    default_params: Mapping[str, bytes] = {}
    options: Mapping[str, str] = {}
    forward_headers: tuple[str, ...] = ()
    headers: CustomHeaders = {}
    workspace: str | None = None
    judges_host: bool = False
    end: End | None = None

    def __repr__(self) -> str:
        # A provider's own settings may be credentials, too.
        return f"VirtualKey({self.name!r}, {self.provider!r})"

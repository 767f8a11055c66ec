"""The frozen tree that a config is compiled to. A strategy is one node type here, one arm in parse.py and in walk.py.

This release knows the leaf; the strategy nodes (Fallback, Balance, Choose) join the ``Plan`` union beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from penstock.core.http import Url
from penstock.core.secret import Secret


class Target(msgspec.Struct, frozen=True):
    """A leaf: one provider, called one way.

    ``path`` says where it stands in the config (``config``, ``config.targets[0]``), which clients read back in
    ``x-portkey-last-used-option-index``. ``options`` are provider-specific settings under snake_case names.
    ``override_params`` and ``default_params`` map request members to their JSON bytes: the first replace what the
    caller sent, the second only fill gaps. ``request_timeout`` is in milliseconds, until the response head.
    """

    path: str
    provider: str
    api_key: Secret | None = None
    custom_host: Url | None = None
    options: Mapping[str, str] = {}
    override_params: Mapping[str, bytes] = {}
    default_params: Mapping[str, bytes] = {}
    forward_headers: tuple[str, ...] = ()
    request_timeout: float | None = None
    strict: bool = True


Plan = Target

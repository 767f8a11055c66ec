"""Gateway keys of their rows, and of what their workspaces set for them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, Final, NamedTuple

import msgspec

from penstock.core.model_aliases import ModelAliases
from penstock.core.restrictions import NONE, USER, Network, Restrictions
from penstock.limits.applied import Applied
from penstock.stores.alias_definitions import of_stored_key
from penstock.stores.catalogue import GatewayKey
from penstock.stores.definition import Unusable
from penstock.stores.sql.json_columns import read_labels, read_object, read_texts

_CALLS: Final = frozenset({"completions.write", "*"})
"""The scopes that open the whole data plane."""
_CONTENT: Final = "logs.content"
"""The scope with which a header switches on that bodies are logged."""


class Workspace(msgspec.Struct, frozen=True):
    """What a workspace sets for its keys. ``problem``: why they can't be used. ``lets_users_vary``: requests of users'
    keys may name another user than the key's. ``blocks_inline_configs``: requests may name saved configs alone.
    ``input_guardrails`` and ``output_guardrails`` are as in ``Permissions``."""

    is_default: bool
    config: str | None = None
    metadata: Mapping[str, str] = {}
    required_metadata: tuple[str, ...] = ()
    problem: str | None = None
    logs_content: bool | None = None
    lets_users_vary: bool = False
    blocks_inline_configs: bool = False
    input_guardrails: tuple[str, ...] = ()
    output_guardrails: tuple[str, ...] = ()


class OwnValues(NamedTuple):
    """What the row of a key says where its workspace says something, too. Most of many keys say the same."""

    workspace: str | None
    config: str | None
    log_content: bool | None
    labels: str
    metadata: str
    scopes: str
    allowed_ips: str | None
    expires_at: int | None
    valid_until: int | None
    user_name: str | None


class KeyMaker:
    """Makes keys of rows. Rows that say the same share values: of 100,000 keys few differ in them."""

    def __init__(self, workspaces: Mapping[str, Workspace], limits: Mapping[str, tuple[Applied, ...]]) -> None:
        self._workspaces = workspaces
        self._limits = limits
        self._shared: dict[OwnValues, Mapping[str, Any]] = {}
        self._own: dict[OwnValues, OwnValues] = {}

    def own(self, row: Any) -> OwnValues:
        """What a row says by itself."""
        own = OwnValues(
            workspace=row.workspace_id, config=row.config, log_content=row.log_content, labels=row.labels,
            metadata=row.metadata, scopes=row.scopes, allowed_ips=row.allowed_ips, expires_at=row.expires_at,
            valid_until=row.valid_until, user_name=row.user_name,
        )  # fmt: skip
        return self._own.setdefault(own, own)

    def key(self, row: Any) -> GatewayKey:
        """The key of a row. Raises Unusable."""
        shared = self._members(self.own(row))
        models, providers = _list(row, "allowed_models"), _list(row, "allowed_providers")
        return GatewayKey(
            row.name,
            bytes(row.digest),
            models=models,
            virtual_keys=None if providers is None else frozenset(providers),
            providers=None if providers is None else frozenset(),
            id=row.id,
            workspace=row.workspace_id,
            pins_config=not row.allow_config_override,
            limits=self._limits.get(row.id, ()),
            exposes_cost=row.expose_cost,
            aliases=_aliases(row.model_aliases),
            **shared,
        )

    def again(self, key: GatewayKey, own: OwnValues) -> GatewayKey:
        """A key in a workspace that sets something else; one that can't be made stays as it is."""
        try:
            shared = self._members(own)
        except Unusable:
            return key
        return msgspec.structs.replace(key, **shared)

    def _members(self, own: OwnValues) -> Mapping[str, Any]:
        """What a key has of its workspace and of its own values. Raises Unusable."""
        members = self._shared.get(own)
        if members is None:
            workspace = self._workspaces[own.workspace] if own.workspace is not None else _NO_WORKSPACE
            if workspace.problem is not None:
                raise Unusable(workspace.problem)
            members = self._shared[own] = {
                "config": own.config or workspace.config,
                "inline_configs": not workspace.blocks_inline_configs,
                "logs_content": workspace.logs_content if own.log_content is None else own.log_content,
                "input_guardrails": workspace.input_guardrails,
                "output_guardrails": workspace.output_guardrails,
                **_demands(own, workspace),
            }
        return members


_NO_WORKSPACE: Final = Workspace(is_default=False)


def _demands(own: OwnValues, workspace: Workspace) -> dict[str, Any]:
    """What a key demands of requests. Raises Unusable."""
    metadata = {**read_labels(own.labels, "labels"), **read_labels(own.metadata, "metadata"), **workspace.metadata}
    user: str | None = None
    if own.user_name is not None and not workspace.lets_users_vary:
        metadata[USER] = own.user_name
    elif own.user_name is not None and USER not in metadata:
        user = own.user_name
    scopes = frozenset(read_texts(own.scopes, "scopes"))
    ends = [moment for moment in (own.expires_at, own.valid_until) if moment is not None]
    restrictions = Restrictions(
        min(ends, default=None),
        None if scopes & _CALLS else scopes,
        None if own.allowed_ips is None else _networks(own.allowed_ips),
        metadata,
        tuple(name for name in workspace.required_metadata if name not in metadata and not (user and name == USER)),
        user,
    )
    return {
        "labels": metadata,
        "restrictions": None if restrictions == NONE else restrictions,
        "may_log_content": _CONTENT in scopes,
    }


@functools.lru_cache(1024)
def _networks(text: str) -> tuple[Network, ...]:
    """A list of addresses and networks. Raises Unusable."""
    try:
        return tuple(ip_network(each, strict=False) for each in read_texts(text, "allowed_ips"))
    except ValueError as error:
        raise Unusable(f"its allowed_ips have an entry that is no address and no network: {error}") from None


def _aliases(text: str | None) -> ModelAliases | None:
    if text is None:
        return None
    aliases, problems = of_stored_key(read_object(text, "model_aliases"))
    if problems:
        raise Unusable(problems[0])
    return aliases


def _list(row: Any, column: str) -> tuple[str, ...] | None:
    text = getattr(row, column)
    return None if text is None else read_texts(text, column)

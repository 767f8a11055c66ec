"""The rows of workspaces and of their gateway keys, as values of the catalogue."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_network
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.model_aliases import ModelAliases
from penstock.core.restrictions import NONE, USER, Network, Restrictions
from penstock.limits.applied import Applied
from penstock.stores.alias_definitions import of_stored_key
from penstock.stores.catalogue import GatewayKey
from penstock.stores.definition import Unusable
from penstock.stores.sql import schema
from penstock.stores.sql.catalogue.changes import read_in_parts
from penstock.stores.sql.json_columns import read_labels, read_object, read_texts

_DATA_PLANE: Final = ("workspace-service", "workspace-user")
"""The kinds of keys that may call models: an administrator's may not."""
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


async def read_workspaces(connection: AsyncConnection, problems: list[str]) -> dict[str, Workspace]:
    """The active workspaces by their id."""
    slugs, defaults = {}, {}
    for config in await connection.execute(_CONFIGS):
        slugs[config.id] = config.slug
        if config.is_default:
            defaults[config.workspace_id] = config.slug
    workspaces = {}
    for row in await connection.execute(_WORKSPACES):
        try:
            workspaces[row.id] = _workspace(row, slugs, defaults.get(row.id))
        except Unusable as unusable:
            problem = f"the workspace {row.slug}: {unusable}"
            problems.append(problem)
            workspaces[row.id] = Workspace(row.is_default, problem=problem)
    return workspaces


def _workspace(row: Any, slugs: Mapping[str, str], default: str | None) -> Workspace:
    """``slugs`` are those of configs by their id; ``default`` is the config that is marked as the workspace's."""
    defaults = read_object(row.defaults, "defaults")
    config = defaults.get("config_id")
    if config is not None and not isinstance(config, str):
        raise Unusable("its defaults.config_id is no text")
    settings = read_object(row.settings, "settings")
    metadata = msgspec.json.encode(defaults.get("metadata") or {}).decode()
    return Workspace(
        row.is_default,
        slugs.get(config, config) if config else default,
        read_labels(metadata, "defaults.metadata"),
        read_texts(row.required_metadata, "required_metadata"),
        logs_content=_switch(settings.get("debug_log")),
        lets_users_vary=_switch(settings.get("user_key_metadata_override")) is True,
        blocks_inline_configs=_switch(settings.get("block_inline_config")) is True,
        input_guardrails=_names(defaults, "input_guardrails"),
        output_guardrails=_names(defaults, "output_guardrails"),
    )


def _names(defaults: Mapping[str, Any], member: str) -> tuple[str, ...]:
    names = defaults.get(member) or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Unusable(f"its defaults.{member} are no list of texts")
    return tuple(names)


def _switch(value: object) -> bool | None:
    return bool(value) if isinstance(value, int) else None


async def has_keys(connection: AsyncConnection) -> bool:
    """Whether there ever was a key: a gateway that was guarded once lets nobody in without one."""
    return (await connection.execute(sa.select(schema.api_key.c.id).limit(1))).first() is not None


class KeyLoader:
    """Reads gateway keys, and after the first time only those that changed: of 100,000 keys a change touches one."""

    def __init__(self) -> None:
        self._keys: dict[bytes, GatewayKey] = {}
        self._all: tuple[GatewayKey, ...] = ()
        self._told: dict[str, str] = {}
        """What is wrong with rows, by the key's id."""
        self._workspaces: Mapping[str, Workspace] = {}

    async def load(
        self,
        connection: AsyncConnection,
        workspaces: Mapping[str, Workspace],
        changed: Collection[str] | None,
        limits: Mapping[str, tuple[Applied, ...]],
        problems: list[str],
    ) -> tuple[GatewayKey, ...]:
        """The keys that may call models: one for each secret of a key. ``changed`` are the ids of the keys that are
        read, also of those that are gone; None: all keys. ``limits`` are all keys' own, by the key's id.

        A row with a problem means what it meant before, if anything, and adds a sentence to ``problems``; the key of a
        workspace that isn't active means nothing.
        """
        others = _differing(self._workspaces, workspaces)
        if changed is None or changed or others:
            reading = _Reading(workspaces, limits, self._keys)
            await read_in_parts(connection, _query(changed, others), reading.use)
            if changed is None:
                self._keys, self._told = reading.keys, reading.told
            else:
                self._replace(changed, others, reading)
            self._workspaces = workspaces
            self._all = tuple(self._keys.values())
        problems += self._told.values()
        return self._all

    def _replace(self, changed: Collection[str], others: Collection[str | None], reading: _Reading) -> None:
        """Replace the keys that were read; a key that was not found any more is gone."""
        gone = [
            digest
            for digest, key in self._keys.items()
            if (key.id in changed or key.workspace in others) and digest not in reading.keys
        ]
        for digest in gone:
            del self._keys[digest]
        for id_ in (*changed, *reading.ids):
            self._told.pop(id_, None)
        self._keys |= reading.keys
        self._told |= reading.told


def _differing(old: Mapping[str, Workspace], new: Mapping[str, Workspace]) -> frozenset[str | None]:
    """The workspaces that do not set the same for their keys."""
    return frozenset([id_ for id_ in old.keys() | new.keys() if old.get(id_) != new.get(id_)])


def _query(changed: Collection[str] | None, workspaces: Collection[str | None]) -> sa.Select[Any]:
    """The rows of the keys that changed, and of all keys of some workspaces."""
    if changed is None:
        return _KEYS
    return _KEYS.where(sa.or_(schema.api_key.c.id.in_(changed), schema.api_key.c.workspace_id.in_(workspaces)))


class _Reading:
    """Makes keys of rows: ``keys`` by their digest, and in ``told`` what is wrong with a row, by the key's id. ``ids``
    are those of all rows."""

    def __init__(
        self,
        workspaces: Mapping[str, Workspace],
        limits: Mapping[str, tuple[Applied, ...]],
        known: Mapping[bytes, GatewayKey],
    ) -> None:
        self.keys: dict[bytes, GatewayKey] = {}
        self.told: dict[str, str] = {}
        self.ids: set[str] = set()
        self._workspaces = workspaces
        self._known = known
        self._maker = _KeyMaker(workspaces, limits)

    def use(self, rows: Sequence[Any]) -> None:
        for row in rows:
            self.ids.add(row.id)
            if row.workspace_id is not None and row.workspace_id not in self._workspaces:
                continue
            digest = bytes(row.digest)
            before = self._known.get(digest)
            try:
                key: GatewayKey | None = self._maker.key(row)
            except Unusable as unusable:
                self.told[row.id] = f"the gateway key {row.name}: {unusable}"
                key = before
            if key is not None:
                # Values that stay are the same ones: whoever compares two catalogues is done with them at once.
                key = before if before is not None and before == key else key
                self.keys[key.digest] = key


def _aliases(text: str | None) -> ModelAliases | None:
    if text is None:
        return None
    aliases, problems = of_stored_key(read_object(text, "model_aliases"))
    if problems:
        raise Unusable(problems[0])
    return aliases


class _Demands(NamedTuple):
    """What many keys have in common."""

    metadata: Mapping[str, str]
    restrictions: Restrictions | None
    may_log_content: bool


class _KeyMaker:
    """Makes keys of rows. Rows that demand the same share the value: of 100,000 keys few differ in it."""

    def __init__(self, workspaces: Mapping[str, Workspace], limits: Mapping[str, tuple[Applied, ...]]) -> None:
        self._workspaces = workspaces
        self._limits = limits
        self._demands: dict[tuple[object, ...], _Demands] = {}

    def key(self, row: Any) -> GatewayKey:
        """The key of a row. Raises Unusable."""
        workspace = self._workspaces[row.workspace_id] if row.workspace_id is not None else _NO_WORKSPACE
        if workspace.problem is not None:
            raise Unusable(workspace.problem)
        models, providers = _list(row, "allowed_models"), _list(row, "allowed_providers")
        columns = (
            row.workspace_id, row.labels, row.metadata, row.scopes, row.allowed_ips, row.expires_at, row.valid_until,
            row.user_name,
        )  # fmt: skip
        demands = self._demands.get(columns)
        if demands is None:
            demands = self._demands[columns] = _demands(row, workspace)
        return GatewayKey(
            row.name,
            bytes(row.digest),
            config=row.config or workspace.config,
            labels=demands.metadata,
            models=models,
            virtual_keys=None if providers is None else frozenset(providers),
            providers=None if providers is None else frozenset(),
            id=row.id,
            workspace=row.workspace_id,
            inline_configs=not workspace.blocks_inline_configs,
            pins_config=not row.allow_config_override,
            restrictions=demands.restrictions,
            limits=self._limits.get(row.id, ()),
            exposes_cost=row.expose_cost,
            logs_content=workspace.logs_content if row.log_content is None else row.log_content,
            may_log_content=demands.may_log_content,
            aliases=_aliases(row.model_aliases),
            input_guardrails=workspace.input_guardrails,
            output_guardrails=workspace.output_guardrails,
        )


_NO_WORKSPACE: Final = Workspace(is_default=False)


def _demands(row: Any, workspace: Workspace) -> _Demands:
    """What a row demands of requests. Raises Unusable."""
    metadata = {**read_labels(row.labels, "labels"), **read_labels(row.metadata, "metadata"), **workspace.metadata}
    user: str | None = None
    if row.user_name is not None and not workspace.lets_users_vary:
        metadata[USER] = row.user_name
    elif row.user_name is not None and USER not in metadata:
        user = row.user_name
    scopes = frozenset(read_texts(row.scopes, "scopes"))
    ends = [moment for moment in (row.expires_at, row.valid_until) if moment is not None]
    restrictions = Restrictions(
        min(ends, default=None),
        None if scopes & _CALLS else scopes,
        None if row.allowed_ips is None else _networks(row.allowed_ips),
        metadata,
        tuple(name for name in workspace.required_metadata if name not in metadata and not (user and name == USER)),
        user,
    )
    return _Demands(metadata, None if restrictions == NONE else restrictions, _CONTENT in scopes)


@functools.lru_cache(1024)
def _networks(text: str) -> tuple[Network, ...]:
    """A list of addresses and networks. Raises Unusable."""
    try:
        return tuple(ip_network(each, strict=False) for each in read_texts(text, "allowed_ips"))
    except ValueError as error:
        raise Unusable(f"its allowed_ips have an entry that is no address and no network: {error}") from None


def _list(row: Any, column: str) -> tuple[str, ...] | None:
    text = getattr(row, column)
    return None if text is None else read_texts(text, column)


_CONFIGS: Final = sa.select(
    schema.config.c.id, schema.config.c.slug, schema.config.c.workspace_id, schema.config.c.is_default
).where(schema.config.c.status == "active")
_WORKSPACES: Final = sa.select(
    schema.workspace.c.id,
    schema.workspace.c.slug,
    schema.workspace.c.is_default,
    schema.workspace.c.defaults,
    schema.workspace.c.settings,
    schema.workspace.c.required_metadata,
).where(schema.workspace.c.status == "active")


_IS_OWNER: Final = sa.and_(schema.api_key.c.kind == "workspace-user", schema.user.c.id == schema.api_key.c.user_id)
_KEYS: Final = (
    sa.select(
        schema.api_key.c.id,
        schema.api_key_secret.c.digest,
        schema.api_key_secret.c.valid_until,
        schema.config.c.slug.label("config"),
        schema.user.c.name.label("user_name"),
        schema.api_key.c.workspace_id,
        schema.api_key.c.name,
        schema.api_key.c.expires_at,
        schema.api_key.c.allow_config_override,
        schema.api_key.c.scopes,
        schema.api_key.c.metadata,
        schema.api_key.c.labels,
        schema.api_key.c.allowed_models,
        schema.api_key.c.allowed_providers,
        schema.api_key.c.allowed_ips,
        schema.api_key.c.expose_cost,
        schema.api_key.c.log_content,
        schema.api_key.c.model_aliases,
    )
    .select_from(schema.api_key)
    .join(schema.api_key_secret)
    .outerjoin(schema.config, schema.config.c.id == schema.api_key.c.default_config_id)
    .outerjoin(schema.user, _IS_OWNER)
    .where(schema.api_key.c.kind.in_(_DATA_PLANE), schema.api_key.c.status.in_(("active", "expired")))
    .order_by(schema.api_key.c.id, schema.api_key_secret.c.id)
)
"""The rows of the keys that may call models, one for each secret of a key. What else than a key's row they show,
triggers know (schema/changed_keys.py)."""

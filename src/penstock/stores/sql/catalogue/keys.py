"""The rows of workspaces and of their gateway keys, as values of the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.json_text import write_json
from penstock.limits.applied import Applied
from penstock.stores.catalogue import GatewayKey
from penstock.stores.definition import Unusable
from penstock.stores.sql import schema
from penstock.stores.sql.catalogue.changes import in_parts, read_in_parts
from penstock.stores.sql.catalogue.key_maker import KeyMaker, OwnValues, Workspace
from penstock.stores.sql.json_columns import read_labels, read_object, read_switch, read_texts

_DATA_PLANE: Final = ("workspace-service", "workspace-user")
"""The kinds of keys that may call models: an administrator's may not."""


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
    metadata = write_json(defaults.get("metadata") or {}).decode()
    return Workspace(
        row.is_default,
        slugs.get(config, config) if config else default,
        read_labels(metadata, "defaults.metadata"),
        read_texts(row.required_metadata, "required_metadata"),
        logs_content=read_switch(settings.get("debug_log")),
        lets_users_vary=read_switch(settings.get("user_key_metadata_override")) is True,
        blocks_inline_configs=read_switch(settings.get("block_inline_config")) is True,
        input_guardrails=_names(defaults, "input_guardrails"),
        output_guardrails=_names(defaults, "output_guardrails"),
    )


def _names(defaults: Mapping[str, Any], member: str) -> tuple[str, ...]:
    names = defaults.get(member) or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Unusable(f"its defaults.{member} are no list of texts")
    return tuple(names)


async def has_keys(connection: AsyncConnection) -> bool:
    """Whether there ever was a key: a gateway that was guarded once lets nobody in without one."""
    return (await connection.execute(sa.select(schema.api_key.c.id).limit(1))).first() is not None


class KeyLoader:
    """Reads gateway keys, and after the first time only those that changed: of 100,000 keys a change touches one. Where
    a workspace sets something else for its keys, they are made anew of what is known of them."""

    def __init__(self) -> None:
        self._keys: dict[bytes, GatewayKey] = {}
        self._own: dict[bytes, OwnValues] = {}
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
            if changed is not None and others:
                known = frozenset([each for each in others if _is_known(self._workspaces, workspaces, each)])
                await self._make_anew(workspaces, known)
                # Rows with a problem are read: what they mean may be known now.
                changed, others = frozenset([*changed, *self._told]), others - known
            reading = _Reading(workspaces, limits, self._keys)
            await read_in_parts(connection, _query(changed, others), reading.use)
            if changed is None:
                self._keys, self._own, self._told = reading.keys, reading.own, reading.told
            else:
                self._replace(changed, others, reading)
            self._workspaces = workspaces
            self._all = tuple(self._keys.values())
        problems += self._told.values()
        return self._all

    async def _make_anew(self, workspaces: Mapping[str, Workspace], of: Collection[str | None]) -> None:
        """Make the keys of some workspaces anew: requests are served between two parts."""
        maker, keys = KeyMaker(workspaces, {}), self._keys

        def make(part: Sequence[bytes]) -> None:
            for digest in part:
                keys[digest] = maker.again(keys[digest], self._own[digest])

        await in_parts([digest for digest, key in keys.items() if key.workspace in of], make)

    def _replace(self, changed: Collection[str], others: Collection[str | None], reading: _Reading) -> None:
        """Replace the keys that were read; a key that was not found any more is gone."""
        gone = [
            digest
            for digest, key in self._keys.items()
            if (key.id in changed or key.workspace in others) and digest not in reading.keys
        ]
        for digest in gone:
            del self._keys[digest]
            del self._own[digest]
        for id_ in (*changed, *reading.ids):
            self._told.pop(id_, None)
        self._keys |= reading.keys
        self._own |= reading.own
        self._told |= reading.told


def _is_known(old: Mapping[str, Workspace], new: Mapping[str, Workspace], id_: str | None) -> bool:
    """Whether all keys of a workspace are known: it was, and is, in order."""
    both = [each.get(id_) for each in (old, new)] if id_ is not None else [None]
    return all(each is not None and each.problem is None for each in both)


def _differing(old: Mapping[str, Workspace], new: Mapping[str, Workspace]) -> frozenset[str | None]:
    """The workspaces that do not set the same for their keys."""
    return frozenset([id_ for id_ in old.keys() | new.keys() if old.get(id_) != new.get(id_)])


def _query(changed: Collection[str] | None, workspaces: Collection[str | None]) -> sa.Select[Any]:
    """The rows of the keys that changed, and of all keys of some workspaces."""
    if changed is None:
        return _KEYS
    return _KEYS.where(sa.or_(schema.api_key.c.id.in_(changed), schema.api_key.c.workspace_id.in_(workspaces)))


class _Reading:
    """Makes keys of rows: ``keys`` and their ``own`` values by their digest, and in ``told`` what is wrong with a row,
    by the key's id. ``ids`` are those of all rows."""

    def __init__(
        self,
        workspaces: Mapping[str, Workspace],
        limits: Mapping[str, tuple[Applied, ...]],
        known: Mapping[bytes, GatewayKey],
    ) -> None:
        self.keys: dict[bytes, GatewayKey] = {}
        self.own: dict[bytes, OwnValues] = {}
        self.told: dict[str, str] = {}
        self.ids: set[str] = set()
        self._workspaces = workspaces
        self._known = known
        self._maker = KeyMaker(workspaces, limits)

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
                self.own[key.digest] = self._maker.own(row)


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

"""The rows of the database as a catalogue: the same virtual keys, configs and gateway keys as penstock.toml holds.

A row that can't be used keeps what it meant before, is named among the problems, and stops no other.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from penstock.core.json_text import read_json, read_json_or_none
from penstock.core.secret import Secret
from penstock.core.virtual_key import End
from penstock.stores.catalogue import EMPTY, Catalogue, SavedConfig, SavedGuardrail, VirtualKey
from penstock.stores.config_definitions import saved_configs
from penstock.stores.definition import Definition, Unusable
from penstock.stores.references import FILE, References
from penstock.stores.sql import schema
from penstock.stores.sql.catalogue.changes import changed_keys
from penstock.stores.sql.catalogue.keys import KeyLoader, has_keys, read_workspaces
from penstock.stores.sql.catalogue.limits import LimitLoader
from penstock.stores.sql.database import revision
from penstock.stores.sql.json_columns import read_object
from penstock.stores.sql.keyring import Keyring
from penstock.stores.sql.own_prices import read_own_prices
from penstock.stores.sql.prices import read_active
from penstock.stores.sql.secrets import open_all
from penstock.stores.virtual_key_definitions import virtual_key

NEVER: Final = 2**63
"""A moment that does not come."""
CREDENTIAL: Final = "key"
"""The field of an integration's own credential; its other secrets are named after the configuration they belong to."""
CUSTOM_HEADERS: Final = "custom_headers"
"""The field of an integration's own header fields: one secret, an object of texts in JSON."""
_FILES_ARE_READ_AGAIN: Final = 300 * 10**6
"""Microseconds after which a file with a credential is read again: nothing tells when it changes."""


class Loaded(msgspec.Struct, frozen=True):
    """A catalogue, the revision at which it was read, and a sentence for each row that can't be used.

    ``expires`` is when the first row that is in force ends, in microseconds since 1970: the catalogue is then to be
    read anew, though nobody changed anything.
    """

    catalogue: Catalogue
    revision: int
    problems: tuple[str, ...]
    expires: int


class _Integration(msgspec.Struct):
    """What other tables hold of an integration: its secrets by field, why others can't be read, its enabled models."""

    secrets: dict[str, Secret] = {}
    problems: list[str] = []
    models: list[str] = []


class Loader:
    """Reads the catalogue; of gateway keys, after the first time, those that changed. It reads once at a time.
    ``providers`` are the slugs there are. ``resolve`` fetches what an integration's reference (``env:NAME``) leads to,
    or raises Unusable.

    Configs are not judged here: what they name may stand in penstock.toml, or come later. A request that uses a config
    with a problem is refused with that problem.
    """

    def __init__(
        self, keyring: Keyring, providers: Collection[str], resolve: Callable[[str], str] | None = None
    ) -> None:
        self._keyring = keyring
        self._providers = providers
        self._resolve = resolve or References(os.environ).resolve
        self.forget()

    def forget(self) -> None:
        """Read all keys and their limits again: another database is there, whose versions of rows are others."""
        self._keys = KeyLoader()
        self._limits = LimitLoader()
        self.doubt()

    def doubt(self) -> None:
        """Read all keys and their limits again, whatever the revision; rows that can't be used keep what they mean."""
        self._revision = -1
        """The revision up to which keys and their limits are known."""

    async def load(self, connection: AsyncConnection, now: int, before: Catalogue = EMPTY) -> Loaded:
        """The catalogue at ``now``, in microseconds since 1970. ``before`` is what rows that can't be used mean."""
        problems: list[str] = []
        ends = _Ends(now)
        workspaces = await read_workspaces(connection, problems)
        integrations = await self._integrations(connection)
        rows = [row for row in await connection.execute(_PROVIDERS) if row.workspace_id in workspaces]
        over = {row.slug: end for row in rows if (end := ends.of(row)) is not None}
        if any(FILE in row.secret_mappings for row in rows if row.slug not in over):
            ends.first = min(ends.first, now + _FILES_ARE_READ_AGAIN)
        virtual_keys = _usable(
            [row for row in rows if row.slug not in over],
            lambda row, of_row: self._virtual_key(row, integrations[row.integration_id], of_row),
            before.virtual_keys,
            problems,
        )
        # Whatever else is wrong with a row that is over, it is over: it never means what it meant before.
        virtual_keys |= {row.slug: _over(row, over[row.slug]) for row in rows if row.slug in over}
        configs = _usable(
            [row for row in await connection.execute(_CONFIGS) if row.workspace_id in workspaces],
            _saved_config,
            before.configs,
            problems,
        )
        guardrails = _usable(
            [row for row in await connection.execute(_GUARDRAILS) if row.workspace_id in workspaces],
            _saved_guardrail,
            {each.name: each for each in before.saved_guardrails.values()},
            problems,
        )
        ids = {row.id: row.slug for row in await connection.execute(_GUARDRAILS)}
        guardrails |= {id_: guardrails[slug] for id_, slug in ids.items() if slug in guardrails}
        number = await revision(connection)
        if number < self._revision:
            self.forget()  # the database was put back to an older state
        changed = await changed_keys(connection, self._revision) if self._revision >= 0 else None
        limits = await self._limits.of_keys(connection, changed, problems)
        keys = await self._keys.load(connection, workspaces, changed, limits, problems)
        self._revision = number
        own_prices = await read_own_prices(connection, before.own_prices, problems)
        price_table = await read_active(connection, before.price_table, problems)
        is_guarded = await has_keys(connection)
        catalogue = Catalogue(
            virtual_keys,
            configs,
            keys,
            is_guarded=is_guarded,
            default_workspace=next((id_ for id_, each in workspaces.items() if each.is_default), None),
            price_table=price_table,
            own_prices=own_prices,
            saved_guardrails=guardrails,
        )
        catalogue = await self._limits.add(connection, catalogue, problems)
        return Loaded(catalogue, number, tuple(problems), ends.first)

    async def _integrations(self, connection: AsyncConnection) -> defaultdict[str, _Integration]:
        """Integrations by their id: empty for an integration of which other tables hold nothing."""
        integrations: defaultdict[str, _Integration] = defaultdict(_Integration)
        opened = await open_all(connection, self._keyring, "integration")
        for (id_, field), secret in opened.values.items():
            integrations[id_].secrets[field] = secret
        for (id_, _), problem in opened.problems.items():
            integrations[id_].problems.append(problem)
        for row in await connection.execute(_MODELS):
            integrations[row.integration_id].models.append(row.model)
        return integrations

    def _virtual_key(self, row: Any, integration: _Integration, problems: list[str]) -> VirtualKey:
        values: dict[str, Any] = {}
        references: Mapping[str, Any] = {}
        try:
            values |= read_object(row.configurations, "configurations")
            references = read_object(row.secret_mappings, "secret_mappings")
        except Unusable as unusable:
            problems.append(f"the provider {row.slug}: {unusable}")
        beginning = f"the provider {row.slug}: a secret of its integration can't be read"
        problems += [f"{beginning}: {problem}" for problem in integration.problems]
        secrets = {**integration.secrets, **self._referenced(references, beginning, problems)}
        credential = secrets.pop(CREDENTIAL, None)
        values |= {field: secret.reveal() for field, secret in secrets.items()}
        headers = values.pop(CUSTOM_HEADERS, None)
        if headers is not None:
            values["headers"] = read_json_or_none(headers.encode())
        host = values.pop("custom_host", None)
        if host:
            values["base_url"] = host
        values["provider"] = row.provider
        if not row.allow_all_models:
            values["models"] = integration.models
        if credential is not None:
            values["credential"] = CREDENTIAL
        definition = Definition("providers", row.slug, values, problems)
        key = virtual_key(definition, self._providers, lambda _: _reveal(credential))
        return msgspec.structs.replace(key, workspace=row.workspace_id, judges_host=key.base_url is not None)

    def _referenced(self, references: Mapping[str, Any], beginning: str, problems: list[str]) -> dict[str, Secret]:
        """The secrets that the references of an integration lead to, by field."""
        secrets: dict[str, Secret] = {}
        for field, reference in references.items():
            try:
                secrets[field] = Secret(self._resolve(str(reference)))
            except Unusable as unusable:
                problems.append(f"{beginning}: {unusable}")
        return secrets


def _over(row: Any, end: End) -> VirtualKey:
    """A virtual key that is not in force: its name is known, and an attempt at it fails."""
    return VirtualKey(row.slug, row.provider, workspace=row.workspace_id, end=end)


def _saved_config(row: Any, problems: list[str]) -> SavedConfig:
    definition = Definition("configs", row.slug, {}, problems)
    config = saved_configs([definition], lambda _: _body(row.body), None, {})[row.slug]
    return msgspec.structs.replace(config, workspace=row.workspace_id)


def _saved_guardrail(row: Any, _: list[str]) -> SavedGuardrail:
    return SavedGuardrail(row.slug, row.body.encode(), row.workspace_id)


_ACTIVE: Final = "active"
_GUARDRAILS: Final = sa.select(
    schema.guardrail.c.id, schema.guardrail.c.slug, schema.guardrail.c.workspace_id, schema.guardrail.c.body
).where(schema.guardrail.c.status == _ACTIVE)
_PROVIDERS: Final = (
    sa.select(
        schema.provider.c.slug,
        schema.provider.c.status,
        schema.provider.c.expires_at,
        schema.provider.c.integration_id,
        schema.provider.c.workspace_id,
        schema.integration.c.provider,
        schema.integration.c.configurations,
        schema.integration.c.secret_mappings,
        schema.integration.c.allow_all_models,
        sa.or_(
            schema.integration.c.workspace_id.is_not(None),
            sa.func.coalesce(schema.integration_workspace.c.is_enabled, schema.integration.c.is_for_every_workspace),
        ).label("is_granted"),
    )
    .select_from(schema.provider)
    .join(schema.integration)
    .outerjoin(
        schema.integration_workspace,
        sa.and_(
            schema.integration_workspace.c.integration_id == schema.provider.c.integration_id,
            schema.integration_workspace.c.workspace_id == schema.provider.c.workspace_id,
        ),
    )
    .order_by(schema.provider.c.slug)
)
_MODELS: Final = sa.select(schema.integration_model.c.integration_id, schema.integration_model.c.model).where(
    schema.integration_model.c.is_enabled
)
_CONFIGS: Final = (
    sa.select(schema.config.c.slug, schema.config.c.workspace_id, schema.config_version.c.body)
    .join(schema.config_version, schema.config_version.c.id == schema.config.c.version_id)
    .where(schema.config.c.status == _ACTIVE)
    .order_by(schema.config.c.slug)
)
_T = TypeVar("_T")


def _usable(
    rows: Iterable[Any], make: Callable[[Any, list[str]], _T], before: Mapping[str, _T], problems: list[str]
) -> dict[str, _T]:
    """What each row means, by its slug; a row with a problem means what it meant before, if anything.

    ``make`` adds a row's problems to the list that it gets.
    """
    values: dict[str, _T] = {}
    for row in rows:
        of_row: list[str] = []
        value = make(row, of_row)
        problems += of_row
        known = before.get(row.slug)
        if known is not None and (of_row or known == value):
            values[row.slug] = known
        elif not of_row:
            values[row.slug] = value
    return values


class _Ends:
    """Which rows are over at a moment, and when the first of the others ends."""

    def __init__(self, now: int) -> None:
        self._now = now
        self.first = NEVER

    def of(self, row: Any) -> End | None:
        """Why a provider is not in force: past its end, or switched off, by itself or for its workspace."""
        if row.expires_at is not None and row.expires_at <= self._now:
            return "expired"
        if row.expires_at is not None:
            self.first = min(self.first, row.expires_at)
        return None if row.status == _ACTIVE and row.is_granted else "disabled"


def _body(text: str) -> object:
    try:
        return read_json(text.encode())
    except ValueError:
        raise Unusable("the config is no JSON") from None


def _reveal(credential: Secret | None) -> str:
    if credential is None:
        raise Unusable("the integration holds no key")
    return credential.reveal()

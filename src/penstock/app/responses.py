"""The composition root's part for responses that the gateway keeps: their form, their rows, their retention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penstock.app.store import now
from penstock.settings import Settings, SettingsError
from penstock.settings.responses import Responses
from penstock.stores.sql.control_store import ControlStore

if TYPE_CHECKING:
    from penstock.pipeline.keeping.conversations import Conversations, Form
    from penstock.stores.sql.kept_response import KeptResponse


def conversations_of(settings: Settings, stored: ControlStore | None) -> Conversations | None:
    """What the gateway keeps of responses; None where that is off. Raises SettingsError where there is no database."""
    responses = settings.responses
    if not responses.store:
        return None
    if stored is None:
        problem = "responses.store: there is no database to keep responses in: see store.database"
        raise SettingsError([problem], settings)
    from penstock.pipeline.keeping.conversations import Conversations  # loaded where responses are kept

    return Conversations(
        form_of_kept(), _Rows(stored, responses), responses.retention_days, responses.max_response_bytes, now
    )


def form_of_kept() -> Form:
    """Kept responses in the only wire that has them."""
    from penstock.dialects.responses import stored_responses as wire
    from penstock.pipeline.keeping.conversations import Form

    return Form(
        wire.references,
        wire.history,
        wire.continued,
        wire.items_of,
        wire.input_page,
        wire.deleted,
        wire.is_response,
        wire.LastEvent,
    )


class _Rows:
    """The database of kept responses, opened when it is first needed."""

    def __init__(self, stored: ControlStore, settings: Responses) -> None:
        self._stored = stored
        self._settings = settings

    async def read(self, id_: str, owner: bytes) -> KeptResponse | None:
        from penstock.stores.sql.response_rows import read_response

        return await read_response(await self._stored.open(), self._stored.keyring, id_, owner, now())

    async def write(self, kept: Sequence[KeptResponse]) -> None:
        from penstock.stores.sql.response_rows import Bounds, write_responses

        bounds = Bounds(self._settings.max_responses, self._settings.max_key_bytes)
        await write_responses(await self._stored.open(), self._stored.keyring, kept, bounds)

    async def delete(self, id_: str, owner: bytes) -> bool:
        from penstock.stores.sql.response_rows import delete_response

        return await delete_response(await self._stored.open(), id_, owner, now())

    async def clean(self) -> None:
        from penstock.stores.sql.response_rows import delete_ended

        await delete_ended(await self._stored.open(), now())

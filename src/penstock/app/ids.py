"""The composition root's part for ids that are bound to their account: with which secrets."""

from __future__ import annotations

import logging
from typing import Final

from penstock.app.store import data_folder
from penstock.settings import Settings
from penstock.stores.own_secret import own_secret
from penstock.stores.sql.control_store import ControlStore
from penstock.stores.sql.place import Place

_LOG: Final = logging.getLogger("penstock")
_FILE: Final = "ids.secret"
_FOLDER_MODE: Final = 0o700
_SQLITE: Final = "sqlite"


def id_secrets(settings: Settings, place: Place, stored: ControlStore | None) -> tuple[bytes, ...]:
    """The secrets that bind ids, and read them; none where ids pass as they are.

    Replicas bind ids only with a secret that all of them have: an id of one would be unknown to the others.
    """
    if not settings.ids.bound:
        return ()
    if settings.ids.secret:
        return (settings.ids.secret.encode(),)
    if stored is not None and stored.keyring.derived:
        return stored.keyring.derived
    folder, are_several = data_folder(settings, place), settings.store.redis or not _is_local(place)
    if folder is None or are_several:
        return ()
    try:
        folder.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
        return (own_secret(folder / _FILE),)
    except OSError as error:
        _LOG.warning("ids of files, batches and responses are not bound to their account: %s", error)
        return ()


def _is_local(place: Place) -> bool:
    """Whether the database, if there is one, is this machine's."""
    return not place.address or place.address.startswith(_SQLITE)

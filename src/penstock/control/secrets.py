"""The rotation of the keys that encrypt secrets: asked for on the command line, told in the audit log.

Source: docs/control-plane.md#secrets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.control.actor import Actor
from penstock.control.audit import Entry
from penstock.control.plane import ControlPlane
from penstock.control.refusal import Problem, invalid
from penstock.stores.sql import secrets
from penstock.stores.sql.keyring import KeyringError


async def rotate(plane: ControlPlane, actor: Actor, tell: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Encrypt everything with the keyring's first key; ``tell`` gets the number of secrets so far, after each batch.

    Raises Refusal without a key, and for a secret that no key opens.
    """
    if plane.keyring.is_empty:
        text = "there is no key: run `penstock secrets new-key`, and put its line first in PENSTOCK_SECRET_KEYS"
        raise invalid([Problem("", text)])
    try:
        count = await secrets.rotate(plane.database, plane.keyring, tell)
    except KeyringError as error:
        raise invalid([Problem("", f"a secret can't be encrypted anew: {error}")]) from None
    if count:
        async with plane.change(actor, revises=False) as change:
            change.record(Entry("rotate", "secrets", plane.keyring.first, after={"rotated": count}))
    return {"key": plane.keyring.first, "rotated": count}

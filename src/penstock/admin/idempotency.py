"""Idempotency keys of the admin API: a repeated POST with the same key and body gets the answer of the first.

The key is claimed in the transaction of the change (control/plane.py). The answer may hold a new key's text, so it is
encrypted with a key that comes from the caller's own key and the idempotency key, neither of which the database holds.
Source: docs/control-plane.md#idempotency.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from typing import Final

import msgspec
import sqlalchemy as sa

from penstock.admin.answer import Answer
from penstock.admin.route import AdminCall, Handler
from penstock.control.actor import IdempotencyKey
from penstock.control.plane import Repeated, now
from penstock.control.refusal import Refusal, Why
from penstock.core.json_text import read_json
from penstock.core.secret import Secret
from penstock.stores.sql.database import Database
from penstock.stores.sql.keyring import NONCE_BYTES, Keyring, KeyringError, Sealed, SecretPlace
from penstock.stores.sql.schema import idempotency

HEADER: Final = "idempotency-key"
_LONGEST: Final = 255
_KEPT: Final = 24 * 3600 * 1_000_000
"""Microseconds that an answer is kept."""
_NAME: Final = "once"


class Claim(msgspec.Struct, frozen=True):
    """An idempotency key of one request: what is stored of it, and what opens the stored answer."""

    key: IdempotencyKey
    keyring: Keyring

    async def answer(self, call: AdminCall, handler: Handler) -> Answer:
        """The answer of a handler, or that of an earlier request with this key. Raises Refusal."""
        database = call.plane.database
        earlier = await self._earlier(database)
        if earlier is not None:
            return earlier
        actor = msgspec.structs.replace(call.actor, idempotency_key=self.key)
        try:
            answer = await handler(msgspec.structs.replace(call, actor=actor))
        except Repeated:
            earlier = await self._earlier(database)
            if earlier is None:
                raise Refusal(Why.CONFLICT, "a request with this idempotency-key came at the same time") from None
            return earlier
        await self.keep(database, answer)
        return answer

    async def _earlier(self, database: Database) -> Answer | None:
        """The answer to an earlier request with this key; None if there was none. Raises Refusal."""
        async with database.read() as connection:
            query = sa.select(idempotency).where(idempotency.c.digest == self.key.digest)
            row = (await connection.execute(query)).one_or_none()
        if row is None or row.expires_at <= now():
            return None
        if bytes(row.body) != self.key.body:
            raise Refusal(Why.CONFLICT, "this idempotency-key came before with another request: use a new one")
        if row.answer is None:
            raise Refusal(
                Why.CONFLICT,
                "a request with this idempotency-key was carried out, and its answer is not at hand: look at the list "
                "of what it made",
                retry_after=1,
            )
        return self._opened(row.status, Sealed(_NAME, bytes(row.nonce), bytes(row.answer)))

    def _opened(self, status: int, sealed: Sealed) -> Answer:
        try:
            text = self.keyring.open(sealed, self._place)
        except KeyringError:
            raise Refusal(Why.CONFLICT, "the answer of this idempotency-key can't be read any more") from None
        return Answer(read_json(text.reveal().encode()), status, {"idempotent-replayed": "true"})

    async def keep(self, database: Database, answer: Answer) -> None:
        """Keep the answer of a change that was made with this key."""
        sealed = self.keyring.seal(Secret(answer.encoded().decode()), self._place, os.urandom(NONCE_BYTES))
        values = {"status": answer.status, "nonce": sealed.nonce, "answer": sealed.ciphertext}
        async with database.write() as connection:
            where = idempotency.c.digest == self.key.digest
            await connection.execute(idempotency.update().where(where).values(**values))

    @property
    def _place(self) -> SecretPlace:
        return SecretPlace("idempotency", self.key.digest.hex(), "answer")


def claim(headers: Mapping[str, str], presented: str, target: str, body: bytes) -> Claim | None:
    """The claim of a request that has an idempotency key. ``presented`` is the caller's key, ``target`` the path with
    its query. Raises Refusal."""
    key = headers.get(HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= _LONGEST:
        raise Refusal(Why.INVALID, f"the header {HEADER} must have 1 to {_LONGEST} characters")
    secret = presented.encode("utf-8", "surrogatepass")
    digest = hmac.new(secret, b"penstock idempotency digest\0" + key.encode(), hashlib.sha256).digest()
    opener = hmac.new(secret, b"penstock idempotency answer\0" + key.encode(), hashlib.sha256).digest()
    whole = hashlib.sha256(target.encode("utf-8", "surrogatepass") + b"\0" + body).digest()
    return Claim(IdempotencyKey(digest, whole, now() + _KEPT), Keyring({_NAME: opener}))

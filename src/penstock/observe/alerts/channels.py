"""Where notices are told: a signed webhook, Slack, mail."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from penstock.core.http import Posted
from penstock.core.json_text import write_json
from penstock.core.lru import Lru
from penstock.observe.alerts.notice import Notice, one_line

_PREFIX: Final = "whsec_"
_SLACK_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@\u2060"})
"""https://docs.slack.dev/messaging/formatting-message-text/#escaping. Callers choose names of models, and
Mattermost and Discord call everybody for ``@all`` and ``@everyone``: a mark that nobody sees stands between."""
_JSON: Final = {"content-type": "application/json"}
_TAKEN: Final = 1000
"""Notices whose mails were taken by some addresses: as many as may wait."""


class Sender(Protocol):
    """Sends one body to one URL."""

    def post(self, body: bytes, headers: dict[str, str]) -> Awaitable[Posted]: ...


class Channel(Protocol):
    """One way to tell people. ``name`` is its name in the store and in metrics."""

    name: str

    async def tell(self, notice: Notice) -> str:
        """Tell a notice once. Returns what went wrong, empty if nothing did."""
        ...


class Webhook:
    """Posts notices as JSON, signed as https://www.standardwebhooks.com has it. ``secret`` is empty for no signature.

    The signature is over id, time and body, so that a receiver can tell an old delivery that is sent again.
    """

    name = "webhook"

    def __init__(self, sender: Sender, secret: str, clock: Callable[[], float] = time.time) -> None:
        self._sender = sender
        self._key = signing_key(secret)
        self._clock = clock

    async def tell(self, notice: Notice) -> str:
        body, moment = write_json(notice.payload), str(int(self._clock()))
        headers = {**_JSON, "webhook-id": notice.id, "webhook-timestamp": moment}
        if self._key:
            headers["webhook-signature"] = signature(self._key, notice.id, moment, body)
        return _problem(await self._sender.post(body, headers))


class Slack:
    """Posts notices to an incoming webhook of Slack, or of what takes the same body (Mattermost, Discord's /slack)."""

    name = "slack"

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def tell(self, notice: Notice) -> str:
        body = write_json({"text": notice.sentence.translate(_SLACK_ESCAPES), "unfurl_links": False})
        return _problem(await self._sender.post(body, {**_JSON}))


class Mail:
    """Sends notices by mail: to ``everybody``, and to those whom ``owners`` names for a notice. ``send`` takes the
    addresses, the subject and the text, and returns what went wrong, by address. Another attempt leaves out the
    addresses that have the mail."""

    name = "mail"

    def __init__(
        self,
        send: Callable[[Sequence[str], str, str], Awaitable[Mapping[str, str]]],
        everybody: Sequence[str],
        owners: Callable[[Notice], Awaitable[Sequence[str]]],
    ) -> None:
        self._send = send
        self._everybody = everybody
        self._owners = owners
        self._taken: Lru[str, frozenset[str]] = Lru(_TAKEN)
        """The addresses that have a notice others still wait for, by the notice's id."""

    async def tell(self, notice: Notice) -> str:
        taken = self._taken.get(notice.id) or frozenset()
        everybody = dict.fromkeys([*self._everybody, *await self._owners(notice)])
        addresses = [each for each in everybody if each not in taken]
        if not addresses:
            return ""
        sentence, data = notice.sentence, notice.data.items()
        lines = [sentence, "", *(f"{name}: {one_line(str(value))}" for name, value in data if value is not None)]
        text = "\n".join([*lines, "", f"id: {notice.id}", ""])
        problems = await self._send(addresses, f"Penstock: {sentence}", text)
        if not problems:
            return ""
        self._taken.put(notice.id, taken.union(addresses) - problems.keys())
        if len(problems) == len(everybody):
            return "; ".join(dict.fromkeys(problems.values()))
        return "; ".join(f"to {address}: {problem}" for address, problem in problems.items())


def signing_key(secret: str) -> bytes:
    """The key of a secret: what follows ``whsec_`` is base64, any other text is the key itself. Raises ValueError for
    base64 that isn't."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"what follows {_PREFIX} must be base64") from None


def signature(key: bytes, notice_id: str, moment: str, body: bytes) -> str:
    """``v1,`` and the HMAC of ``id.timestamp.body`` by SHA-256, in base64."""
    digest = hmac.digest(key, f"{notice_id}.{moment}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def _problem(posted: Posted) -> str:
    if posted.is_taken:
        return ""
    return posted.problem or f"the receiver answers with status {posted.status}"

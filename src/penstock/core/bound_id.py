"""Ids of what a provider keeps, bound to the target that has it and to the tenant who may use it.

``file-abc`` leaves as ``file_pk_…``: a digest of the target, the name by which the target is asked for, the provider's
own id and a code of authentication (HMAC, SHA-256) over all three and the tenant, in URL-safe base64. Nothing is
stored: who has the secret reads every id, in each worker and after each restart.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.core.rare_word import RareWord

MARK: Final = b"_pk_"
"""What every bound id holds."""
RARE_MARK: Final = RareWord(MARK)
"""The same, for a look into requests."""
_MARK: Final = MARK.decode()
_TARGET: Final = 6
_CODE: Final = 12
_LONGEST: Final = 768
_LONGEST_NAME: Final = 255
_KIND: Final = re.compile(r"[a-z]{1,24}")
_BOUND: Final = re.compile(r"[a-z]{1,24}_pk_[A-Za-z0-9_-]{30,}")
"""The form of a bound id, whose shortest has 22 bytes in base64. A key of a caller's own table (``users_pk_12``) has
another."""
_RAW: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{2,255}")
"""What may be an id: anything else in a member of such a name stays."""
_NAMES: Final = frozenset(
    {"id", "training_file", "validation_file", "result_files", "first_id", "last_id", "conversation", "container"}
)
_ENDINGS: Final = ("_id", "_ids")
_OTHERS: Final = frozenset({"custom_id", "call_id", "tool_call_id", "request_id", "organization_id", "project_id"})
"""Members that look like ids and are the caller's own, or no thing that is kept."""
_CALLERS: Final = frozenset({"metadata", "attributes", "item", "datasource_item"})
"""Members whose values are the caller's own, names and all: what it notes of a kept thing, and rows of evals."""
_CALLS: Final = "tool_calls"
"""Members whose values have an ``id`` that a tool's result repeats as ``tool_call_id``."""

ChangeId = Callable[[str], str]
"""(an id) -> what stands in its place."""


class BoundId(NamedTuple):
    """A bound id as it is read: the ``digest`` of its target, the ``name`` by which a request asks for this target
    (empty: by none), and the provider's own id."""

    digest: bytes
    name: str
    raw: str


class Binder(msgspec.Struct, frozen=True):
    """Binds and reads ids for one tenant. The first secret binds, all of them read."""

    secrets: tuple[bytes, ...]
    tenant: str

    def bind(self, raw: str, target: str, name: str = "") -> str:
        """The id that the caller is given for the provider's own at a target, which is asked for by ``name``."""
        kind, named = _KIND.match(raw), name.encode()
        named = named if len(named) <= _LONGEST_NAME else b""
        packed = _digest(target) + bytes([len(named)]) + named + raw.encode()
        text = base64.urlsafe_b64encode(packed + self._code(packed, self.secrets[0])).rstrip(b"=").decode()
        return f"{kind[0] if kind else 'id'}{_MARK}{text}"

    def read(self, bound: str) -> BoundId | None:
        """What an id says; None for an id that isn't bound, or not to this tenant by one of these secrets."""
        kind, mark, text = bound.partition(_MARK)
        if not mark or len(bound) > _LONGEST or not _KIND.fullmatch(kind):
            return None
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            packed, code = data[:-_CODE], data[-_CODE:]
            if not any(hmac.compare_digest(code, self._code(packed, secret)) for secret in self.secrets):
                return None
            digest, named = packed[:_TARGET], packed[_TARGET:]
            end = 1 + named[0]
            return BoundId(digest, named[1:end].decode(), named[end:].decode())
        except (binascii.Error, ValueError, IndexError):
            return None

    def _code(self, packed: bytes, secret: bytes) -> bytes:
        message = self.tenant.encode() + b"\0" + packed
        return hmac.new(secret, message, hashlib.sha256).digest()[:_CODE]


class ReadIds:
    """The bound ids of one request, as they are read.

    ``digest`` is that of their target, ``name`` asks for this target, ``foreign`` is an id that is none of this
    caller's. ``are_apart``: the ids belong to different targets. Without a binder every text stays.
    """

    __slots__ = ("_binder", "are_apart", "digest", "foreign", "name")

    def __init__(self, binder: Binder | None) -> None:
        self._binder = binder
        self.digest: bytes | None = None
        self.name = ""
        self.foreign: str | None = None
        self.are_apart = False

    def read(self, text: str) -> str:
        """The provider's own id for a bound one; any other text as it is."""
        if self._binder is None or not is_bound(text):
            return text
        found = self._binder.read(text)
        if found is None:
            self.foreign = self.foreign or text
            return text
        self.are_apart = self.are_apart or self.digest not in (None, found.digest)
        self.digest, self.name = found.digest, found.name
        return found.raw

    @property
    def failure(self) -> Failure | None:
        """Why no target can be meant."""
        if self.foreign is not None:
            return Failure(Kind.NOT_FOUND, f"There is no '{self.foreign[:64]}' that this gateway key can use.")
        if self.are_apart:
            return Failure(Kind.INVALID_REQUEST, "The request names ids that belong to different targets: name one.")
        return None


def is_digest_of(digest: bytes, target: str) -> bool:
    """Whether a digest is the target's."""
    return hmac.compare_digest(digest, _digest(target))


def is_bound(text: str) -> bool:
    """Whether a text has the form of a bound id, whoever may read it."""
    return _MARK in text and _BOUND.fullmatch(text) is not None


def may_hold_bound(text: str) -> bool:
    """Whether bound ids may stand in a longer text: a path, a query."""
    return _MARK in text


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _RAW.fullmatch(text) is not None


def with_ids(value: Any, change: ChangeId, collections: frozenset[str] = frozenset()) -> Any:
    """A decoded JSON value with each id in it changed, found by the names of members. What the caller itself notes of a
    thing (``metadata``) stays. The value's sender chooses how deep it nests: this walk doesn't recurse.

    ``collections`` are those of a wire in which what is kept has a name such as ``batches/ID``: the id in it is
    changed, and ``metadata`` is the host's own."""
    root: list[Any] = [None]
    waiting: list[tuple[Any, str, Any, Any]] = [(value, "", root, 0)]
    while waiting:
        item, member, parent, place = waiting.pop()
        new: Any
        if member in _CALLERS and not collections:
            new = item
        elif isinstance(item, dict):
            new = dict.fromkeys(item)
            kept = "id" if member == _CALLS else None
            waiting += [(item[name], "" if name == kept else name, new, name) for name in reversed(item)]
        elif isinstance(item, list):
            new = [None] * len(item)
            waiting += [(item[at], member, new, at) for at in range(len(item) - 1, -1, -1)]
        elif not isinstance(item, str):
            new = item
        elif collections and member in _NAMED:
            new = _renamed(item, change, collections)
        else:
            new = change(item) if _names_id(member) and is_id(item) else item
        parent[place] = new
    return root[0]


_NAMED: Final = frozenset("name cachedContent cached_content fileName file_name responsesFile responses_file".split())
"""Members that hold the name of a kept thing, with its collection (https://google.aip.dev/122)."""


def _renamed(name: str, change: ChangeId, collections: frozenset[str]) -> str:
    """A resource's name with its id changed; any other text as it is."""
    collection, slash, raw = name.partition("/")
    return f"{collection}/{change(raw)}" if slash and collection in collections and is_id(raw) else name


def _names_id(name: str) -> bool:
    return name not in _OTHERS and (name in _NAMES or name.endswith(_ENDINGS))


def _digest(target: str) -> bytes:
    return hashlib.sha256(target.encode()).digest()[:_TARGET]

"""Ids of what a provider keeps, bound to the target that has it and to the tenant who may use it.

``file-abc`` leaves as ``file_pk_…``: a digest of the target, the provider's own id and a code of authentication (HMAC,
SHA-256) over both and the tenant, in URL-safe base64. Nothing is stored: who has the secret reads every id, in each
worker and after each restart.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

MARK: Final = b"_pk_"
"""What every bound id holds."""
_MARK: Final = MARK.decode()
_TARGET: Final = 6
_CODE: Final = 12
_LONGEST: Final = 512
_KIND: Final = re.compile(r"[a-z]{1,24}")
_RAW: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{2,255}")
"""What may be an id: anything else in a member of such a name stays."""
_NAMES: Final = frozenset(
    {"id", "training_file", "validation_file", "result_files", "first_id", "last_id", "conversation", "container"}
)
_ENDINGS: Final = ("_id", "_ids")
_OTHERS: Final = frozenset({"custom_id", "call_id", "tool_call_id", "request_id", "organization_id", "project_id"})
"""Members that look like ids and are the caller's own, or no thing that is kept."""

ChangeId = Callable[[str], str]
"""(an id) -> what stands in its place."""


class Binder(msgspec.Struct, frozen=True):
    """Binds and reads ids for one tenant."""

    secret: bytes
    tenant: str

    def bind(self, raw: str, target: str) -> str:
        """The id that the caller is given for the provider's own at a target."""
        kind = _KIND.match(raw)
        packed = _digest(target) + raw.encode()
        text = base64.urlsafe_b64encode(packed + self._code(packed)).rstrip(b"=").decode()
        return f"{kind[0] if kind else 'id'}{_MARK}{text}"

    def read(self, bound: str) -> tuple[bytes, str] | None:
        """The digest of the target and the provider's own id; None for an id that isn't bound, or not to this tenant
        by this secret."""
        kind, mark, text = bound.partition(_MARK)
        if not mark or len(bound) > _LONGEST or not _KIND.fullmatch(kind):
            return None
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            packed, code = data[:-_CODE], data[-_CODE:]
            if len(packed) <= _TARGET or not hmac.compare_digest(code, self._code(packed)):
                return None
            return packed[:_TARGET], packed[_TARGET:].decode()
        except (binascii.Error, ValueError):
            return None

    def _code(self, packed: bytes) -> bytes:
        message = self.tenant.encode() + b"\0" + packed
        return hmac.new(self.secret, message, hashlib.sha256).digest()[:_CODE]


def is_of(digest: bytes, target: str) -> bool:
    """Whether a digest is the target's."""
    return hmac.compare_digest(digest, _digest(target))


def is_bound(text: str) -> bool:
    """Whether a text looks like a bound id, whoever may read it."""
    return _MARK in text


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _RAW.fullmatch(text) is not None


def with_ids(value: Any, change: ChangeId) -> Any:
    """A decoded JSON value with each id in it changed, found by the names of members."""
    return _changed(value, change, named=False)


def _changed(value: Any, change: ChangeId, *, named: bool) -> Any:
    if isinstance(value, dict):
        return {name: _changed(item, change, named=_names_id(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_changed(item, change, named=named) for item in value]
    if named and isinstance(value, str) and is_id(value):
        return change(value)
    return value


def _names_id(name: str) -> bool:
    return name not in _OTHERS and (name in _NAMES or name.endswith(_ENDINGS))


def _digest(target: str) -> bytes:
    return hashlib.sha256(target.encode()).digest()[:_TARGET]

"""Requests for what providers keep: the one target that has it, and ids that say which.

Such a thing belongs to one account, so that a request goes to one target, once. With a secret (``ids.secret``) the ids
of configs with several targets are bound to their target (core/bound_id.py): they are written into replies of JSON, and
read in paths, queries and bodies of JSON. Source: docs/endpoints.md#what-passes-as-it-is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.bound_id import MARK, Binder, is_bound, is_of, with_ids
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import read_json_or_none, write_json
from penstock.pipeline.call import Call
from penstock.pipeline.compile import CompiledPlan
from penstock.routing.plan import Target, leaves

_CHANGING: Final = ("POST", "PATCH")


class _Ids:
    """The bound ids of one request, as they are read: ``digest`` is that of their target."""

    def __init__(self, binder: Binder | None) -> None:
        self._binder = binder
        self.digest: bytes | None = None
        self.is_refused = False

    def read(self, text: str) -> str:
        """The provider's own id for a bound one; any other text as it is."""
        if not is_bound(text):
            return text
        found = None if self._binder is None else self._binder.read(text)
        if found is None or self.digest not in (None, found[0]):
            self.is_refused = True
            return text
        self.digest, raw = found
        return raw


def with_one_target(call: Call, compiled: CompiledPlan, secret: bytes = b"") -> CompiledPlan | Failure:
    """The plan with the one target that a request can mean; bound ids in the request become the provider's own.

    What is made goes to the first target. What has an id that isn't bound is at one of several, and nothing says which.
    """
    targets = leaves(compiled.plan)
    binder = Binder(secret, call.caller.tenant) if secret else None
    ids = _Ids(binder)
    _read_ids(call, ids)
    if ids.is_refused:
        text = "The request names an id that this gateway key can't use, or ids that belong to different targets."
        return Failure(Kind.INVALID_REQUEST, text, call.resource)
    if ids.digest is not None:
        digest = ids.digest
        targets = tuple([target for target in targets if is_of(digest, _name(target))])
        if not targets:
            text = "The request names an id whose target is no longer part of the config: name its provider."
            return Failure(Kind.INVALID_CONFIG, text, "x-portkey-config")
    elif len(targets) > 1 and ("rest" in call.parameters or call.account.method != "POST"):
        return _which(call, len(targets))
    target = targets[0]
    if binder is not None and len(leaves(compiled.plan)) > 1:
        call.bind = _binding(binder, _name(target))
    if call.account.method in _CHANGING:
        target = msgspec.structs.replace(target, retry=None)
    return msgspec.structs.replace(compiled, plan=target)


def _read_ids(call: Call, ids: _Ids) -> None:
    """Put the provider's own ids in the place of bound ones."""
    rest = call.parameters.get("rest", "")
    if is_bound(rest):
        call.parameters = {"rest": "/".join(map(ids.read, rest.split("/")))}
    if is_bound(call.query):
        pairs = [pair.partition("=") for pair in call.query.split("&")]
        call.query = "&".join(f"{name}{equals}{ids.read(value)}" for name, equals, value in pairs)
    if call.request is not None and MARK in call.body:
        changed = with_ids(read_json_or_none(call.body), ids.read)
        call.body = write_json(changed)
        call.request = msgspec.structs.replace(call.request, body=Body.parse(call.body))


def _binding(binder: Binder, name: str) -> Callable[[bytes], bytes]:
    def bind(reply: bytes) -> bytes:
        value = read_json_or_none(reply)
        if not isinstance(value, dict | list):
            return reply
        return write_json(with_ids(value, lambda raw: raw if is_bound(raw) else binder.bind(raw, name)))

    return bind


def _name(target: Target) -> str:
    """What tells one account from another: the virtual key's name, which outlives its credential, or the credential."""
    if target.virtual_key is not None:
        return f"{target.provider}|{target.virtual_key}"
    key = b"" if target.api_key is None else target.api_key.reveal().encode("utf-8", "surrogatepass")
    options = "|".join(f"{name}={value}" for name, value in sorted(target.options.items()))
    host = "" if target.custom_host is None else target.custom_host.origin.authority
    return f"{target.provider}||{hashlib.sha256(key).hexdigest()}|{host}|{options}"


def _which(call: Call, count: int) -> Failure:
    text = (
        f"The config has {count} targets, and {call.resource} are kept by one provider account: say which, with the "
        "header x-portkey-provider or a virtual key."
    )
    return Failure(Kind.INVALID_CONFIG, text, "x-portkey-config")

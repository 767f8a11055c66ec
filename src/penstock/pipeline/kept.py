"""Requests for what providers keep: the one target that has it, and ids that say which.

Such a thing belongs to one account, so that a request for it goes to one target. With a secret (``ids.secret``) the ids
of configs with several accounts, and those of responses whose target only the model named, are bound to their target
(core/bound_id.py): they are written into replies, and read in paths, queries and bodies of JSON. Sources:
docs/endpoints.md#what-passes-as-it-is; docs/responses.md#ids.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

import msgspec

from penstock.core.body import Body
from penstock.core.bound_id import MARK, Binder, ChangeId, is_bound, is_of, with_ids
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import read_json_or_none, write_json
from penstock.pipeline.call import Call
from penstock.pipeline.choice import MODEL
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.off_loop import LARGE
from penstock.providers.row import RESPONSES_WIRE
from penstock.routing.plan import Target, leaves

_CHANGING: Final = ("POST", "PATCH")
_WITH_IDS: Final = ("rest", "id")
"""Parameters of paths that hold ids."""
_NAMING: Final = ("previous_response_id", "conversation")
"""Members that name what the provider of a response keeps."""
_MARK: Final = re.compile(re.escape(MARK))
_REFUSALS: Final = frozenset(
    {
        Kind.NOT_ALLOWED,
        Kind.MODEL_NOT_ALLOWED,
        Kind.UNKNOWN_VIRTUAL_KEY,
        Kind.VIRTUAL_KEY_EXPIRED,
        Kind.VIRTUAL_KEY_DISABLED,
    }
)
"""Why a target that could be used can't be used any more."""

_LISTS: Final = frozenset(
    """
    assistants batches cachedcontents checkpoints completions containers conversations evals files jobs threads uploads
    vector_stores videos
    """.split()
)
"""The last words of paths at which an account's things are listed."""
_MOST_DECODINGS: Final = 4

Keeps = Callable[[Target], bool]
"""Whether a target's host keeps responses at all."""


def deals_with_kept(call: Call) -> bool:
    """Whether a request may be for what a provider keeps, or make such a thing."""
    if call.dialect.name == RESPONSES_WIRE:
        return not call.operation.is_proxy
    return call.resource is not None


def refused_list(call: Call) -> Failure | None:
    """The failure of a request that lists what an account keeps, whoever has made it; also where it passes by
    ``/v1/proxy``. What is listed below an id belongs to whoever knows the id."""
    if not call.operation.is_proxy or call.account.method != "GET":
        return None
    rest = call.parameters.get("rest", "")
    for _ in range(_MOST_DECODINGS):  # some hosts decode again
        rest = unquote(rest)
    segments = [each for each in rest.replace("\\", "/").split("/") if each]
    last = segments[-1].partition(";")[0].lower() if segments else ""
    if call.resource is not None and len(segments) > 1:
        return None
    if last not in _LISTS and (call.resource is None or segments):
        return None
    text = (
        "This gateway's operator lets nobody list what a provider keeps for an account that gateway keys share "
        "(ids.lists): name the id of what you made."
    )
    return Failure(Kind.NOT_ALLOWED, text)


class _Ids:
    """The bound ids of one request, as they are read: ``digest`` is that of their target, ``foreign`` is an id that is
    none of this caller's."""

    def __init__(self, binder: Binder | None) -> None:
        self._binder = binder
        self.digest: bytes | None = None
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
        self.are_apart = self.are_apart or self.digest not in (None, found[0])
        self.digest, raw = found
        return raw

    @property
    def failure(self) -> Failure | None:
        if self.foreign is not None:
            return Failure(Kind.NOT_FOUND, f"There is no '{self.foreign[:64]}' that this gateway key can use.")
        if self.are_apart:
            return Failure(Kind.INVALID_REQUEST, "The request names ids that belong to different targets: name one.")
        return None


def with_one_target(
    call: Call, compiled: CompiledPlan | Failure, secret: bytes = b"", keeps: Keeps | None = None
) -> CompiledPlan | Failure:
    """The plan with the one target that a request can mean; bound ids in the request become the provider's own.

    What is made goes to the first target; a response goes wherever the plan says. An id that isn't bound is at one of
    several accounts, and nothing says which, unless only one of them keeps responses (``keeps``).
    """
    binder = Binder(secret, call.caller.tenant) if secret else None
    ids = _Ids(binder)
    _read_ids(call, ids)
    if isinstance(compiled, Failure):
        return _not_any_more(compiled) if ids.digest is not None and compiled.kind in _REFUSALS else compiled
    failure = ids.failure
    if failure is not None:
        return failure
    targets = leaves(compiled.plan)
    several = len({account_of(target) for target in targets}) > 1
    if binder is not None and (several or ids.digest is not None or call.named_in == MODEL):
        call.bind = _binding(binder)
    if ids.digest is not None:
        digest = ids.digest
        targets = tuple([target for target in targets if is_of(digest, account_of(target))])
        if not targets:
            return _gone()
    elif several and _names_id(call):
        keeping = [target for target in targets if keeps is None or keeps(target)]
        if call.resource is not None or len({account_of(target) for target in keeping}) > 1:
            return _which(call, len(targets))
        targets = tuple(keeping or targets)
    elif call.resource is None and call.operation.has_body:
        return compiled
    return _only(call, compiled, targets[0])


def _only(call: Call, compiled: CompiledPlan, target: Target) -> CompiledPlan:
    """The plan with one target. What changes a thing is sent once, apart from making a response."""
    if call.account.method in _CHANGING and not (call.resource is None and call.operation.has_body):
        target = msgspec.structs.replace(target, retry=None)
    return msgspec.structs.replace(compiled, plan=target)


def _names_id(call: Call) -> bool:
    """Whether the request names what is kept, rather than makes it."""
    if call.resource is not None:
        return "rest" in call.parameters or call.account.method != "POST"
    if "id" in call.parameters:
        return True
    return call.request is not None and any(not call.request.body.is_null(name) for name in _NAMING)


def _read_ids(call: Call, ids: _Ids) -> None:
    """Put the provider's own ids in the place of bound ones. A member of more than ``LARGE`` bytes isn't read."""
    for name in _WITH_IDS:
        path = call.parameters.get(name, "")
        if is_bound(path):
            call.parameters = {**call.parameters, name: "/".join(map(ids.read, path.split("/")))}
    if is_bound(call.query):
        pairs = [pair.partition("=") for pair in call.query.split("&")]
        call.query = "&".join(f"{name}{equals}{ids.read(value)}" for name, equals, value in pairs)
    request = call.request
    if request is None or MARK not in call.body:
        return
    body, changed = request.body, {}
    for name, raw in body.members.items():
        if len(memoryview(raw)) <= LARGE and body.holds(name, _MARK):
            value = {name: read_json_or_none(bytes(raw))}
            other = with_ids(value, ids.read)
            if other != value:
                changed[name] = write_json(other[name])
    if changed:
        call.request = msgspec.structs.replace(request, body=body.replaced(changed))
        if call.resource is not None:
            call.body = Body.parse(call.body).replaced(changed).encode()


def _binding(binder: Binder) -> Callable[[Target], ChangeId]:
    def for_target(target: Target) -> ChangeId:
        account = account_of(target)
        return lambda raw: raw if is_bound(raw) else binder.bind(raw, account)

    return for_target


def bound_json(reply: bytes, change: ChangeId) -> bytes:
    """A reply of JSON with all ids in it bound; any other as it is."""
    value = read_json_or_none(reply)
    return write_json(with_ids(value, change)) if isinstance(value, dict | list) else reply


def account_of(target: Target) -> str:
    """What tells one account from another: the virtual key's name, which outlives its credential, or the credential."""
    if target.virtual_key is not None:
        return f"{target.provider}|{target.virtual_key}"
    key = b"" if target.api_key is None else target.api_key.reveal().encode("utf-8", "surrogatepass")
    options = "|".join(f"{name}={value}" for name, value in sorted(target.options.items()))
    host = "" if target.custom_host is None else target.custom_host.origin.authority
    return f"{target.provider}||{hashlib.sha256(key).hexdigest()}|{host}|{options}"


def _which(call: Call, count: int) -> Failure:
    text = (
        f"The config has {count} targets, and {call.resource or 'responses'} are kept by one provider account: say "
        "which, with the header x-portkey-provider or a virtual key."
    )
    return Failure(Kind.INVALID_CONFIG, text, "x-portkey-config")


def _gone() -> Failure:
    text = (
        "The request names an id whose target is not, or no longer, among the targets that the request may go to: name "
        "its provider or virtual key, as a header or in the path (/@NAME/v1/…), or the config that has it."
    )
    return Failure(Kind.TARGET_GONE, text)


def _not_any_more(failure: Failure) -> Failure:
    text = f"The request names an id, and the targets that may have it can't be used any more: {failure.message}"
    return Failure(Kind.TARGET_GONE, text, failure.param)

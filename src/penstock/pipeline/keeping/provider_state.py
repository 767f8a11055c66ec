"""Requests for state that a provider keeps, as files and responses: the target that has it, and ids that say which.

Such a thing belongs to one account, so that a request for it goes to one target. Where the next request may not name
this target again (it was chosen among several, by the model or as the usual one of the path) ids are bound to it
(core/bound_id.py): they are written into replies, and read in paths, queries and bodies of JSON. A request that names
nothing else goes where its ids say. Sources: docs/endpoints.md#what-passes-as-it-is; docs/responses.md#ids.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.bound_id import (
    MARK,
    RARE_MARK,
    Binder,
    ChangeId,
    ReadIds,
    is_bound,
    is_digest_of,
    may_hold_bound,
    with_ids,
)
from penstock.core.failure import Failure, Kind
from penstock.core.http import segments_at_any_host
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.operation import Operation
from penstock.pipeline.call import Call
from penstock.pipeline.choice import MODEL, NAMING, ONLY_CONFIG
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.off_loop.thread import LARGE
from penstock.providers.row import RESPONSES_WIRE
from penstock.routing.plan import Target, leaves

_CHANGING: Final = ("POST", "PATCH")
_WITH_IDS: Final = ("rest", "id")
"""Parameters of paths that hold ids."""
_NAMING: Final = frozenset({"previous_response_id", "conversation"})
"""Members that name what the provider of a response keeps."""
_MARK: Final = re.compile(re.escape(MARK))
_REFUSALS: Final = frozenset(
    {
        Kind.NOT_ALLOWED,
        Kind.MODEL_NOT_ALLOWED,
        Kind.UNKNOWN_CONFIG,
        Kind.UNKNOWN_PROVIDER,
        Kind.UNKNOWN_VIRTUAL_KEY,
        Kind.VIRTUAL_KEY_DISABLED,
        Kind.VIRTUAL_KEY_EXPIRED,
    }
)
"""Why a target that could be used can't be used any more."""

_MAKING: Final = frozenset({Operation.BATCH_GENERATE, Operation.BATCH_EMBED})
"""Operations of a model that make what is kept: a batch of Gemini's."""
_LISTS: Final = frozenset(
    """
    agents assistants async-invoke batches cachedcontents checkpoints completions containers conversations corpora
    datasets embed-jobs evals files filesearchstores finetuned-models jobs libraries skills threads tunedmodels uploads
    vector_stores videos
    """.split()
)
"""The last words of paths at which an account's things are listed."""
_FILES: Final = frozenset({"content", "output", "results"})
"""The last words of paths, below an id, at which a file is fetched: a container's, a skill's, a video, a batch's."""
_DOWNLOAD: Final = ":download"
"""The same in Google's wire."""

Keeps = Callable[[Target], bool]
"""Whether a target's host keeps responses at all."""


def concerns_provider_state(call: Call) -> bool:
    """Whether a request may be for what a provider keeps, make such a thing, or name it: a chat, say, names files."""
    is_read = call.operation.is_chat or call.dialect.relay.collections
    return _tells_ids(call) or bool(is_read and RARE_MARK.is_in(call.body))


def holds_no_ids(call: Call) -> bool:
    """Whether a request that makes a response names nothing that is kept, by a bound id or any other: most do."""
    request = call.request
    if call.resource is not None or request is None or call.parameters or call.query or RARE_MARK.is_in(call.body):
        return False
    return _NAMING.isdisjoint(request.body.members)


def is_named_alone(call: Call, compiled: CompiledPlan | Failure) -> bool:
    """Whether the caller names the only target of a request, and so names it again in the next one: of a request that
    holds no ids the plan stays then, and the ids in its reply are the provider's own."""
    if not isinstance(compiled, CompiledPlan) or not isinstance(compiled.plan, Target) or call.named_in == MODEL:
        return False
    return bool(call.named_in) or not NAMING.isdisjoint(call.fields)


def _tells_ids(call: Call) -> bool:
    """Whether the reply to a request tells ids of what a provider keeps."""
    if call.dialect.name == RESPONSES_WIRE:
        return not (call.operation.is_proxy or call.operation.is_session)
    return call.resource is not None or call.operation in _MAKING


def refused_list(call: Call) -> Failure | None:
    """The failure of a request that lists what an account keeps, whoever has made it; also where it passes by
    ``/v1/proxy``. What is listed below an id belongs to whoever knows the id."""
    if not call.operation.is_proxy or call.account.method != "GET":
        return None
    segments = segments_at_any_host(call.parameters.get("rest", ""))
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


def read_ids(call: Call, secrets: tuple[bytes, ...]) -> None:
    """Put the provider's own ids in the place of the request's bound ones; ``call.ids`` tells what these say."""
    call.ids = ids = ReadIds(Binder(secrets, call.caller.tenant) if secrets else None)
    for name in _WITH_IDS:
        path = call.parameters.get(name, "")
        if may_hold_bound(path):
            call.parameters = {**call.parameters, name: "/".join([_segment(ids, each) for each in path.split("/")])}
    if may_hold_bound(call.query):
        pairs = [pair.partition("=") for pair in call.query.split("&")]
        call.query = "&".join(f"{name}{equals}{ids.read(value)}" for name, equals, value in pairs)
    _read_body(call, ids)


def _segment(ids: ReadIds, segment: str) -> str:
    """A segment of a path with the provider's own id. A verb may follow it: ``ID:cancel``."""
    bound, colon, verb = segment.partition(":")
    return f"{ids.read(bound)}{colon}{verb}" if is_bound(bound) else segment


def _read_body(call: Call, ids: ReadIds) -> None:
    """As ``read_ids``, in the members of a body. A member of more than ``LARGE`` bytes isn't read."""
    request = call.request
    if request is None or not RARE_MARK.is_in(call.body):
        return
    body, changed = request.body, {}
    for name, raw in body.members.items():
        if len(memoryview(raw)) <= LARGE and body.holds(name, _MARK):
            found: list[str] = []
            change, collections = partial(noted, ids, found), call.dialect.relay.collections
            value = with_ids({name: read_json_or_none(bytes(raw))}, change, collections)
            if found:
                changed[name] = write_json(value[name])
    if changed:
        call.request = msgspec.structs.replace(request, body=body.replaced(changed))
        if call.resource is not None:
            call.body = Body.parse(call.body).replaced(changed).encode()


def noted(ids: ReadIds, found: list[str], text: str) -> str:
    """What an id says, noted in ``found`` if it is another text."""
    raw = ids.read(text)
    if raw != text:
        found.append(raw)
    return raw


def with_one_target(
    call: Call,
    compiled: CompiledPlan | Failure,
    secrets: tuple[bytes, ...] = (),
    keeps: Keeps | None = None,
    *,
    has_default: bool = False,
) -> CompiledPlan | Failure:
    """The plan with the one target that a request can mean, by the ids that it holds (``read_ids``).

    What is made goes to the first target; a response goes wherever the plan says. An id that isn't bound is at one of
    several accounts, and nothing says which, unless only one of them keeps responses (``keeps``). ``has_default``: the
    operator says who serves requests that name nothing.
    """
    digest = None if call.ids is None else call.ids.digest
    failure = _failure(call, compiled)
    if failure is not None or isinstance(compiled, Failure):
        return failure or compiled
    tells_ids = _tells_ids(call)
    if digest is None and not tells_ids:
        return compiled
    targets = leaves(compiled.plan)
    several = _are_several(targets)
    needs_id = several or digest is not None or not _is_named_again(call, has_default=has_default)
    if secrets and tells_ids and needs_id and not _fetches_file(call):
        call.bind = _binding(Binder(secrets, call.caller.tenant), compiled.config)
    if digest is not None:
        targets = tuple([target for target in targets if is_digest_of(digest, account_of(target))])
        if not targets:
            return gone()
    elif several and _names_id(call):
        keeping = [target for target in targets if keeps is None or keeps(target)]
        if call.resource is not None or len({account_of(target) for target in keeping}) > 1:
            return _which(call, len(targets))
        targets = tuple(keeping or targets)
    elif call.resource is None and call.operation.has_body:
        return compiled
    return _only(call, compiled, targets[0])


def _fetches_file(call: Call) -> bool:
    """Whether the reply is a file, whose bytes stay though they may be JSON. What a vector store has of one is a list
    of the host's."""
    rest = call.parameters.get("rest", "")
    if call.account.method != "GET" or call.resource in (None, "vector_stores"):
        return False
    above, _, last = rest.rpartition("/")
    return last.endswith(_DOWNLOAD) or (bool(above) and last in _FILES)


def _failure(call: Call, compiled: CompiledPlan | Failure) -> Failure | None:
    """Why a request has no target, by its ids or else by its config."""
    ids = call.ids
    own = None if ids is None else ids.failure
    if not isinstance(compiled, Failure):
        return own
    if own is not None and compiled.kind is Kind.MISSING_PROVIDER:
        return own
    names_target = ids is not None and ids.digest is not None
    return _not_any_more(compiled) if names_target and compiled.kind in _REFUSALS else compiled


def bind_session(call: Call, compiled: CompiledPlan, secrets: tuple[bytes, ...], *, has_default: bool) -> None:
    """Have a session's ids bound, where a request for what it makes would not come to the same target."""
    several = _are_several(leaves(compiled.plan))
    if secrets and (several or not _is_named_again(call, has_default=has_default)):
        call.bind = _binding(Binder(secrets, call.caller.tenant), compiled.config)


def _are_several(targets: Sequence[Target]) -> bool:
    """Whether targets are at several accounts."""
    return len(targets) > 1 and len({account_of(target) for target in targets}) > 1


def _is_named_again(call: Call, *, has_default: bool) -> bool:
    """Whether a request for what this one makes comes to the same target without a bound id: the caller's headers or
    path name it in each request, or the operator does. A model names a target for its own request alone, and what is
    kept of responses has no usual provider."""
    if call.named_in == MODEL:
        return False
    has_usual = call.resource is not None or call.operation in _MAKING
    return bool(call.named_in or has_default or has_usual or call.fields.keys() & NAMING)


def _only(call: Call, compiled: CompiledPlan, target: Target) -> CompiledPlan:
    """The plan with one target. What changes a thing is sent once, apart from making a response."""
    is_change = call.account.method in _CHANGING and not (call.resource is None and call.operation.has_body)
    if is_change and target.retry is not None:
        target = msgspec.structs.replace(target, retry=target.retry.of_unsent())
    return msgspec.structs.replace(compiled, plan=target)


def _names_id(call: Call) -> bool:
    """Whether the request names what is kept, rather than makes it."""
    if call.resource is not None:
        return "rest" in call.parameters or call.account.method != "POST"
    if "id" in call.parameters:
        return True
    return call.request is not None and any(not call.request.body.is_null(name) for name in _NAMING)


def _binding(binder: Binder, config: str | None) -> Callable[[Target], ChangeId]:
    def for_target(target: Target) -> ChangeId:
        account, name = account_of(target), _name_of(target, config)
        return lambda raw: raw if is_bound(raw) else binder.bind(raw, account, name)

    return for_target


def _name_of(target: Target, config: str | None) -> str:
    """How a request asks for a target: by its saved config, its virtual key or its provider (choice.py)."""
    if config is not None:
        return f"{ONLY_CONFIG}{config}"
    return target.provider if target.virtual_key is None else f"@{target.virtual_key}"


def bound_json(reply: bytes, change: ChangeId, collections: frozenset[str] = frozenset()) -> bytes:
    """A reply of JSON with all ids in it bound, those in names of these ``collections`` too; any other as it is."""
    value = read_json_or_none(reply)
    return write_json(with_ids(value, change, collections)) if isinstance(value, dict | list) else reply


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


def gone() -> Failure:
    """The failure of an id whose target can't be meant."""
    text = (
        "The request names an id whose target is not, or no longer, among the targets that the request may go to: name "
        "its provider or virtual key, as a header or in the path (/@NAME/v1/…), or the config that has it."
    )
    return Failure(Kind.TARGET_GONE, text)


def _not_any_more(failure: Failure) -> Failure:
    text = f"The request names an id, and the targets that may have it can't be used any more: {failure.message}"
    return Failure(Kind.TARGET_GONE, text, failure.param)

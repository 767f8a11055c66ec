"""Requests that others hold: the lines of a batch's file, the requests of a batch, what is put into a thread.

A model is asked with them later, so guards judge each of them before a provider keeps it. What can't be read is refused
where a guard would deny or change it. Source: docs/guardrails.md#batches-and-threads.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.form import Form, FormError, Part, boundary_of, read_form
from penstock.core.operation import Operation
from penstock.dialects.registry import CALLERS
from penstock.dialects.texts import TextView
from penstock.guards.base import Outbound, Reads
from penstock.guards.plan import Hook
from penstock.guards.results import HookRun, denied
from penstock.pipeline.call import Call
from penstock.pipeline.guarding.hooks import run_hooks
from penstock.pipeline.guarding.subject import Subject, asked
from penstock.pipeline.off_loop.thread import LARGE, off_loop
from penstock.pipeline.target_route import TargetRoute

_MOST: Final = 50_000
"""Requests of one batch: as many as OpenAI and its like take."""
_AT_ONCE: Final = 16
"""Requests of a batch that are judged at the same time."""
_MOST_ASKED: Final = 10_000
"""Servers that guards may ask which come with a batch: it must not become any number of requests."""
_SECONDS: Final = 120.0
"""How long the guards may judge a batch."""
_LINES: Final[Mapping[str, tuple[str, str]]] = {
    "chat/completions": ("openai_chat", "chatComplete"),
    "completions": ("openai_chat", "complete"),
    "embeddings": ("openai_chat", "embed"),
    "moderations": ("openai_chat", "moderate"),
    "images/generations": ("openai_chat", "imageGenerate"),
    "responses": ("responses", "createModelResponse"),
}
"""The endpoint of a batch's line -> whose texts its request has, and the type of the request."""
_BATCH: Final = frozenset({"batch", "batch-api"})
_TRAINING: Final = "fine-tune"
"""What a file is for, as hosts name it: in whatever case, since some of them don't mind it."""
_VERSION: Final = re.compile(r"/?(?:v\d+/)?")


class Unreadable(ValueError):
    """What a model will be asked with can't be read. The message says where and why."""


class Piece(msgspec.Struct, frozen=True):
    """One request inside another: its JSON. ``place`` names it for people; ``kind`` is Portkey's name of its type.
    ``is_rewritten``: a member came twice, and readers may differ in which one counts: the piece is written anew."""

    place: str
    kind: str
    view: TextView
    raw: bytes
    is_rewritten: bool = False


class Pieces(msgspec.Struct, frozen=True):
    """The requests inside another. ``rebuilt``: those that change, by index -> the whole body. Raises Unreadable for a
    change that can't stand there. ``is_rewritten``: as of a piece, for what holds them."""

    pieces: Sequence[Piece]
    rebuilt: Callable[[Mapping[int, bytes]], bytes]
    is_rewritten: bool = False


class JudgedPieces(msgspec.Struct, frozen=True):
    """``runs`` deny the piece at ``place``; else ``body`` is the new body, None where nothing changed."""

    runs: Sequence[HookRun] = ()
    place: str = ""
    body: bytes | None = None


async def judged_pieces(
    call: Call,
    route: TargetRoute,
    hooks: Sequence[Hook],
    outbound: Outbound,
    note: Callable[[Sequence[HookRun]], None],
) -> JudgedPieces | None:
    """What the guards of requests say of the requests inside one; None for a request that holds no other. ``note`` gets
    all runs. Raises Unreadable."""
    chosen = [each for hook in hooks if (each := _without_callers(hook)) is not None]
    if not chosen:
        return None
    withholds = any(hook.deny or hook.transforms for hook in chosen)
    try:
        held = await off_loop(lambda: pieces_of(call)) if len(call.body) > LARGE else pieces_of(call)
    except Unreadable:
        if withholds:
            raise
        held = None
    if held is None:
        return None
    _refuse_many(chosen, len(held.pieces))
    changes = {index: piece.raw for index, piece in enumerate(held.pieces) if piece.is_rewritten}
    try:
        async with asyncio.timeout(_SECONDS):
            for start in range(0, len(held.pieces), _AT_ONCE):
                group = held.pieces[start : start + _AT_ONCE]
                subjects = [_subject(call, route, each, must_be_read=withholds) for each in group]
                judged = await asyncio.gather(*(_judged(each, chosen, outbound) for each in subjects))
                for index, (piece, (runs, raw)) in enumerate(zip(group, judged, strict=True), start):
                    note(runs)
                    if denied(runs):
                        return JudgedPieces(runs, piece.place)
                    if raw is not None:
                        changes[index] = raw
                await asyncio.sleep(0)  # the loop is others', too
    except TimeoutError:
        raise Unreadable(f"its requests can't be judged within {_SECONDS:g} s") from None
    return JudgedPieces(body=held.rebuilt(changes) if changes or held.is_rewritten else None)


def _refuse_many(hooks: Sequence[Hook], number: int) -> None:
    """Raises Unreadable for so many requests that guards which come with them would ask too many servers."""
    asking = [check.prepared for hook in hooks if hook.is_own for check in hook.checks if check.prepared.ask]
    if sum(each.servers for each in asking) * number > _MOST_ASKED:
        raise Unreadable(f"the guards that come with it would ask more than {_MOST_ASKED} servers")


def _without_callers(hook: Hook) -> Hook | None:
    """The hook with those of its checks that don't ask who calls: these have judged the request that holds the others.
    None for a hook that only looks on, or has no other check."""
    checks = tuple([each for each in hook.checks if each.check.reads is not Reads.CALLER])
    if not checks or hook.looks_on:
        return None
    return hook if len(checks) == len(hook.checks) else msgspec.structs.replace(hook, checks=checks)


def _subject(call: Call, route: TargetRoute, piece: Piece, *, must_be_read: bool) -> Subject:
    """What is judged of one piece. Raises Unreadable for one that guards can't read, and must."""
    subject = asked(call, route, Body.parse(piece.raw), piece.view, piece.kind, streams=False)
    if must_be_read and (problem := subject.request.problem()):
        raise Unreadable(f"{piece.place}: {problem}")
    return subject


async def _judged(subject: Subject, hooks: Sequence[Hook], outbound: Outbound) -> tuple[list[HookRun], bytes | None]:
    """The runs of one piece, and what they made of it: None where nothing changed."""
    runs, changed = await run_hooks(hooks, subject, outbound)
    return runs, None if changed is subject else changed.request.raw


def pieces_of(call: Call) -> Pieces | None:
    """What guards judge one by one; None for a request that holds no other. Raises Unreadable."""
    resource, is_whole = call.resource, "rest" not in call.parameters
    view, request = call.dialect.texts, call.request
    if call.account.method not in {"POST", "PUT", "PATCH"}:
        return None
    if view is not None and resource is not None and resource in view.kept:
        return _kept(call, msgspec.structs.replace(view, request=view.kept[resource]))
    if resource == "messages/batches" and is_whole and view is not None:
        return _batch(Body({}) if request is None else request.body, view, call.body)
    if resource == "uploads" and is_whole and request is not None and _purpose(request.body) in _BATCH:
        raise Unreadable("a batch that comes in parts can't be read: send the file whole (POST /v1/files)")
    # Hosts take files at paths of their own, too.
    takes_files = resource == "files" or (resource is None and call.operation is Operation.PROXY)
    return _file(call) if takes_files else None


def _kept(call: Call, view: TextView) -> Pieces | None:
    """What is kept as a whole, in a body of JSON or the text fields of a form."""
    if call.request is not None:
        body = call.request.body
        piece = Piece("the body", "proxy", view, body.encode(), _is_doubled(body, call.body))
        return Pieces([piece], lambda changes: changes[0])
    form = _form(call)
    if form is None:
        return None

    def rebuilt(changes: Mapping[int, bytes]) -> bytes:
        try:
            return form.with_fields(Body.parse(changes[0]))
        except FormError as error:
            raise Unreadable(f"its form can't hold the change: {error}") from error

    return Pieces([Piece("the form", "proxy", view, form.fields.encode())], rebuilt)


def _batch(body: Body, view: TextView, raw: bytes) -> Pieces:
    """Anthropic's batches, whose requests stand in the body. Source: Anthropic API reference, "Create a Message
    Batch"."""
    listed = _listed(body.raw("requests") or b"")
    found = [
        _piece(f"request {at + 1}", each, "params", lambda _: ("messages", view)) for at, each in enumerate(listed)
    ]

    def rebuilt(changes: Mapping[int, bytes]) -> bytes:
        for at, new in changes.items():
            listed[at] = found[at][0].replaced({"params": new}).encode()
        return body.replaced({"requests": b"[" + b",".join(listed) + b"]"}).encode()

    return Pieces([piece for _, piece in found], rebuilt, _is_doubled(body, raw))


def _listed(raw: bytes) -> list[bytes]:
    """The requests of a list. They are counted first: a list of millions takes thirty times the memory of its text when
    it is taken apart. Raises Unreadable."""
    numbers = itertools.count(1)

    class Counted(msgspec.Struct):
        """An object of which no member is read. Making one too many ends the reading."""

        def __post_init__(self) -> None:
            if next(numbers) > _MOST:
                raise ValueError(f"more than {_MOST}")

    try:
        msgspec.json.decode(raw, type=list[Counted])
        return [bytes(each) for each in msgspec.json.decode(raw, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        too_many = next(numbers) > _MOST
        what = f"it has more than {_MOST} requests" if too_many else "its requests are no list of objects"
        raise Unreadable(what) from error


def _piece(place: str, raw: bytes, name: str, type_of: Callable[[Body], tuple[str, TextView]]) -> tuple[Body, Piece]:
    """What holds one request in its member ``name``, and the request. ``type_of`` says of which type it is."""
    try:
        holder = Body.parse(raw)
        inner = holder.raw(name) or b""
        body = Body.parse(inner)
        kind, view = type_of(holder)
    except (BodyError, RecursionError) as error:
        raise Unreadable(f"{place} is no JSON object with {name}") from error
    is_rewritten = _is_doubled(holder, raw) or _is_doubled(body, inner)
    return holder, Piece(place, kind, view, body.encode() if is_rewritten else inner, is_rewritten)


def _is_doubled(body: Body, raw: bytes) -> bool:
    """Whether a member comes twice in an object's text."""
    return any(isinstance(place, bytes) for place in body.places(raw).values())


def _value(body: Body, name: str) -> object:
    """A member, decoded; None for one that can't be read."""
    try:
        return body.value(name)
    except BodyError:
        return None


def _purpose(fields: Body) -> object:
    """What a file is for. Raises Unreadable for a form that says it twice."""
    purpose = _value(fields, "purpose")
    if isinstance(purpose, list):
        raise Unreadable("its form has several purposes")
    return purpose.strip().lower() if isinstance(purpose, str) else purpose


def _file(call: Call) -> Pieces | None:
    """A file of requests, or of chats to train a model with, one on each line."""
    form = _form(call)
    if form is None:
        return None
    purpose = _purpose(form.fields)
    files = [part for part in form.parts if part.name == "file"]
    if purpose not in _BATCH and purpose != _TRAINING:
        return None
    if len(files) != 1:
        raise Unreadable("its form must have one file")
    if form.data.count(b"\n", files[0].content, files[0].end) > 2 * _MOST:
        raise Unreadable(f"it has more than {_MOST} lines, or as many blank ones")
    lines = form.data[files[0].content : files[0].end].split(b"\n")
    full = [at for at, line in enumerate(lines) if line.strip()]
    if len(full) > _MOST:
        raise Unreadable(f"it has more than {_MOST} lines")
    if purpose == _TRAINING:
        return _training(form, files[0], lines, full)
    found = [_piece(f"line {at + 1}", lines[at].strip(), "body", _type_of_line(at)) for at in full]

    def rebuilt(changes: Mapping[int, bytes]) -> bytes:
        for index, new in changes.items():
            lines[full[index]] = found[index][0].replaced({"body": new}).encode()
        return _with_lines(form, files[0], lines)

    return Pieces([piece for _, piece in found], rebuilt)


def _form(call: Call) -> Form | None:
    """The form of an upload; None for a body that is none."""
    content_type = call.fields.get(b"content-type", b"")
    if b"multipart/" not in content_type.lower():
        return None
    try:
        return read_form(call.body, boundary_of(content_type))
    except FormError as error:
        raise Unreadable(f"its form can't be read: {error}") from error


def _type_of_line(at: int) -> Callable[[Body], tuple[str, TextView]]:
    """Source: OpenAI API reference, "Batch"."""

    def type_of(line: Body) -> tuple[str, TextView]:
        url = _value(line, "url")
        known = _LINES.get(_VERSION.sub("", url, count=1)) if isinstance(url, str) else None
        view = None if known is None else CALLERS[known[0]].texts
        if known is None or view is None:
            raise Unreadable(f"line {at + 1} asks an endpoint whose requests guards don't read")
        return known[1], view

    return type_of


def _training(form: Form, file: Part, lines: list[bytes], full: Sequence[int]) -> Pieces | None:
    """Chats that a model is trained with; None for training data of another form. Chats among other lines can't be
    read: some hosts pass over the lines that they don't know. Source: OpenAI API reference, "Fine-tuning"."""
    view = CALLERS["openai_chat"].texts
    pieces = list(_chats(lines, full, view)) if view is not None else []
    if not pieces:
        return None
    if len(pieces) < len(full):
        raise Unreadable("some of its lines are chats, and others none")

    def rebuilt(changes: Mapping[int, bytes]) -> bytes:
        for index, new in changes.items():
            lines[full[index]] = new
        return _with_lines(form, file, lines)

    return Pieces(pieces, rebuilt)


def _chats(lines: Sequence[bytes], full: Sequence[int], view: TextView) -> Iterator[Piece]:
    """The chats on some lines."""
    for at in full:
        raw = lines[at].strip()
        try:
            body = Body.parse(raw)
        except (BodyError, RecursionError):
            continue
        if "messages" not in body:
            continue
        is_doubled = _is_doubled(body, raw)
        yield Piece(f"line {at + 1}", "chatComplete", view, body.encode() if is_doubled else raw, is_doubled)


def _with_lines(form: Form, file: Part, lines: Sequence[bytes]) -> bytes:
    content = b"\n".join(lines)
    if b"--" + form.boundary in content:
        raise Unreadable("the boundary of its form occurs in a changed line")
    return form.data[: file.content] + content + form.data[file.end :]

"""A check of another package: whatever it does, at most it could not judge.

The gateway's own checks are typed and tested; of a package's check nothing is known. What it raises, and what it
returns that is no judgement, is its error: neither a request nor the gateway ends with it, and no text of an exception
is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from penstock.core.json_text import read_json, write_json
from penstock.guards.base import (
    Ask,
    Check,
    CheckError,
    Context,
    Edit,
    Judge,
    Judgement,
    Outbound,
    Prepared,
    could_not,
)
from penstock.guards.detect.spans import DetectRule
from penstock.guards.hold import HoldRule
from penstock.guards.parameters import Parameters
from penstock.routing.problems import Enough, Refused

_MOST_DATA: Final = 64 << 10
"""Bytes of a judgement's data as JSON: callers get it."""
_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f]*")


class Unsound(Exception):
    """A check returned no judgement, or raised what would end more than a request."""


def bounded(check: Check) -> Check:
    """The check, which can end neither a request nor the gateway."""
    return msgspec.structs.replace(check, prepare=lambda parameters: _prepared(check, parameters))


def _prepared(check: Check, parameters: Parameters) -> Prepared:
    try:
        prepared: Any = check.prepare(parameters)
        if _is_sound(prepared):
            return _with_bounds(prepared)
        parameters.refuse_all("the check is of no use: its package prepares nothing that judges")
    except (Refused, Enough, KeyboardInterrupt):
        raise
    except BaseException as error:
        parameters.refuse_all(f"the check can't read its parameters: {type(error).__name__} in its package")
    return Prepared(lambda _: could_not("The check can't judge."))


def _is_sound(prepared: Any) -> bool:
    if not isinstance(prepared, Prepared):
        return False
    known: Any = prepared
    return (
        sum(callable(each) for each in (known.judge, known.ask)) == 1
        and (known.hold is None or isinstance(known.hold, HoldRule | DetectRule))
        and all(type(each) is int and each >= 0 for each in (known.size, known.servers))
        and isinstance(known.tells, tuple)
        and all(isinstance(each, str) and _NAME.fullmatch(each) for each in known.tells)
    )


def _with_bounds(prepared: Prepared) -> Prepared:
    judge, ask = prepared.judge, prepared.ask
    return msgspec.structs.replace(
        prepared,
        judge=None if judge is None else _judging(judge),
        ask=None if ask is None else _asking(ask),
        glance=None,
        clean=None,
    )


def _judging(judge: Judge) -> Judge:
    def judged(context: Context) -> Judgement:
        try:
            return _sound(judge(context))
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:  # nobody gives up what does not wait
            raise Unsound(type(error).__name__) from None

    return judged


def _asking(ask: Ask) -> Ask:
    async def asked(context: Context, outbound: Outbound) -> Judgement:
        try:
            return _sound(await ask(context, outbound))
        except (SystemExit, GeneratorExit) as error:
            raise Unsound(type(error).__name__) from None

    return asked


def _sound(judgement: Any) -> Judgement:
    """The judgement, with nothing in its data but values of JSON. Raises Unsound, or what its data raises."""
    if not isinstance(judgement, Judgement) or not all(each(judgement) for each in _MEMBERS):
        raise Unsound("no judgement")
    data = None
    if judgement.data is not None:
        written = write_json(judgement.data)
        if len(written) > _MOST_DATA:
            raise Unsound("too much data")
        data = read_json(written)
    return msgspec.structs.replace(judgement, data=data, edits=tuple(judgement.edits))


def _is_edit(edit: Any) -> bool:
    known: Any = edit
    return (
        isinstance(edit, Edit)
        and isinstance(known.pointer, tuple)
        and all(isinstance(step, str | int) for step in known.pointer)
        and all(type(each) is int and each >= 0 for each in (known.start, known.end))
        and isinstance(known.replacement, str)
    )


def _is_error(error: Any) -> bool:
    known: Any = error
    return error is None or (
        isinstance(error, CheckError) and isinstance(known.message, str) and isinstance(known.name, str)
    )


def _are_texts(texts: Any) -> bool:
    return isinstance(texts, Mapping) and all(isinstance(each, str) for pair in texts.items() for each in pair)


def _are_headers(headers: Any) -> bool:
    return isinstance(headers, Mapping) and all(map(_is_header, headers.items()))


def _is_header(field: Any) -> bool:
    name, value = field
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        return False
    return value is None or (isinstance(value, str) and _VALUE.fullmatch(value) is not None)


_MEMBERS: Final[tuple[Callable[[Any], bool], ...]] = (
    lambda each: type(each.verdict) is bool,
    lambda each: _is_error(each.error),
    lambda each: isinstance(each.edits, tuple | list) and all(map(_is_edit, each.edits)),
    lambda each: each.body is None or isinstance(each.body, bytes),
    lambda each: _are_texts(each.restores),
    lambda each: _are_headers(each.headers),
)
"""Whether each member of a judgement is what it should be."""

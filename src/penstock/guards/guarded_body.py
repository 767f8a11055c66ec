"""The body that guards judge: read at most once, and only as far as its checks ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, Final

from penstock.core.body import Body, BodyError
from penstock.core.json_text import read_any_numbers, read_json
from penstock.core.segments import Segment
from penstock.dialects.texts import PlainTexts, listed, member
from penstock.guards.member_names import coming_twice, in_other_case, members_in
from penstock.guards.text_forms import misshapen

_message: Final = attrgetter("message")
_MESSAGES: Final = ("messages", "contents")
"""The members with the messages of a chat."""


class GuardedBody:
    """The JSON body of a request or an answer, read at most once: its value, and its texts. A request's ``Body`` is
    written only for who asks for its bytes; ``names`` tells its members with texts, where no other one is read for
    these. ``read_plain`` reads the texts of a plain body faster, whose messages have a role and a text and no other
    member."""

    __slots__ = (
        "_body",
        "_json",
        "_last",
        "_names",
        "_plain",
        "_problem",
        "_raw",
        "_read",
        "_read_plain",
        "_segments",
        "_texts",
        "is_changed",
    )  # fmt: skip

    def __init__(
        self,
        body: bytes | Body,
        read: Callable[[Any], Iterable[Segment]],
        names: Callable[[Iterable[str]], list[str]] | None = None,
        read_plain: Callable[[Body], PlainTexts | None] | None = None,
        *,
        is_changed: bool = False,
    ) -> None:
        self.is_changed = is_changed
        """Whether a guard made the body of another one."""
        self._last = -1
        """The index of the last message, once the texts are read."""
        self._body: Body | None = body if isinstance(body, Body) else None
        self._raw: bytes | None = None if isinstance(body, Body) else body
        self._read, self._names, self._read_plain = read, names, read_plain
        self._json: Any = None
        self._problem: str | None = None
        self._segments: tuple[Segment, ...] | None = None
        self._plain: PlainTexts | None = None
        self._texts: Any = None
        """The value with the texts, until somebody has asked for problems."""

    @property
    def raw(self) -> bytes:
        """The bytes."""
        raw = self._raw
        if raw is None:
            raw = self._raw = b"" if self._body is None else self._body.encode()
        return raw

    @property
    def size(self) -> int:
        """How long it is, in bytes; in characters for texts that stand in no body: those of a part of a stream."""
        return len(self.raw) or sum([len(each.text) for each in self.segments])

    @property
    def json(self) -> Any:
        """The value; an empty object for bytes that are no JSON. One with a number that only other readers read is
        read without it, and is a problem all the same."""
        value = self._json
        if value is None:
            try:
                value = read_json(self.raw) if self.raw else {}
            except (ValueError, RecursionError) as error:
                value, self._problem = read_any_numbers(self.raw), str(error)
                value = {} if value is None else value
            self._json = value
        return value

    @property
    def plain(self) -> PlainTexts | None:
        """The texts of a plain body; None for any other body."""
        read = self._read_plain
        if read is not None:
            self._read_plain = None
            if self._body is not None and self._json is None:
                self._plain = read(self._body)
        return self._plain

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All texts, in their order."""
        segments = self._segments
        if segments is None:
            plain = self.plain
            if plain is not None:
                segments = plain.segments
            else:
                value = self._texts = self._with_texts()
                segments = tuple(self._read(value))
                self._last = max([len(listed(member(value, name))) for name in _MESSAGES]) - 1
            self._segments = segments
        return segments

    @property
    def last_segments(self) -> tuple[Segment, ...]:
        """The texts of the last message, which need not have any."""
        segments = self.segments
        last = max([self._last, *map(_message, segments)])
        return tuple([each for each in segments if each.message == last])

    def problem(self) -> str:
        """Why a host may read texts that no guard can: the body is no JSON, which is empty for whoever judged it, a
        member's name is in another case, or a member comes twice. Empty where all could be read."""
        problem = self._problem
        if problem is None:
            problem = self._problem = self._hidden()
            self._texts = None
        return problem

    def _hidden(self) -> str:
        """Where a host may read another text than guards do."""
        body, names, plain = self._body, self._names, self.plain
        if plain is None:
            _ = self.segments  # nobody may have read them yet
        if self._problem is not None:
            return self._problem
        value = self._texts
        if body is not None and plain is not None:
            # None of a plain body's members is taken for another one.
            problem = _twice(coming_twice(bytes(body.members.get("messages", b"")), plain.members))
            if problem or self._json is None:
                return problem
            return _twice(coming_twice(self.raw, members_in(self.json)))
        name = in_other_case(value if body is None else body.members, value)
        if name:
            return _taken_for(name)
        if problem := misshapen(value):
            return problem
        if body is None or names is None or self._json is not None:
            return _twice(coming_twice(self.raw, members_in(self.json)))
        for each in names(body):
            raw = body.raw(each)
            if raw is not None and not name:
                name = coming_twice(raw, members_in(value[each]))
        return _twice(name)

    def _with_texts(self) -> Any:
        """The value, or as much of it as holds texts."""
        body, names = self._body, self._names
        if body is None or names is None or self._json is not None:
            return self.json
        try:
            return {name: body.value(name) for name in names(body)}
        except BodyError as error:
            self._problem = str(error)
            return {}


def _taken_for(name: str) -> str:
    meant = name.casefold().partition("\0")[0]
    return f"some hosts take the member {name[:40]!r} for {meant[:40]!r}"


def _twice(name: str) -> str:
    return f"the member {name[:40]!r} comes twice, and hosts differ in which one they take" if name else ""

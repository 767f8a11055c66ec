"""One text of a stream under the rules of several checks, which change it one after the other, in their order.

Most pieces of most texts hold nothing that a rule looks for: each rule tells so fast, on the text that all of them see.
Only where one can't are the rules fed one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from penstock.guards.detect.spans import DetectedText, DetectRule, Mask
from penstock.guards.hold import CONTEXT, HeldText, HoldRule
from penstock.guards.plan import Hook, HookCheck
from penstock.guards.sign_search import search_of


class StreamRule(msgspec.Struct):
    """A rule, and what it has found in all texts of a stream. ``hook`` and ``check`` are None for what no hook asks
    for."""

    rule: HoldRule | DetectRule
    hook: Hook | None = None
    check: HookCheck | None = None
    mask: Mask | None = None
    found: int = 0
    changed: bool = False
    has_failed: bool = False
    has_overflowed: bool = False
    """Whether more of a text would have had to wait than may: it was decided as if it ended there."""

    @property
    def judges_text(self) -> bool:
        """Whether the arguments of a tool call are a text for the rule."""
        return self.check is not None and self.check.prepared.judges_text and not self.changes

    @property
    def denies(self) -> bool:
        return self.hook is not None and self.hook.deny

    @property
    def changes(self) -> bool:
        """Whether the rule may change a text."""
        replacement = self.rule.replacement if isinstance(self.rule, HoldRule) else self.rule.masks
        return replacement is not None

    def held(self) -> HeldText | DetectedText:
        """A text of the stream under the rule."""
        if self.mask is None and self.rule.masks is not None:
            self.mask = self.rule.masks()
        limit = 4096 if self.hook is None else self.hook.hold_chars
        return self.rule.holding(limit, denies=self.denies, mask=self.mask)


def in_turn(rules: Sequence[StreamRule]) -> list[StreamRule]:
    """Rules in the order in which they see a text: those of hooks that change nothing see what the provider said, as
    they see a plain answer. A hook that may change it sees what the ones before it made. Of its checks, unless they run
    in sequence, those that change nothing come first, and then those whose finds are a false verdict: what one of these
    hides from another one fails the hook already."""
    return sorted(rules, key=lambda rule: _turn(rule, rules))


def _turn(rule: StreamRule, rules: Sequence[StreamRule]) -> tuple[int, int]:
    hook = rule.hook
    if hook is None or not hook.transforms:
        return 0, 0
    place = next(at for at, each in enumerate(rules) if each.hook is hook)  # hooks may be equal
    return 1 + place, 0 if hook.is_sequential or not rule.changes else 1 if rule.rule.fails else 2


class RuledText:
    """One text. Implements ``arguments.Fed``."""

    __slots__ = (
        "_begun", "_context", "_find_sign", "_find_stop", "_finders", "_held", "_idles", "_is_idle", "_limit",
        "_pending", "_rules",
    )  # fmt: skip

    def __init__(self, rules: Sequence[StreamRule]) -> None:
        self._rules = rules
        self._held = [rule.held() for rule in rules]
        self._context = self._pending = ""
        self._is_idle = True
        self._finders: set[int] = set()
        """The rules that have found something since the text was idle."""
        self._idles = [rule.rule.idle_until for rule in rules if not rule.has_failed]
        self._find_sign, self._find_stop = search_of(tuple([each.rule.signs for each in rules]))
        """Find something in each text that isn't idle for all rules."""
        self._begun = list(dict.fromkeys([each.rule.begun for each in rules if each.rule.begun is not None]))
        self._limit = min([4096 if each.hook is None else each.hook.hold_chars for each in rules], default=4096)

    def idles(self, text: str) -> bool:
        """Take a text that holds nothing and behind which nothing waits, so that it goes on as it is. Nothing is done
        with any other text: then False."""
        if self._pending or not self._is_idle:
            return False
        context = self._context
        whole, before = context + text, len(context)
        if self._find_sign(whole, before) is not None:
            return False
        for begun in self._begun:
            if begun(whole, before) < len(whole):
                return False
        self._context = whole[-CONTEXT:]
        return True

    def idles_in_json(self, texts: bytes, between: bytes) -> int:
        """The same of one or several texts of ASCII as JSON strings have them, with ``between`` between them, which
        begins with the end of a string: how many characters they are, -1 for any others."""
        if self._pending or not self._is_idle:
            return -1
        if len(texts) > len(between):
            texts = texts.replace(between, b"")
        if self._find_stop(texts) is not None:
            return -1
        context = self._context
        whole, before = context + texts.decode(), len(context)
        for begun in self._begun:
            if begun(whole, before) < len(whole):
                return -1
        self._context = whole[-CONTEXT:]
        return len(texts)

    def feed(self, text: str, *, last: bool = False) -> tuple[str, bool]:
        """What can go on now, and whether a rule denies the text."""
        if self._is_idle:
            context = self._context
            before = len(context)
            whole = context + self._pending + text
            if self._find_sign(whole, before) is not None:
                until = self._idle_until(whole, before)
            else:
                until = min([begun(whole, before) for begun in self._begun], default=len(whole))
            if last and until >= 0:
                until = len(whole)
            if until >= 0 and len(whole) - until <= self._limit:
                self._pending = whole[until:]
                self._context = whole[max(0, until - CONTEXT) : until]
                return whole[before:until], False
            text, self._pending = whole[before:], ""
            for held in self._held:
                held.begin(context)
        return self._through(text, last=last)

    def _idle_until(self, whole: str, before: int) -> int:
        """The place up to which no rule finds anything; -1 where a rule may."""
        until = len(whole)
        try:
            for idle_until in self._idles:
                place = idle_until(whole, before)
                if place < until:
                    if place < 0:
                        return -1
                    until = place
        except TimeoutError:
            return -1
        return until

    def _through(self, text: str, *, last: bool) -> tuple[str, bool]:
        """The text through all rules, one after the other. What stands before the place where one denies it goes on,
        as the others leave it."""
        is_denied = False
        finders = self._finders
        for rule, held in zip(self._rules, self._held, strict=True):
            if rule.has_failed:
                continue
            found, was_changed = held.found, held.changed
            try:
                text = held.feed(text, last=last)
            except TimeoutError:
                rule.has_failed = True
                self._idles = [each.rule.idle_until for each in self._rules if not each.has_failed]
                if rule.check is not None and rule.check.fails_closed and rule.denies:
                    return "", True
                text = held.waiting() + text
            if held.found > found:
                rule.found += held.found - found
                finders.add(id(held))
            rule.has_overflowed = rule.has_overflowed or held.overflowed
            rule.changed = rule.changed or (held.changed and not was_changed)
            is_denied = is_denied or held.denied
            last = last or is_denied
        self._is_idle = not last and self._agrees()
        return text, is_denied

    def _agrees(self) -> bool:
        """Whether all rules see the same text, as they do where none changed it lately: what waits at any of them waits
        for all, then."""
        active = [held for rule, held in zip(self._rules, self._held, strict=True) if not rule.has_failed]
        if not active:
            return False
        has_found = False
        for held in active:
            if held.has_find or (has_found and held.held):
                return False  # what a rule has found waits, at itself or at a later one
            has_found = has_found or id(held) in self._finders
        self._finders.clear()
        waits = "".join([held.seen[len(held.seen) - held.held :] for held in reversed(active)])
        last = active[-1]
        context = last.seen[: len(last.seen) - last.held]
        joint = context + waits
        behind = 0
        for held in active:
            seen = joint[: len(joint) - behind] if behind else joint
            if not (seen.endswith(held.seen) or held.seen.endswith(seen)):
                return False
            behind += held.held
        self._context, self._pending = context[-CONTEXT:], waits
        return True

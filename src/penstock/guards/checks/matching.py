"""Checks with JavaScript patterns: whether a text matches, and the change of what matches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from penstock.core.segments import Segment
from penstock.guards.arguments import parts_of
from penstock.guards.base import Check, CheckError, Context, Edit, Judgement, Prepared, could_not, judging_text, no_text
from penstock.guards.hold import HoldRule
from penstock.guards.hook_result import GAP, template_of
from penstock.guards.parameters import Parameters
from penstock.guards.patterns import (
    SHORT_EXCERPT,
    compiled,
    excerpt,
    expanded,
    found_in,
    holds,
    literal,
    seconds_for,
    utf16,
)
from penstock.routing.javascript_regex import name_of

if TYPE_CHECKING:
    import regex

    from penstock.routing.javascript_regex import Pattern

_encode: Final = msgspec.json.Encoder().encode
_SHORT: Final = 512
"""Characters up to which a look for where a match may begin is faster than the search."""
_MOST_EDITS: Final = 100_000
_LONGEST_EDITS: Final = 4 << 20
"""Characters of all replacements in a text: one that quotes the text before or behind a match is as long."""
_NO_TEXT: Final = "There is no text to check."


def _regex_match(parameters: Parameters) -> Prepared:
    # Older documents of Portkey's call the parameter "regex".
    older = parameters.text("regex")
    rule = older if older and not parameters.has("rule") else parameters.required_text("rule")
    inverts = parameters.switch("not")
    pattern = compiled(rule, parameters, "rule") if rule else None
    hold = HoldRule(pattern.compiled) if inverts and pattern is not None and holds(pattern) else None

    def judged(match: regex.Match[str] | None, details: object, excerpt: object) -> Judgement:
        verdict = (match is not None) is not inverts
        data = {
            "regexPattern": rule,
            "not": inverts,
            "verdict": verdict,
            "explanation": f"The pattern {'is' if match is not None else 'is not'} found in the text.",
            "matchDetails": details,
            "textExcerpt": excerpt,
        }
        return Judgement(verdict, data)

    def search(text: str, pattern: Pattern) -> regex.Match[str] | None:
        if pattern.needed not in text:
            return None
        if hold is not None and len(text) <= _SHORT and hold.begins.search(text) is None:
            return None
        return pattern.for_text(text).search(text, timeout=seconds_for(text))

    def judge(text: str) -> Judgement:
        if pattern is None or not text:
            return no_text({"regexPattern": rule, "not": inverts})
        match = search(text, pattern)
        return judged(match, None if match is None else _details(text, match), excerpt(text))

    def glance(text: str) -> bytes | None:
        if pattern is None or template is None or not text or (needed in text and search(text, pattern) is not None):
            return None
        return template % _encode(text if len(text) <= SHORT_EXCERPT else excerpt(text))

    template, needed = template_of(judged(None, None, GAP).data), "" if pattern is None else pattern.needed
    return judging_text(judge, hold=hold, size=_size(rule, pattern), glance=glance if inverts else None)


def _size(rule: str, pattern: Pattern | None) -> int:
    """The memory of a pattern: what its compiler writes out, 240 bytes a token, and what it reads, by the time that
    this takes: everybody waits for the patterns of a request."""
    return len(rule) * 50 + (0 if pattern is None else pattern.size * 240 + pattern.written * 48)


def _details(text: str, match: regex.Match[str]) -> dict[str, object]:
    return {
        "matchedText": match[0],
        "index": utf16(text[: match.start()]),
        "groups": {name_of(name): text for name, text in match.groupdict().items() if text is not None},
        "captures": list(match.groups()),
    }


def _regex_replace(parameters: Parameters) -> Prepared:
    rule = parameters.required_text("rule")
    replacement = parameters.text("redactText", "[REDACTED]")
    fails = parameters.switch("failOnDetection")
    source, flags = literal(rule)
    pattern = compiled(source, parameters, "rule", flags) if rule else None
    is_global = "g" in flags

    def judge(context: Context) -> Judgement:
        if pattern is None or not context.text:
            data = {"explanation": _NO_TEXT, "regexPattern": rule}
            return Judgement(verdict=True, data=data, error=CheckError(_NO_TEXT))
        found = (
            edit
            for segment in context.segments
            for edit in _edits(segment, pattern, replacement, context.clock, is_global=is_global)
        )
        edits, size = list[Edit](), 0
        for edit in found:
            edits.append(edit)
            size += len(edit.replacement)
            if len(edits) > _MOST_EDITS or size > _LONGEST_EDITS:
                return could_not(f"More than {_MOST_EDITS} places, or {_LONGEST_EDITS} characters, would change.")
        verdict = not (edits and fails)
        explanation = f"The pattern {'was' if edits else 'was not'} found in the text."
        return Judgement(
            verdict, {"regexPattern": rule, "verdict": verdict, "explanation": explanation}, edits=tuple(edits)
        )

    hold = None
    if pattern is not None and holds(pattern) and "y" not in flags and not _looks_around(replacement):
        hold = HoldRule(
            pattern.compiled, lambda match: expanded(replacement, match), fails=fails, is_once=not is_global
        )
    return Prepared(judge, hold=hold, size=_size(rule, pattern))


def _looks_around(replacement: str) -> bool:
    """Whether a replacement quotes the text around the match, which a stream doesn't know."""
    return "$`" in replacement or "$'" in replacement


def _edits(
    segment: Segment, pattern: Pattern, replacement: str, clock: Callable[[], float], *, is_global: bool
) -> Iterator[Edit]:
    """The edits of one text; of a call's arguments the values of their strings change alone, each a text of its own:
    one change that left no JSON would undo those of all other texts, and callers could see to it."""
    parts = list(parts_of(segment))
    over = clock() + seconds_for(segment.text) + len(parts) * _SECONDS
    for text, start, places in parts:
        if pattern.needed not in text:
            continue
        for match in found_in(text, pattern, lambda: over - clock()):
            first, last = match.span() if places is None else (places[match.start()], places[match.end()])
            yield Edit(segment.pointer, start + first, start + last, expanded(replacement, match))
            if not is_global:
                break


_SECONDS: Final = 5e-6
"""What the time limit grows by for each string in a call's arguments."""


CHECKS: Final = (
    Check("default.regexMatch", _regex_match),
    Check("default.regexReplace", _regex_replace, transforms=True),
)

"""A check that looks for something with detectors: its judgement, its changes, and how it judges streams."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

from penstock.core.json_text import write_json
from penstock.core.segments import Segment, SegmentKind
from penstock.guards.arguments import part_edits
from penstock.guards.base import Context, Edit, Judgement, Phase, Prepared
from penstock.guards.detect.spans import DetectRule, Mask
from penstock.guards.parameters import Parameters
from penstock.guards.patterns import compiled, literal, seconds_for

_TOOL_CALL: Final = SegmentKind.TOOL_CALL
"""A text that may be JSON, whose strings hold more than their bytes show."""
_kind: Final = attrgetter("kind")
_NUMBERED: Final = re.compile(r"\[([A-Za-z_]+)_1\]")
_LABELLED: Final = re.compile(r"\[([A-Za-z_]+)\]")


class Placeholders:
    """Names of what is masked: ``[EMAIL_1]``, the same for the same value. ``taken`` is a text whose own placeholders
    name something else."""

    def __init__(self, taken: str = "") -> None:
        self._taken = taken
        self._names: dict[tuple[str, str], str] = {}
        self._counts: Counter[str] = Counter()

    def name(self, kind: str, value: str) -> str:
        known = self._names.get((kind, value))
        while known is None:
            self._counts[kind] += 1
            known = f"[{kind.upper()}_{self._counts[kind]}]"
            if known in self._taken:
                known = None
        self._names[kind, value] = known
        return known

    def values(self) -> dict[str, str]:
        """Placeholders, and what they stand for."""
        return {name: value for (_, value), name in self._names.items()}


def mask_of(parameters: Parameters) -> Callable[[], Mask]:
    """What the parameter ``mask`` asks for: ``label`` or ``[EMAIL]``, ``numbered`` or ``[EMAIL_1]``, a text of one's
    own, in which ``{entity}`` is the kind."""
    mask = parameters.text("mask", "label")
    if mask == "numbered" or _NUMBERED.fullmatch(mask):
        return lambda: Placeholders().name
    if mask == "label" or _LABELLED.fullmatch(mask):
        mask = "[{entity}]"
    return lambda: lambda kind, _: mask.replace("{entity}", kind.upper())


def allowed(parameters: Parameters) -> Callable[[str, str], bool] | None:
    """What the parameter ``allow`` lets pass: values without regard to case, and ``/patterns/`` that match a whole
    value. None where all counts."""
    values: set[str] = set()
    patterns = []
    for each in parameters.texts("allow"):
        source, flags = literal(each)
        if source == each:
            values.add(each.casefold())
            continue
        pattern = compiled(f"^(?:{source})$", parameters, "allow", flags.replace("m", ""))
        if pattern is not None:
            patterns.append(pattern.compiled)
    if not values and not patterns:
        return None

    def counts(_: str, value: str) -> bool:
        if value.casefold() in values:
            return False
        return not any(pattern.search(value, timeout=seconds_for(value)) for pattern in patterns)

    return counts


def detecting(rule: DetectRule, *, size: int = 20_000, restores: bool = False, noun: str = "finds") -> Prepared:
    """The check. ``restores``: what it masks in requests is put back into answers."""

    may_hold = rule.may_hold
    nothing = Judgement(True, {"verdict": True, "explanation": f"No {noun} in the text.", "detected": {}})

    clean_data = write_json(nothing.data)

    def glance(text: str) -> bytes | None:
        return None if may_hold is None or may_hold(text) else clean_data

    def judge(context: Context) -> Judgement:
        is_text = context.is_plain or _TOOL_CALL not in map(_kind, context.segments)
        if is_text and glance(context.text) is not None:
            return nothing
        found: Counter[str] = Counter()
        placeholders = Placeholders(_taken(context)) if restores else None
        mask = placeholders.name if placeholders is not None else None if rule.masks is None else rule.masks()
        edits: list[Edit] = []
        for segment in context.segments:
            edits += _edits(rule, segment, mask, found)
        count = found.total()
        verdict = not (count and rule.fails)
        data: dict[str, Any] = {
            "verdict": verdict,
            "explanation": f"{count} {noun} in the text." if count else f"No {noun} in the text.",
            "detected": dict(sorted(found.items())),
        }
        changes = tuple(edits) if mask is not None else ()
        return Judgement(verdict, data, edits=changes, restores={} if placeholders is None else placeholders.values())

    only_looks = rule.masks is None
    return Prepared(
        judge,
        hold=rule,
        size=size,
        restores=restores,
        only_looks=only_looks,
        glance=may_hold and glance,
        clean=clean_data,
    )


def _edits(rule: DetectRule, segment: Segment, mask: Mask | None, found: Counter[str]) -> list[Edit]:
    def changes(text: str) -> list[tuple[int, int, str]]:
        made: list[tuple[int, int, str]] = []
        for span in rule.spans(text):
            found[span.kind] += 1
            if mask is not None:
                made.append((span.start, span.end, mask(span.kind, text[span.start : span.end])))
        return made

    return list(part_edits(segment, changes))


def _taken(context: Context) -> str:
    """The texts of a request that may hold placeholders of others."""
    return "\n".join([each.text for each in context.body.segments if "_" in each.text])


def fails_on_detection(parameters: Parameters, *, redacts: bool) -> bool:
    """Whether a find is a false verdict: unless it is masked, or the parameters say otherwise."""
    return parameters.switch("failOnDetection", default=not redacts)


def may_restore(parameters: Parameters, *, redacts: bool) -> bool:
    """The parameter ``restore``, which needs what is masked."""
    restores = parameters.switch("restore")
    if restores and not redacts:
        parameters.complain("restore", "it needs redact: only what is masked can be put back")
    if restores and parameters.phase is Phase.AFTER:
        parameters.complain("restore", "it belongs to guards of the request: answers are what it changes back")
    return restores


def kinds_of(parameters: Parameters, name: str, known: Mapping[str, Any], aliases: Mapping[str, str]) -> list[str]:
    """The kinds that a parameter lists, without regard to case; nothing where it is absent."""
    kinds: list[str] = []
    for each in parameters.texts(name):
        kind = each.strip().lower().replace("-", "_").replace(" ", "_")
        kind = aliases.get(kind, kind)
        if kind in known:
            kinds.append(kind)
        else:
            parameters.complain(name, f"there is no kind '{each[:60]}': there are {', '.join(known)}")
    return list(dict.fromkeys(kinds))

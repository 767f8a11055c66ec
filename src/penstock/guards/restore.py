"""What guards masked in a request, put back into its answer: placeholders in texts, streams, arguments of tool calls.

The table belongs to one request and one target. It is in no log, no cache and no result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.core.segments import Segment
from penstock.guards.arguments import part_edits
from penstock.guards.base import Edit
from penstock.guards.detect.spans import DetectRule, Mask
from penstock.guards.detect.words import WordList
from penstock.guards.edits import Unchangeable, edited
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.held_text import StreamRule
from penstock.guards.results import HookRun


class Restoring:
    """Placeholders, and the texts of the request in whose place they stand."""

    __slots__ = ("_rule", "_texts")

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        words = WordList(tuple(texts), matches_case=True, whole=False)

        # No method: the table would hold itself, and outlive its request until the garbage collector comes.
        def masks() -> Mask:
            return lambda _, placeholder: texts[placeholder]

        self._rule = DetectRule((words,), masks=masks, fails=False, idle=words.idle_until)

    def rule(self) -> StreamRule:
        """The rule for the texts of a stream."""
        return StreamRule(self._rule)

    def text(self, text: str) -> list[tuple[int, int, str]]:
        """The changes of a whole text."""
        return [(span.start, span.end, self._texts[text[span.start : span.end]]) for span in self._rule.spans(text)]

    def answer(self, body: GuardedBody) -> bytes:
        """A plain answer's JSON with the texts put back; as it is where that would leave no JSON in a tool call."""
        edits: list[Edit] = []
        for segment in body.segments:
            edits += self._edits(segment)
        try:
            return edited(body, edits, keeps_tokens=True)
        except Unchangeable:
            return body.raw

    def _edits(self, segment: Segment) -> list[Edit]:
        return list(part_edits(segment, self.text)) if "[" in segment.text else []


def restoring_of(runs: Sequence[HookRun]) -> Restoring | None:
    """What the runs of the request's guards have masked; None if they masked nothing that is to come back."""
    texts: dict[str, str] = {}
    for run in runs:
        for check in run.checks:
            if check.transformed:
                texts.update(check.judgement.restores)
    return Restoring(texts) if texts else None

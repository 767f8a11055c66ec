"""A request as one model takes it: what its family refuses goes, how much it is to think is said in its own words.

Sources: the rows in ``traits``, each with its document, and beside the controls below.
"""

from __future__ import annotations

from typing import Final

from penstock.core.body import Body
from penstock.core.json_text import read_json, write_json
from penstock.core.traits import Traits
from penstock.dialects.chat_quirks import ThinkingControl
from penstock.dialects.openai.relay.assistant_extras import with_thoughts
from penstock.dialects.openai.relay.chat_body import DEVELOPER, SYSTEM, says_nothing, with_roles

_EFFORT: Final = "reasoning_effort"


def fit_to_model(body: Body, traits: Traits, control: ThinkingControl | None = None) -> tuple[Body, tuple[str, ...]]:
    """The body as a model takes it, and the names of the parameters that it would answer with an error."""
    given_way: list[str] = []
    if traits.max_completion_tokens is not None:
        old, new = "max_tokens", "max_completion_tokens"
        if not traits.max_completion_tokens:
            old, new = new, old
        if old in body:
            given_way += [old] if new in body else []
            body = body.without(old) if new in body else body.renamed(old, new)
    if traits.effort_with_tools is not None and _has_functions(body):
        body = _with_tools(body, traits.effort_with_tools, given_way)
    body, refused = _without_refused(body, traits)
    if control is not None:
        body = _thinking(body, traits, control, refused)
    if not traits.system_role:
        body = with_roles(body, {SYSTEM: b'"user"', DEVELOPER: b'"user"'})
    return body, (*given_way, *refused)


def limited_parameters(traits: Traits, control: ThinkingControl | None) -> frozenset[str]:
    """The parameters without which ``fit_to_model`` changes nothing in a conversation of prose, save for roles and for
    families that think in streams only."""
    limited = {*traits.refuses, *traits.refuses_thinking}
    if traits.max_completion_tokens is not None:
        limited.add("max_tokens" if traits.max_completion_tokens else "max_completion_tokens")
    if traits.effort_with_tools is not None:
        limited.add("tools")
    return frozenset(limited if control is None else {*limited, _EFFORT, control.switch})


def _thinking(body: Body, traits: Traits, control: ThinkingControl, refused: list[str]) -> Body:
    """The body with how much to think, as the host is told."""
    if traits.family in control.streaming_families and body.raw("stream") != b"true":
        body = _unthinking(body, control, refused)
    body, untold = _controlled(body, traits, control)
    refused += untold
    return with_thoughts(body) if control.wants_thoughts and _is_on(body, traits, control) else body


def _has_functions(body: Body) -> bool:
    return b'"function"' in (body.raw("tools") or b"")


def _without_refused(body: Body, traits: Traits) -> tuple[Body, list[str]]:
    """The body without what the family refuses now, and the names of what isn't said by leaving it out."""
    refuses = traits.refuses
    if traits.refuses_thinking and _thinks(body, traits):
        refuses |= traits.refuses_thinking
    if not refuses:
        return body, []
    found = [name for name in body if name in refuses and not body.is_null(name)]
    lost = [name for name in found if not says_nothing(body, name)]
    for name in found:
        body = body.without(name)
    return body, lost


def _with_tools(body: Body, effort: str, dropped: list[str]) -> Body:
    """The body with the only effort that the family takes beside tools (docs/quirks.md#effort-beside-tools)."""
    wanted = None if body.is_null(_EFFORT) else body.text(_EFFORT)
    if wanted in ("none", effort or None):
        return body.replaced({_EFFORT: write_json(effort)}) if effort and wanted is None else body
    if wanted is not None:
        dropped.append(_EFFORT)
    return body.replaced({_EFFORT: write_json(effort)}) if effort else body.without(_EFFORT)


def _thinks(body: Body, traits: Traits) -> bool:
    """Whether the model will think before it answers."""
    effort = None if body.is_null(_EFFORT) else body.raw(_EFFORT)
    return traits.thinks_unasked if effort is None else effort != b'"none"'


def _unthinking(body: Body, control: ThinkingControl, dropped: list[str]) -> Body:
    """A plain call of a model that thinks in streams only: thinking is turned off, which the host demands."""
    if body.raw(control.switch) == control.off:
        return body
    for name in (_EFFORT, control.switch):
        if name in body:
            dropped += [] if body.is_null(name) or body.raw(name) == b'"none"' else [name]
            body = body.without(name)
    return body.replaced({control.switch: control.off})


def _is_on(body: Body, traits: Traits, control: ThinkingControl) -> bool:
    """Whether the model will think, as far as the switch says."""
    return (
        traits.thinks_unasked if body.is_null(control.switch) else body.value(control.switch) != read_json(control.off)
    )


def _controlled(body: Body, traits: Traits, control: ThinkingControl) -> tuple[Body, list[str]]:
    """The effort as the family and its host know it. Words that nobody knows are the provider's to judge; a switch that
    the caller has set has the last word."""
    effort = None if body.is_null(_EFFORT) else body.text(_EFFORT)
    if effort is None:
        return body, []
    if control.switch in body:
        return (body.without(_EFFORT), [_EFFORT]) if traits.thinking == "switch" else (body, [])
    if traits.thinking == "effort":
        word = traits.efforts.get(effort)
        if word is not None:
            return (body if word == effort else body.replaced({_EFFORT: write_json(word)})), []
        if effort != "none":
            return body, []
        if not traits.can_stop_thinking:
            return body.without(_EFFORT), [_EFFORT]
    if not control.switch or traits.thinking not in {"effort", "switch"}:
        return body, []
    value = control.off if effort == "none" else control.on
    return body.without(_EFFORT).replaced({control.switch: value}), []

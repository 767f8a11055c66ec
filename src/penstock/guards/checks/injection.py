"""Sentences that try to turn a model against its instructions, by patterns.

Patterns find what is copied from lists and miss what somebody writes anew, so the check marks a request and never
refuses it: no guard with ``deny`` holds it.
"""

from __future__ import annotations

from typing import Final

from penstock.guards.base import Check, Context, Judgement, Prepared
from penstock.guards.detect.automaton import places
from penstock.guards.parameters import Parameters
from penstock.guards.patterns import seconds_for

_OLD: Final = "(?:previous|prior|above|earlier|preceding|former|existing|original|system|all)"
_RULES: Final = "(?:instruction|prompt|rule|guideline|direction|command|constraint|restriction|message|context)s?"
_WORDS: Final = r"(?:\W{1,3}\w{1,15}){0,4}?\W{1,3}"
_PATTERNS: Final = {
    "override": rf"\b(?:ignore|disregard|forget|override|bypass|skip|neglect){_WORDS}{_OLD}{_WORDS}{_RULES}\b",
    "new_instructions": r"\b(?:new|updated|real|true) (?:system )?(?:instructions?|prompt) ?:",
    "reveal": r"\b(?:reveal|show|print|repeat|output|display|tell me|leak|dump)"
    rf"{_WORDS}(?:system|hidden|initial|secret|original) (?:prompt|instructions?|message)\b",
    "role": r"\b(?:you are now|act as|pretend (?:to be|you are)|roleplay as)"
    r"(?:\W{1,3}\w{1,15}){0,4}?\W{1,3}(?:dan\b|jailbroken|unrestricted|unfiltered|uncensored|without (?:any )?"
    r"(?:restrictions|rules|filters|limits)|developer mode)",
    "jailbreak": r"\b(?:do anything now|jailbreak(?: mode)?|developer mode (?:enabled|on)|god mode|"
    r"no (?:ethical|moral|safety) (?:guidelines|restrictions|filters))\b",
    "delimiter": r"<\|(?:im_start|im_end|system|endoftext|start_header_id)\|>|\[/?INST\]|<<SYS>>|"
    r"###? ?(?:system|instruction)s?:",
}

_STEMS: Final = (
    *"ignore disregard forget override bypass skip neglect pretend jailbreak instruction prompt".split(),
    *("system message", "hidden message", "initial message", "secret message", "original message", "you are now"),
    *("act as", "roleplay as", "do anything now", "developer mode", "god mode", "guidelines", "restrictions"),
    *("filters", "<|", "[inst", "[/inst", "<<sys>>", "## system", "##system"),
)
"""In small letters; every form holds one of them."""
_NONE: Final = "No known form of an injected instruction is in the text."


def _injection(parameters: Parameters) -> Prepared:
    import regex  # few configs need it, and every start would pay for it
    from ahocorasick_rs import AhoCorasick

    stems = AhoCorasick(_STEMS)
    compiled = {
        name: regex.compile(source, regex.IGNORECASE, cache_pattern=False) for name, source in _PATTERNS.items()
    }
    del parameters

    def judge(context: Context) -> Judgement:
        text = context.text
        if not places(stems, text.lower()):
            return Judgement(verdict=True, data={"verdict": True, "explanation": _NONE, "detected": []})
        found = [name for name, each in compiled.items() if each.search(text, timeout=seconds_for(text))]
        explanation = f"{len(found)} known forms of injected instructions are in the text." if found else _NONE
        return Judgement(not found, {"verdict": not found, "explanation": explanation, "detected": found})

    return Prepared(judge, size=10_000)


CHECKS: Final = (Check("penstock.injectionPatterns", _injection, scope="all", only_marks=True),)

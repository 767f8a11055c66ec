"""Checks of what a text is: code, JSON, nothing at all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from penstock.core.json_text import read_json
from penstock.core.segments import SegmentKind
from penstock.guards.base import Check, Context, Judgement, Phase, Prepared, could_not, no_text
from penstock.guards.parameters import Parameters
from penstock.guards.patterns import excerpt
from penstock.guards.schema_work import SchemaWork, extent

_FENCE: Final = re.compile(r"(?:(?<!`)(?=`)|(?<!~)(?=~))(`{3,}+|~{3,}+)[ \t]*+([^\s`]*+)[^\n`]*+\n(.*?)\1", re.DOTALL)
_INLINE: Final = re.compile(r"(?<!`)`{3,}+(?:json)?\s*+([\[{](?:(?!`{3}).)*+)`{3}", re.DOTALL | re.IGNORECASE)
"""Both look at a text once from each fence on: whoever wrote it may have written nothing but fences."""


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)
_MOST_CANDIDATES: Final = 200
_MOST_TOLD: Final = 1000
"""Blocks of code whose languages are told."""
_MOST_VALUES: Final = 300_000
"""Values in the JSON of a text: decoded, each may take a hundred times its text."""
_TOO_MANY: Final = f"The text may hold more than {_MOST_VALUES} values of JSON."
_LARGEST_SCHEMA: Final = 64 << 20
_LARGEST_PATTERN: Final = 256 << 10
"""Bytes that a pattern of a schema may take."""
_MOST_STEPS_BACK: Final = 100_000
"""Steps back of such a pattern in one text."""
_MOST_WORK: Final = 10_000_000
"""How many times a schema's parts may be applied to the parts of a value (guards/schema_work.py)."""
_MOST_LISTED: Final = 200_000
"""… where each may leave an error, with a copy of its value."""
_LANGUAGES: Final = {
    "sql": "SQL", "python": "Python", "py": "Python", "gyp": "Python", "ts": "TypeScript", "tsx": "TypeScript",
    "typescript": "TypeScript", "js": "JavaScript", "jsx": "JavaScript", "javascript": "JavaScript", "java": "Java",
    "c#": "C#", "cs": "C#", "csharp": "C#", "c": "C", "c++": "C++", "cpp": "C++", "php": "PHP", "ruby": "Ruby",
    "rb": "Ruby", "swift": "Swift", "kotlin": "Kotlin", "kt": "Kotlin", "go": "Go", "golang": "Go", "scala": "Scala",
    "r": "R", "rust": "Rust", "rs": "Rust", "perl": "Perl", "pl": "Perl", "haskell": "Haskell", "lua": "Lua",
    "bash": "Shell", "sh": "Shell", "shell": "Shell", "html": "HTML", "css": "CSS", "xml": "XML", "json": "JSON",
    "yaml": "YAML", "yml": "YAML", "md": "Markdown", "markdown": "Markdown", "dockerfile": "Dockerfile",
    "objective-c": "Objective-C", "objc": "Objective-C",
}  # fmt: skip
"""The languages of code, by the tags of fences."""


def _contains_code(parameters: Parameters) -> Prepared:
    wanted = parameters.required_text("format")
    inverts = parameters.switch("not")
    name = _language(wanted)

    def judge(context: Context) -> Judgement:
        text = context.text
        if not text:
            return no_text({"searchedFormat": wanted, "not": inverts})
        number, is_there, found = 0, False, list[str]()
        for match in _FENCE.finditer(text):
            if match[2]:
                language = _language(match[2])
                number, is_there = number + 1, is_there or language.lower() == name.lower()
                if number <= _MOST_TOLD:
                    found.append(language)
        data = {
            "explanation": f"{number} blocks of code found; {name} is {'' if is_there else 'not '}among them.",
            "searchedFormat": wanted,
            "not": inverts,
            "foundFormats": found,
            "textExcerpt": excerpt(text),
        }
        return Judgement(is_there is not inverts, data)

    return Prepared(judge)


def _language(tag: str) -> str:
    return _LANGUAGES.get(tag.lower(), tag.lower())


def candidates(text: str) -> Iterator[Any]:
    """The JSON values that a text may mean, decoded: what fences hold, the whole of it, every balanced object or array
    that is in no other."""
    number = 0
    fenced = [match[3] for match in _FENCE.finditer(text) if match[2].lower() in {"", "json"}]
    fenced += [match[1] for match in _INLINE.finditer(text)]
    for part in (*fenced, text.strip()):
        try:
            value = read_json(part.encode("utf-8", "replace"))
        except ValueError:
            continue
        if isinstance(value, dict | list):
            yield value
    at = 0
    while number < _MOST_CANDIDATES:
        found = re.compile(r"[\[{]").search(text, at)
        if found is None:
            return
        number += 1
        try:
            value, at = _DECODER.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            at = found.start() + 1
            continue
        yield value


def holds_too_many(text: str) -> bool:
    """Whether a text may hold more JSON values than are decoded."""
    return len(text) > _MOST_VALUES and sum(map(text.count, "[{,")) > _MOST_VALUES


def looks_like_json(text: str) -> bool:
    """Whether a text has a fence or a brace with its counterpart, so that JSON may have been meant."""
    return -1 < text.find("{") < text.rfind("}") or text.count("```") > 1


def _json_keys(parameters: Parameters) -> Prepared:
    keys = parameters.required_texts("keys")
    operator = parameters.choice("operator", ("any", "all", "none"))
    if parameters.has("keys") and not keys:
        parameters.complain("keys", "it must name at least one key")

    def judge(context: Context) -> Judgement:
        text = context.text
        if not text:
            return no_text({"operator": operator, "requiredKeys": list(keys)})
        if holds_too_many(text):
            return could_not(_TOO_MANY)
        result_data: dict[str, Any] = {"operator": operator, "textExcerpt": excerpt(text)}
        values = list(candidates(text))
        if not values and not looks_like_json(text):
            data: dict[str, Any] = {
                "explanation": "There is no JSON in the text.",
                "requiredKeys": list(keys),
                **result_data,
            }
            return Judgement(verdict=False, data=data)
        holding = [(_holds(operator, keys, each), each) for each in values]
        verdict = bool(holding) and (all if operator == "none" else any)(each for each, _ in holding)
        best: Any = next((each for good, each in holding if good is verdict), None)
        if not verdict:
            best = max(values, key=lambda each: len(_present(keys, each)), default=None)
        present = _present(keys, best)
        data = {
            "matchedJson": best if verdict or present else None,
            "verdict": verdict,
            "explanation": f"{len(present)} of {len(keys)} keys are present; required: {operator}.",
            "presentKeys": present,
            "missingKeys": [key for key in keys if key not in present],
            **result_data,
        }
        return Judgement(verdict, data)

    return Prepared(judge)


def _present(keys: tuple[str, ...], value: Any) -> list[str]:
    """The keys that a value has: a list has none."""
    return [key for key in keys if isinstance(value, dict) and key in value]


def _holds(operator: str, keys: tuple[str, ...], value: Any) -> bool:
    present = _present(keys, value)
    return {"any": bool(present), "all": len(present) == len(keys), "none": not present}[operator]


def _schema(parameters: Parameters) -> dict[str, Any] | None:
    """The schema of a check; None, with a problem, if there is none that can be used."""
    schema = parameters.any("schema")
    if isinstance(schema, str):
        try:
            schema = read_json(schema.encode())
        except ValueError:
            schema = None
    if not isinstance(schema, dict):
        parameters.complain("schema", "Required: a JSON schema, an object")
        return None
    if _size(schema) > _LARGEST_SCHEMA:
        parameters.complain("schema", f"its patterns may take more than {_LARGEST_SCHEMA >> 20} MiB")
        return None
    return schema


def _json_schema(parameters: Parameters) -> Prepared:
    schema, inverts = _schema(parameters), parameters.switch("not")
    if schema is None:
        return Prepared(lambda _: could_not("There is no schema."))
    validator = _validator(schema, parameters)

    def judge(context: Context) -> Judgement:
        text = context.text
        if holds_too_many(text):
            return could_not(_TOO_MANY)
        best: tuple[Any, list[dict[str, str]]] | None = None
        for value in candidates(text):
            if value in (0, None, False):
                continue
            errors = [] if validator is None else validator(value)
            if errors is None:
                return could_not("The JSON is nested too deep, or too large, for this schema.")
            if best is None or not errors:
                best = value, errors
            if not errors:
                break
        if best is None:
            result_data = {"explanation": "There is no JSON in the text.", "not": inverts}
            return Judgement(verdict=False, data=None if looks_like_json(text) else result_data)
        verdict = (not best[1]) is not inverts
        data = {
            "matchedJson": best[0],
            "not": inverts,
            "explanation": f"The JSON {'fits' if not best[1] else 'does not fit'} the schema.",
            "validationErrors": best[1],
        }
        return Judgement(verdict, data)

    return Prepared(judge, size=_size(schema))


def _size(schema: dict[str, Any]) -> int:
    """The memory that the patterns of a schema may take, with what every schema takes."""
    size, waiting = 4000, list[Any]([schema])
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            named = node.get("patternProperties")
            patterns = [node.get("pattern"), *(named if isinstance(named, dict) else ())]
            texts = [each for each in patterns if isinstance(each, str)]
            size += sum(_LARGEST_PATTERN if "{" in each else 200 * len(each) for each in texts)
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return size


def _validator(schema: dict[str, Any], parameters: Parameters) -> Callable[[Any], list[dict[str, str]] | None] | None:
    """A function that lists what is wrong with a value, and gives None for one that it can't judge; None, with a
    problem, for a schema that is none."""
    from jsonschema_rs import Draft202012Validator, FancyRegexOptions, ValidationError  # few configs need it

    options = FancyRegexOptions(backtrack_limit=_MOST_STEPS_BACK, size_limit=_LARGEST_PATTERN)
    try:
        validator = Draft202012Validator(
            schema, validate_formats=True, retriever=_no_reference, pattern_options=options
        )
    except (ValidationError, ValueError, RecursionError):
        parameters.complain("schema", "it is no valid JSON schema, or refers to one elsewhere")
        return None

    work = SchemaWork(schema)

    def errors(value: Any) -> list[dict[str, str]] | None:
        number, levels = extent(value)
        times = work.times(levels)
        if times * number > _MOST_WORK:
            return None
        if validator.is_valid(value):
            return []
        if times * number > _MOST_LISTED:
            return [{"path": "", "message": "The value does not fit, and is too large to say where."}]
        return [
            {"path": "".join(f"/{_escaped(step)}" for step in error.instance_path), "message": error.message[:500]}
            for error in validator.iter_errors(value)
        ][:50]

    return errors


def _escaped(step: object) -> str:
    """A step of a JSON Pointer (RFC 6901)."""
    return str(step).replace("~", "~0").replace("/", "~1")


def _no_reference(_: str) -> Any:
    raise ValueError("a schema refers to no other document")


def _not_null(parameters: Parameters) -> Prepared:
    inverts = parameters.switch("not")

    def judge(context: Context) -> Judgement:
        calls = any(segment.kind is SegmentKind.TOOL_CALL for segment in context.body.last_segments)
        is_null = not calls and not any(segment.text.strip() for segment in context.segments)
        is_good = is_null is inverts
        content = _content(context)
        data = {
            "isNull": is_null,
            "contentType": "null" if content is None else "string" if isinstance(content, str) else "object",
            "textArrayLength": len(content) if isinstance(content, list) else 1,
            "explanation": f"The content is {'' if is_null else 'not '}empty.",
            "verdict": "passed" if is_good else "failed",
        }
        return Judgement(is_good, data)

    return Prepared(judge)


def _content(context: Context) -> Any:
    """The content whose type and length are told: that of the last message, or of the answer's first choice. In wires
    that Portkey doesn't know it is the list of the texts."""
    steps = _CONTENTS.get((context.phase, context.request_type))
    if steps is None:
        return [segment.text for segment in context.segments]
    value: Any = context.body.json
    for step in steps:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and value else None
    return value


_CONTENTS: Final[Mapping[tuple[Phase, str], tuple[str | int, ...]]] = {
    (Phase.BEFORE, "chatComplete"): ("messages", -1, "content"),
    (Phase.BEFORE, "messages"): ("messages", -1, "content"),
    (Phase.BEFORE, "complete"): ("prompt",),
    (Phase.BEFORE, "embed"): ("input",),
    (Phase.AFTER, "chatComplete"): ("choices", 0, "message", "content"),
    (Phase.AFTER, "messages"): ("content",),
    (Phase.AFTER, "complete"): ("choices", 0, "text"),
}
"""Where the content of requests and answers stands, by their type."""

CHECKS: Final = (
    Check("default.containsCode", _contains_code),
    Check("default.jsonKeys", _json_keys),
    Check("default.jsonSchema", _json_schema),
    Check("default.notNull", _not_null),
)

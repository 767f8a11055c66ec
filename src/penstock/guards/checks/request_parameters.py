"""Which tools a request may bring and which parameters it may set: a check of permission, which fails closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.guards.base import Check, Context, Judgement, Phase, Prepared, Reads
from penstock.guards.parameters import Parameters


def _request_parameters(parameters: Parameters) -> Prepared:
    if not parameters.has("tools") and not parameters.has("params"):
        parameters.complain("tools", "Required: tools or params, or both")
    tools = _inner(parameters, "tools")
    types = _lists(tools, "allowedTypes", "blockedTypes")
    names = _lists(tools, "allowedFunctionNames", "blockedFunctionNames")
    params = _inner(parameters, "params")
    keys = _lists(params, "allowedKeys", "blockedKeys")
    values = _values(params)
    tools.refuse_unknown()
    params.refuse_unknown()

    def judge(context: Context) -> Judgement:
        body = context.request.json if isinstance(context.request.json, dict) else {}
        blocked = [each for tool in _tools_of(body) if (each := _blocked_tool(tool, types, names)) is not None]
        wrong = [each for name in body if (each := _blocked_param(name, body[name], keys, values)) is not None]
        verdict = not blocked and not wrong
        explanation = f"{len(blocked)} tools and {len(wrong)} parameters of the request are not allowed."
        if verdict:
            explanation = "All tools and parameters of the request are allowed."
        data = {"explanation": explanation, "blockedToolsFound": blocked, "blockedParamsFound": wrong}
        return Judgement(verdict, data)

    return Prepared(judge)


_Lists = tuple[tuple[Any, ...] | None, tuple[Any, ...]]
"""What is allowed, None where anything is; and what is blocked."""


def _inner(parameters: Parameters, name: str) -> Parameters:
    return Parameters(parameters.object(name) or {}, f"{parameters.path}.{name}", parameters.problems)


def _lists(parameters: Parameters, allowed: str, blocked: str) -> _Lists:
    one, other = parameters.texts(allowed), parameters.texts(blocked)
    both = set(one) & set(other)
    if both:
        parameters.complain(allowed, f"'{min(both)[:100]}' is allowed and blocked")
    # Forms of hosted products write an empty list where nothing is limited.
    return one or None, other


def _values(parameters: Parameters) -> dict[str, _Lists]:
    rules: dict[str, _Lists] = {}
    for name, rule in (parameters.object("values") or {}).items():
        path = f"values.{name[:100]}"
        if not isinstance(rule, dict) or not rule.keys() <= {"allowedValues", "blockedValues"}:
            parameters.complain(path, "it must be an object with allowedValues, blockedValues, or both")
            continue
        lists = [rule.get(each, []) for each in ("allowedValues", "blockedValues")]
        if not all(isinstance(each, list) for each in lists):
            parameters.complain(path, "allowedValues and blockedValues must be lists")
            continue
        if any(_is_among(each, lists[1]) for each in lists[0]):
            parameters.complain(path, "a value is allowed and blocked")
        rules[name] = tuple(lists[0]) or None, tuple(lists[1])
    return rules


def _tools_of(body: Mapping[str, Any]) -> list[Any]:
    """The tools of a request, and functions in the form that came before tools. Gemini has several in each tool."""
    tools = body.get("tools")
    functions = body.get("functions")
    listed = list(tools) if isinstance(tools, list) else []
    if isinstance(functions, list):
        listed += [{"type": "function", "function": each} for each in functions]
    found: list[Any] = []
    for tool in listed:
        declared = [tool.get(name) for name in _DECLARED] if isinstance(tool, dict) else []
        several = [each for group in declared if isinstance(group, list) for each in group]
        found += [{"type": "function", "function": each} for each in several] if several else [tool]
    return found


_DECLARED: Final = ("functionDeclarations", "function_declarations")


def _blocked_tool(tool: Any, types: _Lists, names: _Lists) -> dict[str, Any] | None:
    if not isinstance(tool, dict):
        return None
    kind = tool.get("type")
    if not isinstance(kind, str):
        kind = "function" if "input_schema" in tool else next(iter(tool), "")
    function = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    name = next((each for each in (name, tool.get("name"), kind) if isinstance(each, str) and each), "")
    reasons = [*_reasons(kind, types, "type"), *_reasons(name, names, "name")]
    return {"type": kind, "name": name, "reasons": reasons} if reasons else None


def _blocked_param(name: str, value: Any, keys: _Lists, values: Mapping[str, _Lists]) -> dict[str, Any] | None:
    reasons = _reasons(name, keys, "key")
    if name in values:
        reasons += _reasons(value, values[name], "value")
    is_named = isinstance(value, str) and name in values
    shown = value[:100] if is_named else value if isinstance(value, bool | int | float) else None
    return {"param": name, "value": shown, "reasons": reasons} if reasons else None


def _reasons(value: Any, lists: _Lists, noun: str) -> list[str]:
    allowed, blocked = lists
    reasons = [f"{noun}_blocked"] if _is_among(value, blocked) else []
    if allowed is not None and not _is_among(value, allowed):
        reasons.append(f"{noun}_not_allowed")
    return reasons


def _is_among(value: Any, listed: Any) -> bool:
    """Strictly, as JavaScript compares: true is no 1, but 1.0 is 1."""
    return any(value == each and isinstance(value, bool) is isinstance(each, bool) for each in listed)


CHECKS: Final = (
    Check(
        "default.requestParametersCheck",
        _request_parameters,
        frozenset({Phase.BEFORE}),
        fails_closed=True,
        reads=Reads.MODEL,
    ),
)

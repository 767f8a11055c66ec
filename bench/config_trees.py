"""Random configs within the header limit, each as dear as its bytes allow: for bench/fuzz.py and the property tests.

Configs are written as text, not as values: numbers that no double holds, escapes and keys that come twice are part of
them. They are made of few draws, because what makes a config dear is repetition. ``§`` stands for the number of a
repetition, so that repeated pieces can differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hypothesis import strategies as st

LARGEST: Final = 64 << 10
"""Bytes of a request's head, and so of a config in a header."""

Setting = Callable[[int, str], str]
"""A number and a JSON value -> members of an object, without its braces."""


def many(piece: str, number: int) -> str:
    """A piece so many times, with commas between."""
    if "§" not in piece:
        return ",".join([piece] * number)
    return ",".join(piece.replace("§", str(index)) for index in range(number))


def _nested(opening: str, closing: str, depth: int) -> str:
    return opening * depth + "1" + closing * depth


COUNTS = st.sampled_from([1, 2, 5, 20, 45, 60, 99, 100, 101, 250, 500, 1000, 3000, 10_000])
_VALUES: Final = [
    *'1 "x" null true 1.5 [] {} [1,2] {"a":1} "§"'.split(), f'"{"y" * 200}"', f'"{"z" * 5000}"', f'"{"é" * 200}"',
    "[" + many("{}", 200) + "]", "{" + many('"k§":§', 100) + "}", "[" + many('{"aBcD":[1,"x"]}', 100) + "]",
]  # fmt: skip
_ODD_VALUES: Final = [
    *'1e999 -1e999 1e-999 -0 1e308 9007199254740993 "\\ud800" "\\u0000"'.split(), "9" * 400, "0." + "1" * 300,
    '"' + "\\ud83d\\ude00" * 50 + '"', '"\u202e\u2028\ufeff"', _nested("[", "]", 90), _nested('{"a":', "}", 90),
    _nested('{"aB":[', "]}", 40),
]  # fmt: skip
VALUES = st.sampled_from(_VALUES * 6 + _ODD_VALUES)
"""JSON values. Most of them are ordinary: a config that is refused at once is not dear."""
KEYS = st.sampled_from(
    ["zq§xq", "§", "ключ§", "openai_§", "vertex_§", "aws_§", "azure_§", "\\u006f§", "aB" * 60 + "§", "§" + "k" * 300]
    * 4
    + ["overide_params§", "retrys§", "x" * 4000 + "§", "targetS§"]
)


_TOKENS: Final = r"""
    a b . \\d \\w [ab] [^x] [a-z] [\\u0000-\\uffff] (?i) (?i)[à-ÿ] \\b ^ $ | (a|b) (?:ab)+ (a+)+ (?:a*)* a{0,99}
    {300} {2,} * + ? {0000000000300} (?=a) (?!b) (?<=a) (?<!ab) (?<n>a) (a)\\1 \\p{L} ( ) [ ] (((( )))) .{0,65535}
    .{1000} § ab|cd|ef \\uD83D\\uDE00 é (?:(?:a{9}){9}){9} [a-zA-Z0-9_§-] (?:a|b|c|d|e|f){30} x{1,200}y{1,200}
""".split()
PATTERNS = st.sampled_from(
    [
        "a", "(?:a+)+b", "(?:[ab]{300}){300}", "[ab]{99}", "(a|b|cd)+" * 20, "a{0000000000300}" * 9, "(?i)a", "x" * 400,
        "(" * 99, "(?=a)*b{50}", "(?i)[à-ÿ]{30}§", "|".join(f"w{number}§" for number in range(90)), "[a-z§]{40}",
        "(?:a?){200}a{200}§",
    ]
) | st.lists(st.sampled_from(_TOKENS), min_size=1, max_size=40).map(lambda tokens: "".join(tokens)[:499])  # fmt: skip
READ = st.sampled_from(["metadata.x", "metadata.§", "params.messages", "params.model", "url.pathname", "x", "§"])
OPERATORS = st.sampled_from(["$eq", "$in", "$gt", "$lte", "$regex", "$regex", "$nin"] * 4 + ["$foo", "$" + "x" * 3000])
MODES = st.sampled_from(["fallback", "loadbalance", "conditional"] * 6 + ["single", "x"])


@st.composite
def queries(draw: st.DrawFn, room: int, depth: int = 2) -> str:
    """A query of about ``room`` characters at most."""
    operator = draw(OPERATORS)
    match operator:
        case "$regex":
            operand = '"' + draw(PATTERNS) + '"'
        case "$in" | "$nin":
            value = draw(VALUES)
            operand = "[" + many(value, min(draw(COUNTS), max(1, room // (len(value) + 3)))) + "]"
        case _:
            operand = draw(VALUES)
    query = f'{{"{draw(READ)}":{{"{operator}":{operand}}}}}'
    if depth and draw(st.booleans()):
        query = draw(queries(room // 4, depth - 1))
    if draw(st.booleans()):
        number = min(draw(COUNTS), max(1, room // (len(query) + 3)))
        query = "{" + _array(draw(st.sampled_from(["$and", "$or"])), query, number) + "}"
    return query


@st.composite
def strategies(draw: st.DrawFn, room: int) -> str:
    """A strategy of about ``room`` characters at most."""
    mode = draw(MODES)
    members = [f'"mode":"{mode}"']
    if mode == "conditional":
        share = room // draw(st.sampled_from([1, 1, 20, 100]))
        condition = '{"query":' + draw(queries(share)) + ',"then":"a"}'
        number = min(draw(st.sampled_from([1, 5, 20, 100, 101])), max(1, room // (len(condition) + 3)))
        members.append(f'"conditions":[{many(condition, number)}],"default":"a"')
    if mode == "fallback" and draw(st.booleans()):
        members.append(_array("on_status_codes", "500", min(draw(COUNTS), max(1, room // 4))))
    if mode == "fallback" and not draw(st.integers(0, 5)):
        members.append('"hedge":{"delay":1}')
    if mode == "loadbalance" and draw(st.booleans()):
        fields = many('"params.messages"', min(draw(st.sampled_from([1, 20, 200])), max(1, room // 20)))
        members.append(f'"sticky":{{"hash_fields":[{fields}]}}')
    return "{" + ",".join(members) + "}"


_PATTERN: Final = '"c§":{"id":"regexMatch","rule":"(?:[ab]{99}){9§}"}'
_SCHEMA: Final = '{"id":"jsonSchema","parameters":{"schema":{"pattern":"(a{90}){9§}","properties":{"a":{"const":$}}}}}'

SETTINGS: Final[list[Setting]] = [
    lambda number, value: _object("override_params", f'"p§":{value}', number),
    lambda number, value: _object("default_params", f'"p§":{value}', number),
    lambda number, value: _object("overrideParams", f'"p§":{value}', number),
    lambda number, value: _object("vertex_service_account_json", f'"k§":{value}', number),
    lambda number, value: _object("retry", f'"zq§":{value}', number),
    lambda number, _: _array("drop_params", '"tools[*].a.b[0].c§"', number),
    lambda number, _: _text("drop_params", "a.", number),
    lambda number, _: _array("drop_params", '"' + "a." * 16 + '§"', number),
    lambda number, _: _array("forward_headers", '"x-a§"', number),
    lambda number, _: '"retry":{"attempts":5,' + _array("on_status_codes", "500", number) + "}",
    lambda _, value: f'"retry":{{"attempts":{value}}}',
    lambda number, _: '"cb_config":{"failure_threshold":1,' + _array("failure_status_codes", "500", number) + "}",
    lambda number, value: f'"timeouts":{{"total":{value},"idle":{number}}},"cache":"simple"',
    lambda number, value: '"metadata":{' + _array("aB", value, number) + "}",
    lambda number, _: '"provider":"openai",' + _text("api_key", "k", number),
    lambda _, value: f'"override_params":{{"model":{value}}}',
    lambda number, _: _text("provider", "opena", number),
    lambda number, _: _text("provider", "@v", number),
    lambda number, _: _text("virtual_key", "v", number),
    lambda number, _: _text("custom_host", "http://a.", number),
    lambda number, _: '"provider":"openai","custom_host":"http://models.example.com/' + "%41" * number + '"',
    lambda number, value: f'"weight":{value},' + _text("name", "n", number),
    lambda number, _: '"deep":' + _nested("[", "]", min(number, 2000)),
    lambda number, _: '"deep":' + _nested('{"aB":', "}", min(number, 2000)),
    lambda number, value: f'"cache":{{"mode":"simple","max_age":{value}}},"request_timeout":{number}',
    lambda number, value: many(f'"provider":{value}', number),
    lambda number, _: f'"input_guardrails":[{{{many(_PATTERN, number)}}}]',
    lambda number, _: _array(
        "output_guardrails", '{"contains":{"words":["a§"],"operator":"none"},"deny":true}', number
    ),
    lambda number, _: '"input_guardrails":[{"penstock.words":{' + _array("words", '"word §"', number) + "}}]",
    lambda number, value: f'"before_request_hooks":[{{"checks":[{many(_SCHEMA.replace("$", value), number)}]}}]',
    lambda number, value: _array(
        "output_mutators", f'{{"regexReplace":{{"rule":"(a|b){{9§}}","redactText":{value}}}}}', number
    ),
]


def _object(name: str, member: str, number: int) -> str:
    return f'"{name}":{{{many(member, number)}}}'


def _array(name: str, value: str, number: int) -> str:
    return f'"{name}":[{many(value, number)}]'


def _text(name: str, piece: str, number: int) -> str:
    return f'"{name}":"{piece * number}"'


@st.composite
def members(draw: st.DrawFn, room: int) -> list[str]:
    """Settings that take about ``room`` characters at most."""
    chosen: list[str] = []
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):
            piece = f'"{draw(KEYS)}":{draw(VALUES)}'
            added = many(piece, min(draw(COUNTS), max(1, room // (len(piece) + 4))))
        else:
            setting, value, number = draw(st.sampled_from(SETTINGS)), draw(VALUES), draw(COUNTS)
            size = max(1, len(setting(2, value)) - len(setting(1, value)) + 3)
            added = setting(min(number, max(1, room // size)), value)
        if len(added) <= room:
            chosen.append(added)
            room -= len(added)
    return chosen


@st.composite
def trees(draw: st.DrawFn, room: int, depth: int = 3) -> str:
    """A config of about ``room`` characters at most: its own settings, and up to three targets many times."""
    chosen = draw(members(room // draw(st.sampled_from([2, 2, 50]))))
    if depth and draw(st.integers(0, 3)):
        strategy = draw(strategies(max(1, room // draw(st.sampled_from([2, 20])))))
        room -= sum(map(len, chosen)) + len(strategy)
        share = max(8, room // draw(st.sampled_from([2, 20, 400, 10_000])))
        children = [draw(trees(share, depth - 1)) for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3])))]
        for _ in range(draw(st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, 10, 25, 31, 40]))):
            children = ['{"strategy":{"mode":"loadbalance"},"targets":[' + ",".join(children) + "]}"]
        targets = ",".join(children)
        number = min(draw(COUNTS), max(1, room // (len(targets) + 1)))
        chosen += [f'"strategy":{strategy}', f'"targets":[{many(targets, number)}]']
    return "{" + ",".join(chosen) + "}"


ODDLY: Final[list[Callable[[str], str]]] = [
    lambda text: text + "}" * 100,
    lambda text: f"[{text}]",
    lambda text: " \n\t" * 3000 + text,
    lambda text: '{"targets":[' + many("{}", 3000) + "]," + text[1:],
    lambda text: "{" + '"strategy":{"mode":"fallback"},' * 500 + text[1:],
    lambda text: text.replace('"provider"', '"\\u0070rovider"').replace('"targets"', '"target\\u0073"'),
    lambda text: text.replace("_params", "Params").replace("_headers", "Headers"),
    lambda text: text.replace(":1", ":NaN"),
    lambda text: text.replace("1", "\\u0031"),
    lambda text: "\ufeff" + text,
    lambda text: text[: len(text) // 2],
]


@st.composite
def configs(draw: st.DrawFn) -> bytes:
    """A config as a caller may send it, in UTF-8."""
    text = draw(trees(LARGEST))
    if draw(st.integers(0, 9)) == 9:  # 0 is what a draw is that hypothesis makes simple
        text = draw(st.sampled_from(ODDLY))(text)
    return text.encode("utf-8", "surrogatepass")


CONFIGS: Final = configs().filter(lambda config: len(config) <= LARGEST)

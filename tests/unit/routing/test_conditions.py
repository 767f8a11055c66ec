"""Conditions of a conditional router: JavaScript's semantics, errors that name the path, bounds (docs/portkey.md#conditions)."""

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.conditions import MISSING, BadQuery, Evaluation, QueryBudget, compile_query


class Request:
    def __init__(self, params: dict[str, Any] | None = None, metadata: dict[str, Any] | None = None) -> None:
        self._params, self._metadata = params or {}, metadata or {}
        self.pathname = "/v1/chat/completions"

    def param(self, name: str) -> Any:
        return self._params.get(name, MISSING)

    def metadata(self, name: str) -> Any:
        return self._metadata.get(name, MISSING)


def holds(query: Any, *value: Any) -> bool:
    """Whether a query holds for a request whose ``metadata.x`` is the value, or missing."""
    return compile_query(query).matches(Request(metadata={"x": value[0]} if value else {}))


def check(operators: Any, *value: Any) -> bool:
    return holds({"metadata.x": operators}, *value)


def bad(query: Any) -> BadQuery:
    with pytest.raises(BadQuery) as caught:
        compile_query(query)
    return caught.value


# Where values come from.


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("metadata.tier", "gold"),
        ("metadata.tier.name", "gold"),
        ("params.model", "gpt-4o"),
        ("params.model.0", "gpt-4o"),
        ("url.pathname", "/v1/chat/completions"),
        ("url.pathname.x", "/v1/chat/completions"),
    ],
)
def test_two_segments_of_a_key_are_read(key: str, value: str) -> None:
    request = Request({"model": "gpt-4o"}, {"tier": "gold"})
    assert compile_query({key: value}).matches(request)
    assert not compile_query({key: {"$ne": value}}).matches(request)


@pytest.mark.parametrize("key", ["metadata", "params", "url", "url.host", "metdata.tier", "", ".", "metadata.none"])
def test_a_key_that_no_request_has_is_missing(key: str) -> None:
    request = Request({"": 1, "tier": "gold"}, {"": 1, "tier": "gold"})
    assert compile_query({key: {"$regex": "^undefined$"}}).matches(request)
    assert not compile_query({key: None}).matches(request)


# Operators.


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (1, True, False),
        (1, "1", False),
        (0, False, False),
        ("", None, False),
        ("a", "a", True),
        ("a", "A", False),
        (None, None, True),
        (True, True, True),
        (2**53, 2**53 + 1, True),
        (10**400, 10**401, True),
        (10**400, -(10**400), False),
        ([], [], False),
        ({}, {}, False),
    ],
)
def test_equality_is_strict(left: Any, right: Any, equal: bool) -> None:
    assert check({"$eq": left}, right) is equal
    assert check({"$ne": left}, right) is not equal
    assert check({"$in": ["other", left]}, right) is equal
    assert check({"$nin": ["other", left]}, right) is not equal


def test_a_primitive_stands_for_equality() -> None:
    assert check("gold", "gold")
    assert check(None, None)
    assert not check(1, "1")


@pytest.mark.parametrize(
    ("operators", "expected"),
    [({"$eq": None}, False), ({"$ne": "a"}, True), ({"$in": [None, "undefined"]}, False), ({"$nin": ["a"]}, True),
     ({"$gt": 0}, False), ({"$lte": 0}, False), ({"$regex": "^undefined$"}, True), ({}, True)],
)  # fmt: skip
def test_a_missing_value(operators: Any, expected: bool) -> None:
    assert check(operators) is expected


@pytest.mark.parametrize(
    ("value", "bound", "expected"),
    [
        (5, 4, True),
        ("5", 4, True),
        (5, "4", True),
        ("12abc", 11.5, True),
        (" \n\ufeff12", 11, True),
        ("-.5e1x", -6, True),
        ("1e", 0, True),
        ("Infinity!", 1e300, True),
        ("1e400", 1e300, True),
        (10**400, 1e300, True),
        ("10", "9", True),
        ([7, 1], 6, True),
        (4, 4, False),
        ("abc", 0, False),
        ("", -1, False),
        (True, 0, False),
        (None, -1, False),
        ({}, 0, False),
        (5, "x", False),
        ("0x1f", 1, False),
        ("infinity", 1, False),
        ("١٢", 1, False),
    ],
)
def test_comparisons_read_numbers_as_parse_float_does(value: Any, bound: Any, expected: bool) -> None:
    assert check({"$gt": bound}, value) is expected
    assert check({"$lt": value}, bound) is expected


def test_each_comparison() -> None:
    outcomes = {
        operator: [check({operator: 2}, value) for value in (1, 2, 3)] for operator in ("$gt", "$gte", "$lt", "$lte")
    }
    assert outcomes == {
        "$gt": [False, False, True],
        "$gte": [False, True, True],
        "$lt": [True, False, False],
        "$lte": [True, True, False],
    }


@pytest.mark.parametrize("operator", ["$gt", "$gte", "$lt", "$lte"])
def test_what_is_no_number_compares_to_nothing(operator: str) -> None:
    assert not check({operator: "x"}, 1)
    assert not check({operator: 1}, "x")
    assert not check({operator: "x"}, "x")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (1.0, "1"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (-2, "-2"),
        (1e16, "10000000000000000"),
        (1e21, "1e+21"),
        (123456789012345678901234567890, "1.2345678901234568e+29"),
        (0.000001, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (10**400, "Infinity"),
        (-(10**400), "-Infinity"),
        (["a", None, [1, True]], "a,,1,true"),
        ({"a": 1}, "[object Object]"),
    ],
)
def test_a_regular_expression_sees_the_text_that_javascript_would(value: Any, text: str) -> None:
    assert check({"$regex": f"^{re.escape(text)}$"}, value)


def test_deeply_nested_values_are_no_trouble() -> None:
    nested: Any = "end"
    for _ in range(500):
        nested = [nested]
    assert not check({"$regex": "end"}, nested)
    assert not check({"$gt": 0}, nested)


# How parts are put together.


def test_operators_and_keys_are_all_required() -> None:
    assert check({"$gte": 1, "$lt": 5}, 3)
    assert not check({"$gte": 1, "$lt": 5}, 5)
    assert not check({"$gte": 1, "$lt": 5}, 0)
    both = {"metadata.x": "a", "url.pathname": "/v1/embeddings"}
    assert not holds(both, "a")
    assert holds({**both, "url.pathname": "/v1/chat/completions"}, "a")


def test_an_empty_query_holds() -> None:
    assert holds({})
    assert check({})
    assert holds({"$and": []})
    assert not holds({"$or": []})


def test_and_and_or_nest() -> None:
    query = {"$or": [{"metadata.x": "a"}, {"$and": [{"metadata.x": {"$gt": 1}}, {"metadata.x": {"$lt": 3}}]}]}
    assert [holds(query, value) for value in ("a", 2, 3, "b")] == [True, True, False, False]


@pytest.mark.parametrize("group", ["$and", "$or"])
def test_keys_before_a_group_count_and_keys_after_it_do_not(group: str) -> None:
    true: dict[str, Any] = {group: [{}]}
    assert not holds({"metadata.x": "b", **true}, "a")
    assert holds({**true, "metadata.x": "b"}, "a")
    assert holds({**true, "params.y": {"$gt": 1}, "url.pathname": "/"}, "a")
    assert not holds({group: [{"metadata.x": "b"}], "metadata.x": "a"}, "a")


def test_operators_before_a_regular_expression_count_and_operators_after_it_do_not() -> None:
    assert not check({"$ne": "a", "$regex": "a"}, "a")
    assert check({"$regex": "a", "$ne": "a"}, "a")
    assert not check({"$regex": "b", "$eq": "a"}, "a")


# Bad queries.


@pytest.mark.parametrize(
    ("query", "path", "near"),
    [
        ({"metadata.user": {"$foo": 1}}, "metadata.user.$foo", "$"),
        ({"metadata.user": {"$equals": 1}}, "metadata.user.$equals", "$eq"),
        ({"metadata.user": {"eq": 1}}, "metadata.user.eq", "$eq"),
        ({"metadata.user": {"$regexp": "a"}}, "metadata.user.$regexp", "$regex"),
        ({"metadata.user": {"$regex": "a", "$foo": 1}}, "metadata.user.$foo", "$"),
        ({"$and": [{"metadata.user": {"$foo": 1}}]}, "$and[0].metadata.user.$foo", "$"),
        ({"$or": [{}, {"$and": [{"params.n": {"$foo": 1}}]}]}, "$or[1].$and[0].params.n.$foo", "$"),
        ({"$ands": []}, "$ands", "$and"),
        ({"$not": {}}, "$not", "$or"),
    ],
)
def test_an_unknown_operator_is_named_with_its_path_and_the_nearest_there_is(query: Any, path: str, near: str) -> None:
    error = bad(query)
    operator = path.rsplit(".", 1)[-1]
    assert (error.path, error.plain) == (path, f"Unsupported operator used in the query router: {operator}")
    assert f"'{operator}'" in error.reason
    assert f"did you mean '{near}" in error.reason


@pytest.mark.parametrize(
    ("query", "path"),
    [
        (None, ""),
        ([], ""),
        ("x", ""),
        ({"$and": {}}, "$and"),
        ({"$or": [{}, 1]}, "$or[1]"),
        ({"metadata.x": ["a"]}, "metadata.x"),
        ({"metadata.x": {"$in": "a"}}, "metadata.x.$in"),
        ({"metadata.x": {"$nin": {}}}, "metadata.x.$nin"),
        ({"metadata.x": {"$regex": 1}}, "metadata.x.$regex"),
        ({"metadata.x": {"$regex": "a" * 501}}, "metadata.x.$regex"),
    ],
)
def test_a_bad_query_says_where(query: Any, path: str) -> None:
    error = bad(query)
    assert error.path == path
    assert error.reason


def test_depth_and_size_are_bounded() -> None:
    nested: Any = {}
    for _ in range(32):
        nested = {"$and": [nested]}
    assert holds(nested)
    assert "deep" in bad({"$and": [nested]}).reason
    assert holds({"$and": [{}] * 998})
    assert "1000" in bad({"$and": [{}] * 1000}).reason
    assert "1000" in bad({f"metadata.{index}": {"$ne": 1, "$eq": 1} for index in range(400)}).reason


# Regular expressions. What is expected here is what a JavaScript engine answers.


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("", ["", "a"], []),
        ("gpt|claude", ["a gpt", "claude-3"], ["llama"]),
        ("^(?<region>us|eu)-\\d+$", ["us-1", "eu-22"], ["us-1\n", "us-x", "xus-1", "us-١"]),
        ("a*a*a*b", ["b"], ["a"]),
        (".*enterprise.*", ["my enterprise!", "enterprise"], ["enterprice"]),
        ("^[\\w.+-]+@[\\w.-]+\\.[a-z]{2,}$", ["j.d@mail.example.com"], ["j@mail", "j d@mail.example.com"]),
        ("^(?!.*internal).*$", ["public"], ["an internal one"]),
        ("(?<!x)y", ["y", "ay"], ["xy"]),
        ("^.$", ["a", "é"], ["", "\n", "\r", "\u2028"]),
        ("^\\w$", ["a", "_", "1"], ["é"]),
        ("^[]$", [], ["", "]"]),
        ("^[^]$", ["\n", "]"], [""]),
        ("^[]]$", [], ["]", "[]"]),
        ("^[\\w-.]$", ["a", "-", "."], ["+"]),
        ("^[a-\\d]$", ["a", "-", "5"], ["b"]),
        ("^[[&&~~||]$", ["[", "&", "~", "|"], ["]"]),
        ("^[\\b]$", ["\b"], ["b"]),
        ("^[$^.]$", ["$", "^", "."], ["a"]),
        ("^\\B$", [""], ["a"]),
        ("\\bcat\\b", ["a cat"], ["concat"]),
        ("^}{]$", ["}{]"], []),
        ("(?=a)*b", ["b"], ["a"]),
        ("^(?:a|b|cd){2}$", ["ab", "cda"], ["a", "abc"]),
        ("^a{2}b{1,}c{0,1}$", ["aabb", "aabc"], ["ab"]),
        ("^\\d{1,3}(\\.\\d{1,3}){3}$", ["192.168.1.10"], ["1.2.3"]),
        ("^a.*?b", ["a--b"], ["b--a"]),
        ("(\\w+)-(\\w+)-(\\w+)", ["eu-west-1"], ["eu-west"]),
    ],
)  # fmt: skip
def test_patterns_have_the_meaning_that_javascript_gives_them(
    pattern: str, matching: list[str], other: list[str]
) -> None:
    assert [text for text in (*matching, *other) if check({"$regex": pattern}, text)] == matching


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[a", "a\\", "*a", "{1}", "a**", "x{2,1}", "[z-a]", "[z-a]?", "(?<1>a)"],
)  # fmt: skip
def test_an_invalid_pattern_never_matches(pattern: str) -> None:
    assert not any(check({"$regex": pattern}, text) for text in ("", "a", "z", "undefined", pattern))


@pytest.mark.parametrize("pattern", ["a{200000}", "((a{500}){500}){500}", "^a{0,500}a{0,500}a{0,500}b"])
def test_a_pattern_that_would_fill_the_memory_is_refused(pattern: str) -> None:
    assert bad({"metadata.x": {"$regex": pattern}}).path == "metadata.x.$regex"


def test_the_number_of_patterns_is_bounded() -> None:
    assert "regular expressions" in bad({"$and": [{"metadata.x": {"$regex": "a"}}] * 21}).reason


@pytest.mark.parametrize(
    "pattern",
    ["x.*y.*z", "^.*a.*b", "a.*b", "^(?:\\w+\\.)+$", "^(a|ab)*$", "(a+)+b", "^(a?){30}a{30}$", "(a*)*b", "ca*a*a*b",
     "^[\\w.+-]+@[\\w.-]+\\.[a-z]{2,}$"],
)  # fmt: skip
@pytest.mark.parametrize("subject", ["a" * 5000, "1" * 5000, "a." * 2500, "@a." * 1700])
def test_every_search_comes_to_an_end(pattern: str, subject: str) -> None:
    for _ in range(5):
        assert check({"$regex": pattern}, subject + "!") in {True, False}


def test_a_pattern_that_is_given_up_does_not_hold() -> None:
    hopeless = compile_query({"metadata.x": {"$regex": "^(a|aa)+$|^(a|a)*c"}})
    assert not hopeless.matches(Request(metadata={"x": "a" * 1500 + "b"}))


def test_only_the_beginning_of_a_long_value_is_looked_at() -> None:
    assert check({"$regex": "b"}, "a" * 1999 + "b")
    assert not check({"$regex": "b"}, "a" * 2000 + "b")
    assert not check({"$regex": "b"}, ["a"] * 1000 + ["b"])


LETTERS = st.text("ab-", max_size=8)
ITEMS = st.recursive(
    st.sampled_from(["a", "b", "-", ".", "[ab]", "[^a]", "^", "$"]),
    lambda inner: (
        st.tuples(inner, inner).map("".join)
        | st.tuples(inner, inner).map("(?:{0[0]}|{0[1]})".format)
        | inner.map("(?:{})?".format)
        | inner.map("(?:{})".format)
        | inner.map("(?={})".format)
        | inner.map("(?!{})".format)
        | st.sampled_from(["a*", "b+", ".*", ".+?", "a{2}", "[ab]{0,2}"])
    ),
    max_leaves=6,
)


@given(ITEMS, st.lists(LETTERS, max_size=5))
def test_simple_patterns_agree_with_pythons(pattern: str, texts: list[str]) -> None:
    try:
        condition = compile_query({"metadata.x": {"$regex": pattern}})
    except BadQuery:
        return
    ours = [condition.matches(Request(metadata={"x": text})) for text in texts]
    assert ours == [re.search(pattern, text) is not None for text in texts]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
OPERATORS = st.sampled_from(
    ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$regex", "$and", "$or", "metadata.x", "$x"]
)


@given(
    st.recursive(JSON, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(OPERATORS, inner, max_size=3)), JSON
)
def test_any_json_is_a_condition_or_a_bad_query(query: Any, value: Any) -> None:
    try:
        condition = compile_query(query)
    except BadQuery:
        return
    assert condition.matches(Request(metadata={"x": value})) in {True, False}


@given(st.text("(a|)[^]*+?{1,2}$\\bd.-=!<:", max_size=20), st.text(max_size=10))
def test_any_pattern_is_compiled_or_refused(pattern: str, text: str) -> None:
    with contextlib.suppress(BadQuery):
        assert check({"$regex": pattern}, text) in {True, False}


# What all queries of a config, and all conditions of a request, may cost.


@pytest.mark.parametrize(
    ("query", "number", "reason"),
    [
        ({"$and": [{}] * 900}, 6, "members"),
        ({"metadata.x": {"$regex": "a"}}, 101, "more than 100 regular expressions"),
        ({"metadata.x": {"$regex": "a" * 400}}, 11, "4000 characters together"),
        ({"metadata.x": {"$regex": "(?:[ab]{30}){30}"}}, 11, "repeats"),
        ({"metadata.x": {"$regex": "(?:[ab]{300}){300}"}}, 1, "repeats"),
        ({"metadata.x": {"$regex": "a{0000000000300}" * 2}}, 17, "repeats"),
    ],
)
def test_the_queries_of_a_config_share_a_budget(query: Any, number: int, reason: str) -> None:
    budget = QueryBudget()
    for _ in range(number - 1):
        compile_query(query, budget)
    with pytest.raises(BadQuery, match=reason):
        compile_query(query, budget)


def test_searches_of_a_request_share_their_time() -> None:
    """Each search takes 8 ms by this timer: after three of them the 20 ms of the request are spent."""
    now = iter(range(0, 10_000, 8))
    searches = 0

    class Pattern:
        def is_in(self, text: str, seconds: float) -> bool:
            nonlocal searches
            searches += 1
            return False

    request = Evaluation(Request(), lambda: next(now) / 1000)
    for _ in range(400):
        assert not request.search(Pattern(), "a")  # type: ignore[arg-type]
    assert searches == 3


def test_a_value_is_read_and_turned_into_text_once() -> None:
    class Counting(Request):
        reads = 0

        def param(self, name: str) -> Any:
            self.reads += 1
            return [name]

    view = Counting()
    request = Evaluation(view)
    for number in range(100):
        compile_query({"$and": [{"params.a": {"$gt": number, "$ne": number, "$regex": "b"}}]}).matches(request)
    assert view.reads == 1

import time
from typing import Any

import pytest

from judging import judged, refused
from penstock.guards.base import Phase


@pytest.mark.parametrize(
    ("text", "wanted", "verdict"),
    [
        ("```python\nx\n```", "Python", True),
        ("```py\r\nx\r\n```", "python", True),
        ("~~~c++\nx\n~~~", "C++", True),
        ("```bash\nx\n```", "Shell", True),
        ("```\nx\n```", "Python", False),
        ("no code", "SQL", False),
    ],
)
def test_contains_code(text: str, wanted: str, verdict: bool) -> None:
    assert judged("containsCode", {"format": wanted}, text).verdict is verdict
    assert judged("containsCode", {"format": wanted, "not": True}, text).verdict is not verdict


SCHEMA = {"type": "object", "properties": {"a": {"type": "object"}, "n": {"type": "integer"}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ('{"a": {"b": {}}}', True),
        ('so: {"a": {}} ', True),
        ('```json\n{"a": {}}\n```', True),
        ('```JSON\n{"a": {}}\n```', True),
        ('```json\n{"b": 1}\n``` or {"a": {}}', True),
        ('{"a": {}, "n": "x"}', False),
        ("no JSON", False),
        ("{not JSON}", False),
        ("", False),
    ],
)
def test_json_schema(text: str, verdict: bool) -> None:
    assert judged("jsonSchema", {"schema": SCHEMA}, text).verdict is verdict


def test_what_does_not_fit_is_named() -> None:
    judgement = judged("jsonSchema", {"schema": SCHEMA}, '{"a": {}, "n": "x"}')
    assert [each["path"] for each in judgement.data["validationErrors"]] == ["/n"]
    assert judgement.data["matchedJson"] == {"a": {}, "n": "x"}
    assert judged("jsonSchema", {"schema": SCHEMA, "not": True}, '{"b": 1}').verdict
    assert not judged("jsonSchema", {"schema": SCHEMA, "not": True}, "none").verdict
    assert judged("jsonSchema", {"schema": '{"type": "array"}'}, "see [1, 2]").verdict
    for text in ('{"a": NaN}', '{"a": -Infinity}'):  # no JSON, whatever Python says
        unread = judged("jsonSchema", {"schema": SCHEMA, "not": True}, text)
        assert (unread.verdict, unread.data) == (False, None)
        assert not judged("jsonKeys", {"keys": ["a"], "operator": "any"}, text).verdict


def test_schemas_that_are_none() -> None:
    for schema in ({"type": "nothing"}, {"$ref": "https://example.com/s"}, "{", 1, None):
        assert refused("jsonSchema", {"schema": schema}) == "p.schema"


@pytest.mark.parametrize(
    ("operator", "text", "verdict"),
    [
        ("any", '{"a": 1}', True),
        ("all", '{"a": 1}', False),
        ("all", '{"x": 1} {"a": 1, "b": {}}', True),
        ("none", '{"x": 1}', True),
        ("none", '{"x": 1} {"a": 1}', False),
        ("none", "nothing", False),
        ("any", '["a"]', False),
    ],
)
def test_json_keys(operator: str, text: str, verdict: bool) -> None:
    judgement = judged("jsonKeys", {"keys": ["a", "b"], "operator": operator}, text)
    assert judgement.verdict is verdict
    assert judgement.data["operator"] == operator


def test_keys_are_required() -> None:
    assert refused("jsonKeys", {"keys": [], "operator": "any"}) == "p.keys"
    assert judged("jsonKeys", {"keys": ["a"], "operator": "any"}, "").error is not None


@pytest.mark.parametrize(
    ("message", "verdict"),
    [
        ({"content": "x"}, True),
        ({"content": "  "}, False),
        ({"content": None}, False),
        ({"content": []}, False),
        ({"content": [{"type": "text", "text": " "}]}, False),
        ({"content": None, "tool_calls": [{"function": {"arguments": "{}"}}]}, True),
    ],
)
def test_not_null(message: dict[str, Any], verdict: bool) -> None:
    body = {"choices": [{"message": message}]}
    judgement = judged("notNull", {}, body, phase=Phase.AFTER)
    assert (judgement.verdict, judgement.data["verdict"]) == (verdict, "passed" if verdict else "failed")
    assert judged("notNull", {"not": True}, body, phase=Phase.AFTER).verdict is not verdict


@pytest.mark.parametrize("text", ["`", "```{", "~~~`", "```\n", "```a\n ", "``` ", "```{}"])
def test_a_text_of_fences_takes_no_time(text: str) -> None:
    began = time.process_time()
    judged("default.containsCode", {"format": "SQL"}, text * 10_000)
    judged("default.jsonKeys", {"keys": ["a"], "operator": "any"}, text * 10_000)
    assert time.process_time() - began < 2


def union(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


UNION: dict[str, Any] = {
    "$defs": {
        "n": {
            "anyOf": [
                {"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}, "required": [name]}
                for name in ("y", "z")
            ]
        }
    },
    "$ref": "#/$defs/n",
}
"""To list what does not fit took 16 GB at 22 levels: four million errors, each with a copy of its value."""


def test_a_schema_that_doubles_at_each_level_lists_no_errors_without_end() -> None:
    few = judged("jsonSchema", {"schema": UNION}, union(4))
    assert (few.verdict, few.error, len(few.data["validationErrors"])) == (False, None, 1)
    many = judged("jsonSchema", {"schema": UNION}, union(14))
    assert not many.verdict
    assert many.data["validationErrors"] == [
        {"path": "", "message": "The value does not fit, and is too large to say where."}
    ]
    too_many = judged("jsonSchema", {"schema": UNION}, union(40))
    assert too_many.error is not None
    assert "nested too deep" in too_many.error.message


def test_patterns_of_a_schema_take_a_bounded_memory() -> None:
    assert refused("jsonSchema", {"schema": {"pattern": "(([a-z]{90}){90}){9}"}}) == "p.schema"
    many: dict[str, Any] = {"patternProperties": {f"a{{{number}}}": {} for number in range(300)}}
    assert refused("jsonSchema", {"schema": many}) == "p.schema"
    legit = [r"^\w{1,255}$", "^[A-Za-z0-9_-]{1,255}$", "^.{1,1000}$"]
    assert judged(
        "jsonSchema", {"schema": {"items": {"allOf": [{"pattern": each} for each in legit]}}}, '["a"]'
    ).verdict


@pytest.mark.parametrize(
    ("check", "parameters"), [("jsonSchema", {"schema": {}}), ("jsonKeys", {"keys": ["a"], "operator": "any"})]
)
@pytest.mark.parametrize("value", ["[" + "[]," * 300_000 + "1]", "{}" * 300_001, '{"a":' * 300_001])
def test_json_of_too_many_values_is_not_decoded(check: str, parameters: dict[str, Any], value: str) -> None:
    judgement = judged(check, parameters, value)
    assert judgement.error is not None
    assert "300000 values" in judgement.error.message


def test_not_all_languages_of_code_are_told() -> None:
    judgement = judged("containsCode", {"format": "sql"}, "```py\n1\n```\n" * 2000 + "```sql\n1\n```\n")
    assert judgement.verdict
    assert len(judgement.data["foundFormats"]) == 1000
    assert "2001 blocks" in judgement.data["explanation"]

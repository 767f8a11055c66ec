"""Body: values keep their bytes, whatever they are; anything that is no JSON object is refused with a reason."""

import itertools
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core import body
from penstock.core.body import Body, BodyError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=6), st.sampled_from([None, 1, "\t"]), st.booleans())
def test_whatever_comes_in_goes_out_with_the_same_meaning(
    value: dict[str, object], indent: str, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert json.loads(Body.parse(text.encode()).encode()) == value


@pytest.mark.parametrize(
    "value",
    [
        b"12345678901234567890123",
        b"1e400",
        b"1.10",
        b"-0.0",
        b'"\\u00e9\\/"',
        b"[1, 2,\t3]",
        b'{"b": 1, "a": {"x" :[ ]}}',
        '"žluťoučký 🐴 \u2028"'.encode(),
    ],
)
def test_a_value_keeps_every_byte(value: bytes) -> None:
    assert (
        Body.parse(b'{"model": "m", "made_up": ' + value + b" }").encode() == b'{"model":"m","made_up":' + value + b"}"
    )


@pytest.mark.parametrize(
    ("sent", "forwarded"),
    [
        (b'\xef\xbb\xbf{"a": 1.10}', b'{"a":1.10}'),
        (b'{"a": "\\ud83d", "n": 1e400 , "b":[1 ,2]}', b'{"a":"\\ud83d","n":1e400,"b":[1 ,2]}'),
        (b"\xef\xbb\xbf { } \n", b"{}"),
        (b'{"a":"\\ud800","model":"x"}', b'{"a":"\\ud800","model":"x"}'),
    ],
)
def test_a_byte_order_mark_and_lone_surrogates_are_taken(sent: bytes, forwarded: bytes) -> None:
    assert Body.parse(sent).encode() == forwarded


@pytest.mark.parametrize("size", [10, 1 << 21])
def test_what_is_written_as_it_would_be_is_not_written_again(size: int) -> None:
    prompt = b"x" * size
    written = b'{"model":"m","stream":false,"user":"' + prompt + b'"}'
    assert Body.parse(written).encode() is written
    for other in (
        b'{"model":"m", "stream":false,"user":"' + prompt + b'"}',
        b'{"model":"m","stream":true,"stream":false,"user":"' + prompt + b'"}',
        b'{"model":"m","stre\\u0061m":false,"user":"' + prompt + b'"}',
        b' {"model":"m","stream":false,"user":"' + prompt + b'"}\n',
    ):
        assert Body.parse(other).encode() == written


def test_the_names_of_many_kinds_of_bodies_are_not_all_remembered() -> None:
    names = ["model", "stream", "user", "seed", "stop", "tools", "n"]
    for order in itertools.permutations(names):
        text = b"{" + b",".join([b'"%b":1' % name.encode() for name in order]) + b"}"
        assert Body.parse(text).encode() is text
    assert len(body._NAME_SIZES) <= body._MOST_NAME_SIZES


def test_of_a_doubled_key_one_value_is_read_and_the_same_one_forwarded() -> None:
    body = Body.parse(b'{"model":"cheap","x":1,"model":"dear"}')
    assert body.value("model") == "dear"
    assert body.encode() == b'{"model":"dear","x":1}'


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"null",
        b"[1]",
        b'"text"',
        b"{",
        b'{"a":1,}',
        b'{"a":1 "b":2}',
        b'{"a":NaN}',
        b'{"a":"\\ud800",}',
        b'{"a":"\\ud800" "b":1}',
        b'{"a":"\\ud800"} x',
        b'{"a":"\\ud800", 1:2}',
        b'\xef\xbb\xbf["\\ud800"]',
        b'{"a":"\\ud800\xff"}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'\xef\xbb\xbf{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_no_json_object_is_refused(bad: bytes) -> None:
    with pytest.raises(BodyError):
        Body.parse(bad)


@given(st.binary(max_size=60) | st.text(alphabet=string.printable, max_size=60).map(str.encode))
def test_no_bytes_lead_to_anything_but_a_body_or_a_body_error(data: bytes) -> None:
    try:
        body = Body.parse(data)
    except BodyError:
        return
    assert Body.parse(body.encode()).encode() == body.encode()


def test_changes_keep_the_order_and_leave_the_original_alone() -> None:
    body = Body.parse(b'{"a":1,"b":2,"c":3}')
    assert body.replaced({"b": b"9", "d": b"4"}).encode() == b'{"a":1,"b":9,"c":3,"d":4}'
    assert body.without("a").encode() == b'{"b":2,"c":3}'
    assert body.renamed("a", "z").encode() == b'{"z":1,"b":2,"c":3}'
    assert body.renamed("a", "c").encode() == b'{"c":1,"b":2}'
    assert body.encode() == b'{"a":1,"b":2,"c":3}'


def test_looking_at_members() -> None:
    body = Body.parse(b'{"s":"x","n":null,"i":3,"bad":"\\ud800"}')
    assert list(body) == ["s", "n", "i", "bad"]
    assert "s" in body
    assert body.text("s") == "x"
    assert body.text("i") is None
    assert body.value("bad") == "\ud800"
    assert body.value("absent") is None
    assert body.raw("absent") is None
    assert [body.is_null(key) for key in ("n", "absent", "i")] == [True, True, False]


@pytest.mark.parametrize(
    ("value", "beginning"),
    [
        (b'"' + b"x" * 500 + b'"', "x" * 500),
        (b"[1,2]", [1, 2]),
        (b"[" + b"1," * 500 + b"1]", [1] * 49),
        (b'{"a":"' + b"x" * 500 + b'"}', {}),
        (b'[null, {"a":"' + b"x" * 500 + b'"}]', [None, {}]),
        (b'["' + b"a" * 500 + b'"]', ["a" * 98]),
        (b'["' + b"\\u00e9" * 500 + b'"]', ["\xe9" * 16]),
        (b"[[" + b"1," * 500 + b"1]]", []),
        (b"[1,}" + b" " * 500, [1]),
    ],
)
def test_of_a_large_value_only_the_beginning_is_decoded(value: bytes, beginning: object) -> None:
    body = Body.parse(b'{"a":1}').replaced({"a": value})
    assert body.beginning("a", 100) == beginning


def test_the_size_of_a_body_is_that_of_its_values() -> None:
    assert Body.parse(b'{"a":"xyz","b":[1, 2]}').size == 5 + 6


def test_several_members_are_changed_at_once() -> None:
    body = Body.parse(b'{"a":1,"b":2,"c":3}')
    assert body.changed({"a": None, "c": b"4", "d": b"5"}).encode() == b'{"b":2,"c":4}'


def test_values_lie_where_they_lie() -> None:
    data = b' {"a" : [1, 2] ,"b\\u00e9":"x","c":{}}\n'
    body = Body.parse(data)
    places = body.places(data)
    assert places == {"a": (8, 14), "bé": (26, 29), "c": (34, 36)}
    assert Body.located(data, places).encode() == body.encode()


@pytest.mark.parametrize("data", [b'{"a":1,"a":2}', b'{"a":1,"b":3,"a":2}', b'{"a":1,"b":3,"a":2,"b":4}'])
def test_a_name_that_comes_twice_hides_the_places(data: bytes) -> None:
    body = Body.parse(data)
    places = body.places(data)
    assert all(isinstance(place, bytes) for place in places.values())
    assert Body.located(data, places).encode() == body.encode()


def test_a_body_has_so_many_members() -> None:
    members = b",".join(b'"%d":1' % number for number in range(4096))
    assert Body.parse(b"{%b}" % members).size == 4096
    for more in (b'"x":1', b'"x":"\\ud800"'):
        with pytest.raises(BodyError, match="more than 4096 members"):
            Body.parse(b"{%b,%b}" % (members, more))


def test_a_light_copy() -> None:
    body = Body.parse(b'{"model":"m","messages":["long enough"]}')
    assert body.lightened(5).encode() == b'{"model":"m"}'


@pytest.mark.parametrize(
    "text",
    [
        b'{"model":"m","stream":false}',
        b'{"model":"m", "stream":false}',
        b'{"model":"m","stream":false} ',
        b'{"model":"a","model":"m","stream":false}',
        b'{"mod\\u0065l":"m","stream":false}',
        b'{"\\u00e9":1,"stream":false}',
        '{"é":1,  "é":1}'.encode(),
        b"{}",
    ],
)
def test_a_body_is_written_anew_unless_it_is_written_so_already(text: bytes) -> None:
    body = Body.parse(text)
    assert body.encode() == Body(dict(body.members)).encode()


def test_a_body_that_is_written_so_already_is_not_copied() -> None:
    text = b'{"model":"m","messages":[1, 2],"stream":false}'
    assert Body.parse(text).encode() is text

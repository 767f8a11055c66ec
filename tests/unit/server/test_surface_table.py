"""Exact paths come first, templates after them."""

from __future__ import annotations

from penstock.core.operation import Operation
from penstock.server.bodies.media_types import BodyKind
from penstock.server.surface_table import Match, Surface, SurfaceTable

OPENAI = "openai_chat"


def surface(method: str, path: str, operation: Operation = Operation.MODEL) -> Surface:
    return Surface(method, path, operation, OPENAI, BodyKind.NONE)


def found(table: SurfaceTable, method: str, path: str) -> Match:
    match = table.find(method, path)
    assert isinstance(match, Match), match
    return match


def test_another_method_is_told_the_ones_that_there_are() -> None:
    table = SurfaceTable([surface("GET", "/a"), surface("POST", "/a", Operation.CHAT)])
    assert table.find("PUT", "/a") == "GET, POST"
    assert found(table, "POST", "/a").surface.operation is Operation.CHAT


def test_an_exact_path_comes_before_a_template() -> None:
    table = SurfaceTable([surface("GET", "/a/{id}"), surface("GET", "/a/list", Operation.MODELS)])
    assert found(table, "GET", "/a/list").surface.operation is Operation.MODELS
    assert found(table, "GET", "/a/other").parameters == {"id": "other"}
    assert table.find("POST", "/a/list") == "GET"


def test_a_template_may_have_several_parameters() -> None:
    table = SurfaceTable([surface("GET", "/a/{one}/b.c/{two}"), surface("GET", "/x/{y}/end")])
    assert found(table, "GET", "/a/1/b.c/2/3").parameters == {"one": "1", "two": "2/3"}
    assert found(table, "GET", "/x/1/2/end").parameters == {"y": "1/2"}
    assert table.find("GET", "/a/1/bxc/2") is None
    assert table.find("GET", "/a/1/2/b.c/3") is None
    assert table.find("GET", "/x/1/2") is None


def test_of_two_templates_the_first_counts() -> None:
    table = SurfaceTable([surface("GET", "/a/{id}/b"), surface("GET", "/a/{id}", Operation.MODELS)])
    assert found(table, "GET", "/a/1/b").parameters == {"id": "1"}
    assert found(table, "GET", "/a/1").surface.operation is Operation.MODELS


def test_a_table_without_templates() -> None:
    assert SurfaceTable([surface("GET", "/a")]).find("GET", "/b") is None


def test_the_wire_above_a_path() -> None:
    table = SurfaceTable([surface("GET", "/a"), surface("GET", "/b/{id}")])
    assert table.wire_above("/a/b") == OPENAI
    assert table.wire_above("/ab") is None
    assert table.wire_above("/b/1") is None

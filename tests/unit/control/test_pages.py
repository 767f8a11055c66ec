"""Pages of a list."""

import pytest

from penstock.control.pages import Page, as_list, page_of
from penstock.control.refusal import Refusal


def test_pages_are_counted_from_0_and_bounded() -> None:
    assert page_of({}) == Page(0, 100)
    assert page_of({"current_page": "2", "page_size": "7"}) == Page(2, 7)
    assert page_of({"page_size": "5000"}).size == 1000
    assert page_of({}, 50, 100) == Page(0, 50)


@pytest.mark.parametrize(
    "query", [{"page_size": "0"}, {"current_page": "-1"}, {"page_size": "x"}, {"current_page": "101"}]
)
def test_pages_that_are_not_there(query: dict[str, str]) -> None:
    with pytest.raises(Refusal):
        page_of(query)


def test_a_list_may_have_another_member() -> None:
    assert as_list(3, [{"a": 1}], "records") == {"object": "list", "total": 3, "records": [{"a": 1}]}

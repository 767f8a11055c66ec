"""The drill of values that callers make up, with a few."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import distinct_values

PAGE = """\
# HELP penstock_requests_total Finished requests.
# TYPE penstock_requests_total counter
penstock_requests_total{operation="chat.completions",provider="echo",model="echo",status="2xx"} 3
penstock_workers 1
penstock_metadata_requests_total{name="team",value="a"} 1
penstock_metadata_requests_total{name="team",value="other"} 2
penstock_metadata_requests_total{name="_user",value="a"} 3
"""


def test_a_page_is_read() -> None:
    assert distinct_values.read_page(PAGE) == {"series": 5, "values_team": 2, "values__user": 1, "values_session": 0}


def test_each_chat_has_values_of_its_own(tmp_path: Path) -> None:
    first, last = distinct_values.run(40, tmp_path, parts=1)
    assert (first["values_team"], last["values_team"], last["values__user"], last["values_session"]) == (0, 40, 40, 40)
    assert last["series"] - first["series"] >= 40 * 3 * 2


def sample(requests: int, **more: Any) -> dict[str, Any]:
    values = dict.fromkeys((f"values_{name}" for name in distinct_values.COUNTED), distinct_values.MOST + 1)
    return {**values, "requests": requests, "series": 2000, "objects": 5000, "kinds": {"builtins.list": 10}, **more}


def test_what_grows_is_a_problem() -> None:
    def problems(has_policy: bool = False, **more: Any) -> int:
        return len(distinct_values.problems([sample(0), sample(500), sample(1000, **more)], has_policy=has_policy))

    assert problems(objects=5025) == 0
    assert problems(values_team=distinct_values.MOST + 2) == 1
    assert problems(series=2001) == 1
    assert (problems(objects=5026), problems(objects=5026, has_policy=True)) == (1, 0)

"""One body for every error."""

import pytest

from penstock.admin.answer import Answer, refused
from penstock.control.refusal import Problem, Refusal, Why


@pytest.mark.parametrize("why", Why)
def test_every_refusal_has_the_one_body(why: Why) -> None:
    answer = refused(Refusal(why, "no", [Problem("/a", "bad"), Problem("/b", "worse")], retry_after=3))
    body = answer.body
    code = body["errorCode"]
    assert answer.status >= 400
    assert answer.headers == {"retry-after": "3"}
    assert set(body) == {"success", "status", "message", "error", "data", "errorCode"}
    assert body["error"] == {"message": "no", "type": why.value, "param": "/a", "code": code}
    assert [each["pointer"] for each in body["data"]["problems"]] == ["/a", "/b"]
    assert code.startswith("AB0")


def test_half_of_a_surrogate_pair_is_written_all_the_same() -> None:
    assert Answer({"a": "\ud800"}).encoded() == b'{"a":"\\ud800"}'

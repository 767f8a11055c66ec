from judging import context
from penstock.guards.base import Phase, could_not


def test_the_text_of_a_context() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": ""}, {"text": "b"}]
    subject = context({"messages": [{"role": "user", "content": parts}]})
    assert subject.text == "a\nb"
    assert subject.body is subject.request
    answer = context("x", Phase.AFTER)
    assert answer.body is answer.response


def test_what_could_not_judge() -> None:
    judgement = could_not("why", "TimeoutError")
    assert judgement.error is not None
    assert (judgement.verdict, judgement.error.message, judgement.error.name) == (False, "why", "TimeoutError")

import hashlib
import hmac
import json
from typing import Any

import pytest

from counted import Copy
from judging import Way, asked, refused
from penstock.guards.base import CheckError, OutboundReply, OutboundRequest, Phase
from penstock.guards.checks.web import urls_in

URL = "https://user:secret@example.com/hook?key=secret"


def says(value: Any, status: int = 200) -> Way:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Way(lambda _: OutboundReply(status, {"content-type": "application/json"}, body))


@pytest.mark.parametrize("verdict", [True, False])
def test_a_webhook_decides(verdict: bool) -> None:
    way = says({"verdict": verdict, "data": {"reason": "x"}})
    headers = {"authorization": "Bearer secret", "x-team": "a", "cookie": "c"}
    parameters = {"webhookURL": URL, "headers": '{"x-own": "1"}', "forwardHeaders": ["X-Team", "authorization"]}
    judgement = asked("webhook", parameters, "hello", way, headers=headers)
    assert judgement.verdict is verdict
    assert judgement.data["responseData"] == {"reason": "x"}
    assert judgement.data["webhookUrl"] == "https://example.com/hook"
    assert judgement.data["requestContext"] == {"timeout": 3000}
    [sent] = way.sent
    value = json.loads(sent.body)
    assert (value["request"]["text"], value["eventType"]) == ("hello", "beforeRequestHook")
    assert "headers" not in value["request"]
    assert dict(sent.headers) == {"content-type": "application/json", "x-team": "a", "x-own": "1"}
    assert b"secret" not in sent.body


def test_a_webhook_may_change_the_body() -> None:
    changed = {"verdict": True, "transformedData": {"request": {"json": {"a": 1}}, "response": {"json": {"b": 2}}}}
    assert asked("webhook", {"webhookURL": URL}, "x", says(changed)).body == b'{"a":1}'
    assert asked("webhook", {"webhookURL": URL}, "x", says(changed), phase=Phase.AFTER).body == b'{"b":2}'


@pytest.mark.parametrize("changed", ["x", [], {"request": "x"}, {"request": {"json": [1]}}, {"request": {"json": "x"}}])
def test_a_change_in_no_form_is_an_error(changed: Any) -> None:
    judgement = asked("webhook", {"webhookURL": URL}, "x", says({"verdict": True, "transformedData": changed}))
    assert judgement.error is not None
    assert "transformedData.request.json" in judgement.error.message
    refusal = asked("webhook", {"webhookURL": URL}, "x", says({"verdict": False, "transformedData": changed}))
    assert (refusal.verdict, refusal.error, refusal.body) == (False, None, None)


@pytest.mark.parametrize(
    "changed", [None, {}, {"response": {"json": {"a": 1}}}, {"request": None}, {"request": {"json": None}}]
)
def test_no_change(changed: Any) -> None:
    judgement = asked("webhook", {"webhookURL": URL}, "x", says({"verdict": True, "transformedData": changed}))
    assert (judgement.verdict, judgement.error, judgement.body) == (True, None, None)


@pytest.mark.parametrize(
    ("way", "name"),
    [
        (says({"data": 1}), "Error"),
        (says(b"<html>"), "Error"),
        (says({"why": "x"}, 500), "HttpError"),
        (Way(lambda _: CheckError("late", "TimeoutError")), "TimeoutError"),
    ],
)
def test_a_webhook_that_does_not_decide(way: Way, name: str) -> None:
    judgement = asked("webhook", {"webhookURL": URL}, "x", way)
    assert judgement.error is not None
    assert (judgement.verdict, judgement.error.name) == (False, name)
    assert "secret" not in repr(judgement)


def test_what_a_failing_webhook_said() -> None:
    assert asked("webhook", {"webhookURL": URL}, "x", says({"why": "x"}, 500)).data["responseData"] == {"why": "x"}
    assert refused("webhook", {}) == "p.webhookURL"
    assert refused("webhook", {"webhookURL": URL, "headers": "{"}) == "p.headers"
    for nowhere in ("nowhere", "ftp://a.example/", "https://", "https://[", 1):
        assert refused("webhook", {"webhookURL": nowhere}) == "p.webhookURL"
        assert refused("log", {"logURL": nowhere}) == "p.logURL"


def test_a_log() -> None:
    way = says(b"", 204)
    logs = {"logURL": URL, "headers": {"x": "1"}}
    judgement = asked("log", {**logs, "sync": True}, "hello", way, headers={"authorization": "secret"})
    assert judgement.verdict
    assert b"secret" not in way.sent[0].body
    forwards = {**logs, "sync": True, "forwardHeaders": ["x-portkey-trace-id", "authorization"]}
    forwarding = says(b"", 204)
    asked("log", forwards, "hello", forwarding, headers={"authorization": "secret", "x-portkey-trace-id": "t"})
    assert (forwarding.sent[0].headers["x-portkey-trace-id"], "authorization" in forwarding.sent[0].headers) == (
        "t",
        False,
    )
    assert asked("log", {"logURL": URL, "sync": True}, "x", says(b"", 500)).error is not None
    assert asked("log", logs, "hello", way).verdict
    assert (len(way.sent), len(way.told), way.told[0].body) == (1, 1, way.sent[0].body)
    way.has_room = False
    assert asked("log", logs, "hello", way).error is not None


def test_a_webhook_is_signed() -> None:
    way = says({"verdict": True})
    forwards = ["x-portkey-trace-id", "x-portkey-api-key"]
    headers = {"x-portkey-trace-id": "t", "x-portkey-api-key": "secret"}
    parameters = {"webhookURL": URL, "signingSecret": "s3cret", "forwardHeaders": forwards}
    asked("webhook", parameters, "hello", way, headers=headers, now=1700000000.5)
    [sent] = way.sent
    assert sent.headers["x-portkey-trace-id"] == "t"
    assert "x-portkey-api-key" not in sent.headers
    made = hmac.new(b"s3cret", b"1700000000." + sent.body, hashlib.sha256).hexdigest()
    assert sent.headers["x-penstock-signature"] == f"t=1700000000,v1={made}"


def test_addresses_that_are_looked_up() -> None:
    way = Way(lambda _: CheckError("nobody is asked"))
    text = "https://a.example/x http://b.example:8080/ https://c.test/"
    judgement = asked("validUrls", {"onlyDNS": True}, text, way)
    assert judgement.data["validUrls"] == ["https://a.example/x", "http://b.example:8080/"]
    assert (judgement.verdict, judgement.data["validationMethod"], way.sent) == (False, "DNS lookup", [])


def test_addresses_that_are_looked_up_over_https() -> None:
    answers = {"a.example": {"Status": 0, "Answer": [{}]}, "b.example": {"Status": 0}, "c.example": {"Status": 3}}

    def answer(request: OutboundRequest) -> OutboundReply | CheckError:
        assert request.headers == {"accept": "application/dns-json"}
        name = request.url.removeprefix("https://1.1.1.1/dns-query?name=")
        said = answers.get(name)
        return CheckError("late") if said is None else OutboundReply(200, {}, json.dumps(said).encode())

    text = "https://a.example/x http://b.example http://c.example https://d.example http://a.example:8080"
    way = Way(answer)
    judgement = asked("validUrls", {"onlyDNS": True, "resolver": "doh"}, text, way)
    assert judgement.data["validUrls"] == ["https://a.example/x", "http://a.example:8080"]
    assert (judgement.verdict, len(way.sent)) == (False, 4)
    assert refused("validUrls", {"resolver": "doh"}) == "p.resolver"
    assert refused("validUrls", {"onlyDNS": True, "resolver": "other"}) == "p.resolver"


def test_of_an_address_only_the_head_is_read() -> None:
    way = Way(reach)
    asked("validUrls", {}, "https://a.test/get", way)
    assert [(each.method, each.limit) for each in way.sent] == [("HEAD", 0), ("GET", 0)]


def test_addresses_in_a_text() -> None:
    text = "(see https://a.test/x), http://b.test/y(1). https://a.test/x and https://c.test/?q=1;"
    assert urls_in(text) == ["https://a.test/x", "http://b.test/y(1)", "https://c.test/?q=1"]


@pytest.mark.parametrize("behind", [")", ").", "(", ".", "!?", "()"])
def test_what_is_behind_an_address_is_looked_at_once(behind: str) -> None:
    copy = Copy()

    def work(number: int) -> int:
        text = "http://a.b" + behind * number
        return copy.count(lambda: copy["penstock.guards.checks.web"].urls_in(text))

    assert work(4000) <= 2.6 * work(2000)


def test_addresses_of_a_long_text_are_not_looked_for() -> None:
    judgement = asked("validUrls", {"onlyDNS": True}, "h" * ((512 << 10) + 1), Way(reach))
    assert judgement.error is not None


def reach(request: OutboundRequest) -> OutboundReply | CheckError:
    path = request.url.rpartition("/")[2]
    if path == "refused":
        return CheckError("refused")
    if path == "moved":
        return OutboundReply(302, {"location": "/good"}, b"")
    if path == "loop":
        return OutboundReply(302, {"location": "/loop"}, b"")
    if path == "get" and request.method == "HEAD":
        return OutboundReply(405, {}, b"")
    return OutboundReply(200 if path in {"good", "get"} else 404, {}, b"")


@pytest.mark.parametrize(
    ("text", "verdict", "valid"),
    [
        ("https://a.test/good https://a.test/get https://a.test/moved", True, 3),
        ("https://a.test/good https://a.test/bad", False, 1),
        ("https://a.test/refused", False, 0),
        ("https://a.test/loop", False, 0),
        ("none", False, 0),
    ],
)
def test_valid_urls(text: str, verdict: bool, valid: int) -> None:
    judgement = asked("validUrls", {}, text, Way(reach))
    assert judgement.verdict is verdict
    assert len(judgement.data.get("validUrls", [])) == valid
    if "urls" in judgement.data:
        assert not asked("validUrls", {"not": True}, text, Way(reach)).verdict
    else:
        assert asked("validUrls", {"not": True}, text, Way(reach)).verdict is not verdict


def test_no_more_than_twenty_addresses_are_asked() -> None:
    way = Way(reach)
    text = " ".join(f"https://a.test/{number}/good" for number in range(30))
    judgement = asked("validUrls", {}, text, way)
    assert (judgement.verdict, len(way.sent), len(judgement.data["invalidUrls"])) == (False, 20, 10)

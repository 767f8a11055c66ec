"""Signatures, bodies and mails."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from penstock.core.http import Posted
from penstock.observe.alerts.channels import Mail, Slack, Webhook, signature, signing_key
from penstock.observe.alerts.notice import Notice

NOTICE = Notice("store_down", "k", 1.0, "The <database> & more.", {"store": "database", "none": None}, "key-1")


class Door:
    """Keeps what is posted."""

    def __init__(self, answer: Posted) -> None:
        self.answer = answer
        self.posted: list[tuple[bytes, dict[str, str]]] = []

    async def post(self, body: bytes, headers: dict[str, str]) -> Posted:
        self.posted.append((body, headers))
        return self.answer


def test_the_example_of_standard_webhooks() -> None:
    """https://github.com/standard-webhooks/standard-webhooks: the test vector of its libraries."""
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets() -> None:
    assert signing_key("any text") == b"any text"
    with pytest.raises(ValueError, match="base64"):
        signing_key("whsec_!")


async def test_a_webhook_signs_with_the_time_of_the_attempt() -> None:
    door = Door(Posted(204))
    assert await Webhook(door, "secret", lambda: 77.9).tell(NOTICE) == ""
    ((body, headers),) = door.posted
    assert headers["webhook-timestamp"] == "77"
    assert headers["webhook-signature"] == signature(b"secret", NOTICE.id, "77", body)
    assert json.loads(body)["data"]["store"] == "database"


async def test_what_goes_wrong_is_told() -> None:
    assert await Webhook(Door(Posted(0, problem="refused")), "").tell(NOTICE) == "refused"
    assert await Slack(Door(Posted(404))).tell(NOTICE) == "the receiver answers with status 404"


async def test_slack_s_characters_are_escaped() -> None:
    door = Door(Posted(200))
    assert await Slack(door).tell(NOTICE) == ""
    text = "The &lt;database&gt; &amp; more."
    assert json.loads(door.posted[0][0]) == {"text": text, "unfurl_links": False}


async def test_nobody_s_name_of_a_model_calls_everybody() -> None:
    door = Door(Posted(200))
    await Slack(door).tell(Notice("circuit_open", "k", 1.0, "The circuit of openai (<!channel> @everyone) has opened."))
    text = json.loads(door.posted[0][0])["text"]
    assert "<!channel>" not in text
    assert "@everyone" not in text


async def test_mail_goes_to_each_address_once() -> None:
    sent: list[tuple[Sequence[str], str, str]] = []

    async def send(addresses: Sequence[str], subject: str, text: str) -> dict[str, str]:
        sent.append((addresses, subject, text))
        return {}

    async def owners(notice: Notice) -> Sequence[str]:
        return ["a@x", "b@x"] if notice.owner else []

    assert await Mail(send, ("a@x",), owners).tell(NOTICE) == ""
    ((addresses, subject, text),) = sent
    assert addresses == ["a@x", "b@x"]
    assert subject == "Penstock: The <database> & more."
    assert "store: database\n" in text
    assert "none" not in text
    assert await Mail(send, (), owners).tell(Notice("store_down", "k", 1.0, "x")) == ""
    assert len(sent) == 1


async def test_who_has_a_mail_gets_no_other_while_somebody_else_waits() -> None:
    sent: list[list[str]] = []
    down = {"a@x": "the server is down", "b@x": "the server is down"}
    answers = [down, {"b@x": "nobody"}, {"b@x": "nobody"}, {}]

    async def send(addresses: Sequence[str], subject: str, text: str) -> dict[str, str]:
        sent.append([*addresses])
        return answers.pop(0)

    async def owners(_: Notice) -> Sequence[str]:
        return ["b@x"]

    mail = Mail(send, ("a@x",), owners)
    problems = [await mail.tell(NOTICE) for _ in range(4)]
    assert problems == ["the server is down", "to b@x: nobody", "to b@x: nobody", ""]
    assert sent == [["a@x", "b@x"], ["a@x", "b@x"], ["b@x"], ["b@x"]]


async def test_a_name_that_people_chose_makes_no_line_of_its_own() -> None:
    """Whoever may make keys names them, and operators read the name in mails and chats."""
    name = "team\nused: 0\u2028\u202eevil"
    notice = Notice("budget_exhausted", "k", 1.0, f"The budget b of the key {name} is used up.", {"name": name})
    sent: list[str] = []

    async def send(addresses: Sequence[str], subject: str, text: str) -> dict[str, str]:
        sent.extend((subject, text))
        return {}

    async def nobody(_: Notice) -> Sequence[str]:
        return []

    assert await Mail(send, ("a@x",), nobody).tell(notice) == ""
    subject, text = sent
    assert subject.splitlines() == ["Penstock: The budget b of the key team used: 0  evil is used up."]
    assert text.splitlines()[2:4] == ["name: team used: 0  evil", ""]
    door = Door(Posted(200))
    await Slack(door).tell(notice)
    assert json.loads(door.posted[0][0])["text"].isprintable()
    assert notice.payload["data"] == {"message": notice.sentence, "name": name}

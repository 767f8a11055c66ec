"""Mail to a server on loopback; tests/e2e/test_alerts.py sends it from a gateway."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import threading
from typing import cast

import pytest
import trustme

from mailing import running_mailbox
from penstock.core.address import AddressPolicy
from penstock.core.secret import Secret
from penstock.transport.mail import Mailer, MailServer
from upstream import refusing_port


def mailer(port: int, user: str = "", **tls: ssl.SSLContext) -> Mailer:
    server = MailServer("127.0.0.1", port, user=user, password=Secret("p"))
    context = tls.get("tls")
    policy = AddressPolicy()
    if context is None:
        return Mailer(server, "penstock@example.com", 10.0, policy)
    return Mailer(server, "penstock@example.com", 10.0, policy, lambda: context)


async def problem(mailer: Mailer) -> str:
    """What went wrong with a mail to one address."""
    (text,) = (await mailer.send(["a@x"], "s", "t")).values()
    return text


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("smtp://mail.example.com", MailServer("mail.example.com", 587)),
        ("smtps://u%40x:p%3A@h:2525", MailServer("h", 2525, True, "u@x", Secret("p:"))),
        ("smtps://h", MailServer("h", 465, True)),
    ],
)
def test_addresses(text: str, server: MailServer) -> None:
    assert MailServer.parse(text) == server


@pytest.mark.parametrize("text", ["http://h", "h:25", "smtp://", "smtp://u:secret@h/path", "smtp://h:port"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="expected smtp") as caught:
        MailServer.parse(text)
    assert "secret" not in str(caught.value)


async def test_a_mail() -> None:
    with running_mailbox() as mailbox:
        assert await mailer(mailbox.port).send(["a@x", "b@x"], "A\nsubject: ü\ud800", "Textü\n.\n") == {}
    mail, other = mailbox.mails
    assert (mail["to"], mail["from"], mail["subject"]) == ("a@x", "penstock@example.com", "A subject: ü?")
    assert other["to"] == "b@x"
    assert mail.get_content().replace("\r\n", "\n") == "Textü\n.\n"
    assert mail.as_bytes().isascii()
    assert mailbox.recipients == [["<a@x>"], ["<b@x>"]]
    assert mailbox.logins == []


@pytest.mark.parametrize("subject", ["Ünïcode Schlüssel 日本 of 2", "ü " * 90 + "ü", "<!channel> é @everyone"])
async def test_a_subject_keeps_its_spaces(subject: str) -> None:
    with running_mailbox() as mailbox:
        assert await mailer(mailbox.port).send(["a@x"], subject, "t") == {}
    assert mailbox.mails[0]["subject"] == subject
    assert max(len(line) for line in mailbox.mails[0].as_bytes().splitlines()) < 100


async def test_an_address_that_is_refused_costs_the_others_nothing() -> None:
    with running_mailbox() as mailbox:
        mailbox.unknown = {"b@x"}
        problems = await mailer(mailbox.port).send(["ä@x", "b@x", "c@x\r\nBcc: d@x", "e@x"], "s", "t")
    assert mailbox.recipients == [["<e@x>"]]
    assert list(problems) == ["ä@x", "b@x", "c@x\r\nBcc: d@x"]
    assert problems["b@x"] == "the mail server 127.0.0.1: it answers 550 nobody"
    assert "linefeed" in problems["c@x\r\nBcc: d@x"]


async def test_a_name_and_a_password_beyond_ascii() -> None:
    with running_mailbox() as mailbox:
        server = MailServer("127.0.0.1", mailbox.port, user="jörg", password=Secret("pässwörd"))
        assert await Mailer(server, "penstock@example.com", 10.0, AddressPolicy()).send(["a@x"], "s", "t") == {}
    assert mailbox.logins == ["\0jörg\0pässwörd"]


async def test_a_server_that_stays_silent_holds_no_thread() -> None:
    with running_mailbox() as mailbox:
        mailbox.is_silent = True
        server = MailServer("127.0.0.1", mailbox.port)
        problems = await Mailer(server, "penstock@example.com", 0.01, AddressPolicy()).send(["a@x"], "s", "t")
        assert "in time" in problems["a@x"] or "timed out" in problems["a@x"]
    with running_mailbox() as mailbox:
        mailbox.is_silent = True
        server = MailServer("127.0.0.1", mailbox.port)
        task = asyncio.create_task(
            Mailer(server, "penstock@example.com", 3600.0, AddressPolicy()).send(["a@x"], "s", "t")
        )
        assert await asyncio.to_thread(mailbox.has_come.wait, 300)
        task.cancel()
        assert await asyncio.to_thread(mailbox.has_left.wait, 300)
        with pytest.raises(asyncio.CancelledError):
            await task


class _Pause:
    """Judges the address of a connection when it may go on."""

    def __init__(self) -> None:
        self.judges, self.may_go_on = threading.Event(), threading.Event()

    def refuse_address(self, *_: object) -> None:
        self.judges.set()
        assert self.may_go_on.wait(300)


async def test_a_sender_who_leaves_while_the_connection_is_made_holds_no_thread() -> None:
    with running_mailbox() as mailbox:
        mailbox.is_silent = True
        server, pause = MailServer("127.0.0.1", mailbox.port), _Pause()
        policy = cast("AddressPolicy", pause)
        task = asyncio.create_task(Mailer(server, "penstock@example.com", 3600.0, policy).send(["a@x"], "s", "t"))
        assert await asyncio.to_thread(pause.judges.wait, 300)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        pause.may_go_on.set()
        assert await asyncio.to_thread(mailbox.has_left.wait, 300)


async def test_encryption_by_starttls() -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    with running_mailbox(server) as mailbox:
        assert await mailer(mailbox.port, "u", tls=client).send(["a@x"], "s", "t") == {}
        assert mailbox.was_encrypted
        assert mailbox.logins == ["\0u\0p"]
        assert "certificate verify failed" in await problem(mailer(mailbox.port, "u"))


async def test_what_goes_wrong_is_told() -> None:
    with refusing_port() as port:
        assert "refused" in await problem(mailer(port))
    with running_mailbox() as mailbox:
        mailbox.refuses = 1
        assert "451 later" in await problem(mailer(mailbox.port))


async def test_a_metadata_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AddressPolicy, "refuse_address", lambda *_: "it is a link-local or cloud metadata address")
    with running_mailbox() as mailbox:
        assert "may not be called" in await problem(mailer(mailbox.port))
        assert mailbox.mails == []


class Plain(smtplib.SMTP):
    """A server that offers no encryption, said hello to."""

    ehlo_resp = b"mail.example.com"


@pytest.mark.parametrize(("host", "user"), [("mail.example.com", ""), ("127.0.0.1", "u")])
def test_without_a_password_or_on_loopback_nothing_need_be_encrypted(host: str, user: str) -> None:
    server = MailServer(host, 587, user=user, password=Secret("p"))
    assert not Mailer(server, "penstock@example.com", 10.0, AddressPolicy())._may_encrypt(Plain())


def test_a_password_does_not_leave_the_machine_unencrypted() -> None:
    server = MailServer("mail.example.com", 587, user="u", password=Secret("p"))
    with pytest.raises(ValueError, match="the password is not sent without"):
        Mailer(server, "penstock@example.com", 10.0, AddressPolicy())._may_encrypt(Plain())

"""Mail to a server on loopback; tests/e2e/test_alerts.py sends it from a gateway."""

from __future__ import annotations

import smtplib
import ssl

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
        assert await mailer(mailbox.port).send(["a@x", "b@x"], "A\nsubject: ü\ud800", "Text\n.\n") == ""
    (mail,) = mailbox.mails
    assert (mail["to"], mail["from"], mail["subject"]) == ("a@x, b@x", "penstock@example.com", "A subject: ü?")
    assert mail.get_content().replace("\r\n", "\n") == "Text\n.\n"
    assert mailbox.recipients == [["TO:<a@x>", "TO:<b@x>"]]
    assert mailbox.logins == []


async def test_encryption_by_starttls() -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    with running_mailbox(server) as mailbox:
        assert await mailer(mailbox.port, "u", tls=client).send(["a@x"], "s", "t") == ""
        assert mailbox.was_encrypted
        assert mailbox.logins == ["\0u\0p"]
        assert "certificate verify failed" in await mailer(mailbox.port, "u").send(["a@x"], "s", "t")


async def test_what_goes_wrong_is_told() -> None:
    with refusing_port() as port:
        assert "refused" in await mailer(port).send(["a@x"], "s", "t")
    with running_mailbox() as mailbox:
        mailbox.refuses = 1
        assert "451 later" in await mailer(mailbox.port).send(["a@x"], "s", "t")
        assert "linefeed" in await mailer(mailbox.port).send(["a@x\r\nBcc: b@x"], "s", "t")


async def test_a_metadata_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AddressPolicy, "refuse_address", lambda *_: "it is a link-local or cloud metadata address")
    with running_mailbox() as mailbox:
        assert "may not be called" in await mailer(mailbox.port).send(["a@x"], "s", "t")
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

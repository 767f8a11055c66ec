"""A client in the same process: defects of the application show."""

import pytest

from commands import Gateway, installed, run
from penstock.server.asgi import Message, Scope, Send
from penstock.server.bodies.receive import Receive


def test_a_defect_of_the_application_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    async def defective(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError(scope["type"])

    installed(monkeypatch, defective)
    with pytest.raises(LookupError):
        run("chat", "Hi")


def test_an_application_that_leaves_a_reply_unfinished(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unfinished(Gateway):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def cut(message: Message) -> None:
                if message["type"] != "http.response.body" or message["more_body"]:
                    await send(message)

            await super().__call__(scope, receive, cut)

    installed(monkeypatch, Unfinished(b'{"choices": ['))
    assert run("chat", "Hi", "--no-stream").stderr == "Error: the reply is no chat completion\n"

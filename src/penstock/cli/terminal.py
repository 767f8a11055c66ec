"""A chat completion on a terminal: text to standard output as it arrives, an error's message to standard error."""

from __future__ import annotations

from typing import Any, Final

import click
import msgspec

from penstock.dialects.framing.sse import EventRelay, events


class _Words(msgspec.Struct):
    content: Any = None


class _Choice(msgspec.Struct):
    index: int = 0
    message: _Words | None = None
    delta: _Words | None = None
    finish_reason: str | None = None


class _Error(msgspec.Struct):
    message: str


class _Reply(msgspec.Struct):
    """A reply, an event of its stream, or an error: as far as they are shown."""

    choices: list[_Choice] = []
    error: _Error | None = None


_REPLY: Final = msgspec.json.Decoder(_Reply)
_EXCERPT: Final = 500


class Terminal:
    """Takes a reply piece by piece. Raises ClickException when it turns out to be an error, or to be no reply."""

    def __init__(self) -> None:
        self._status = 0
        self._relay: EventRelay | None = None
        self._whole: list[bytes] = []
        self._shown = ""
        self._finish: str | None = None

    def head(self, status: int, content_type: str) -> None:
        self._status = status
        if status == 200 and content_type.startswith("text/event-stream"):
            self._relay = EventRelay()

    def body(self, data: bytes) -> None:
        if self._relay is None:
            self._whole.append(data)
        else:
            self._show_events(self._relay.feed(data))

    def end(self) -> None:
        if self._relay is not None:
            self._show_events(self._relay.finish())
        elif self._status == 200:
            self._show(b"".join(self._whole))
        else:
            raise click.ClickException(_complaint(self._status, b"".join(self._whole)))
        self._end_line()
        if not self._shown:
            reason = f" (finish reason: {self._finish})" if self._finish else ""
            click.echo(f"The reply has no text{reason}.", err=True)

    def _show_events(self, data: bytes) -> None:
        for _, event in events(data):
            if event != b"[DONE]":
                self._show(event)

    def _show(self, data: bytes) -> None:
        try:
            reply = _REPLY.decode(data)
        except msgspec.DecodeError:
            self._end_line()
            raise click.ClickException("the reply is no chat completion") from None
        if reply.error is not None:
            self._end_line()
            raise click.ClickException(reply.error.message)
        for choice in reply.choices:
            words = choice.delta or choice.message
            # Of several choices that were asked for, one can be read.
            if choice.index == 0 and words is not None:
                self._finish = choice.finish_reason or self._finish
                self._write(words.content)

    def _write(self, content: Any) -> None:
        if isinstance(content, str) and content:
            click.echo(content, nl=False)
            self._shown = content

    def _end_line(self) -> None:
        if self._shown and not self._shown.endswith("\n"):
            click.echo()


def _complaint(status: int, body: bytes) -> str:
    """The message of an error; of a provider that has its own idea of errors, what it said."""
    try:
        reply = _REPLY.decode(body)
    except msgspec.DecodeError:
        reply = _Reply()
    if reply.error is not None:
        return reply.error.message
    return f"status {status}: {body[:_EXCERPT].decode('utf-8', 'replace').strip()}"

"""Messages on standard error, which never stop the thread that logs."""

import io
import logging
import threading
from typing import Any

from penstock.observe.messages import StderrHandler


def record(text: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("penstock", logging.INFO, "", 1, text, arguments, None)


def test_a_message_is_a_line() -> None:
    out = io.BytesIO()
    handler = StderrHandler(out)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.handle(record("a %s", "\ud800é"))
    handler.flush()
    handler.close()
    assert out.getvalue() == "INFO a \\ud800é\n".encode()


def test_messages_that_nobody_reads_are_counted() -> None:
    release = threading.Event()

    class Blocked(io.BytesIO):
        def write(self, data: Any) -> int:
            release.wait(300)
            return super().write(data)

    out = Blocked()
    handler = StderrHandler(out)
    for number in range(1005):
        handler.handle(record("%d", number))
    release.set()
    handler.flush()
    handler.handle(record("last"))
    handler.close()
    lines = out.getvalue().decode().splitlines()
    assert (lines[999], lines[-1]) == ("999", "last")
    assert lines[1000] == "(5 messages are missing here: nobody read them)"


def test_a_message_that_can_not_be_formatted_ends_nothing(capsys: Any) -> None:
    out = io.BytesIO()
    handler = StderrHandler(out)
    handler.handle(record("%d", "no number"))
    handler.handle(record("fine"))
    handler.close()
    assert out.getvalue() == b"fine\n"
    assert "Logging error" in capsys.readouterr().err

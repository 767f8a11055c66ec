"""``python -m penstock`` is ``penstock``."""

from __future__ import annotations

import os
import signal


def run() -> None:
    """The command line. Ctrl-C prints no traceback, whenever it comes: not while modules are imported, nor at the end
    of the process. A command that has handlers of its own keeps them."""
    _leave_on_interrupt()
    from penstock.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main(prog_name="penstock")
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            _leave_on_interrupt()


def _leave_on_interrupt() -> None:
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))


if __name__ == "__main__":
    run()

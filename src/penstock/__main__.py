"""``python -m penstock`` is ``penstock``."""

from __future__ import annotations

import os
import signal


def run() -> None:
    """The command line. Ctrl-C ends the process with status 130 and prints nothing, whenever it comes: while modules
    are imported, while arguments are read, at the end of the process.

    KeyboardInterrupt could come up anywhere, in an import or in a destructor, and would be printed as a traceback. A
    command that has something to finish, such as ``serve``, sets a handler of its own.
    """
    leave_on_interrupt()
    from penstock.cli import main

    main(prog_name="penstock")


def leave_on_interrupt() -> None:
    """End the process at SIGINT."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))


if __name__ == "__main__":
    run()

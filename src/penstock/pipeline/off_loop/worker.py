"""The child that works on large bodies for its gateway: ``python -m penstock.pipeline.off_loop.worker SOCKET``.

It takes jobs from the socket, one after the other, each as two files (pickle_file.py): one with a function and its
arguments, one for the result. It ends when the gateway does, however that ends, since the socket then closes.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import sys
import threading
import traceback
from typing import Any, Final

from penstock.pipeline import rewrite
from penstock.pipeline.off_loop import pickle_file
from penstock.pipeline.off_loop.process import NO_MEMORY, WORD
from penstock.pipeline.replies import wrapped_reply

FUNCTIONS: Final = (rewrite.read_places, rewrite.rewrite_large, wrapped_reply.changed_large)
"""Imported here, before the first job comes."""


def main(arguments: list[str]) -> None:
    """Take jobs until the gateway hangs up. The only argument is the descriptor of the socket that they come by."""
    descriptor = int(arguments[0])
    for number in (signal.SIGINT, signal.SIGTERM):  # these may reach the whole group: the gateway says when to end
        signal.signal(number, signal.SIG_IGN)
    gc.disable()  # there are no cycles in JSON, and looking for them would take longer than all the rest
    with socket.socket(fileno=descriptor) as jobs:
        threading.Thread(target=_end_with_gateway, args=(jobs.fileno(),), daemon=True).start()
        with contextlib.suppress(ConnectionError):  # the gateway has ended while a job was done
            _take(jobs)


def _take(jobs: socket.socket) -> None:
    while True:
        word, files, _, _ = socket.recv_fds(jobs, WORD.size, 2)
        if not files:
            return
        _limit_memory(*WORD.unpack(word))
        _work(*files)
        jobs.send(b".")


def _work(sent: int, result: int) -> None:
    try:
        outcome = _outcome(sent)
        try:
            pickle_file.pack(result, outcome)
        except MemoryError:
            os.ftruncate(result, 0)
            os.lseek(result, 0, os.SEEK_SET)
            pickle_file.pack(result, (None, NO_MEMORY))
    finally:
        os.close(sent)
        os.close(result)


def _outcome(sent: int) -> tuple[Any, str]:
    """The result of a job, or why there is none."""
    try:
        work, arguments = pickle_file.unpack_mapped(sent)
        return work(*arguments), ""
    except MemoryError:
        return None, NO_MEMORY
    except Exception:
        traceback.print_exc()
        return None, "a defect of the gateway, please report it"


def _limit_memory(most: int) -> None:
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _end_with_gateway(descriptor: int) -> None:
    """Wait until the other end is closed, and end the process, also in the middle of a job."""
    poll = select.poll()
    poll.register(descriptor, getattr(select, "POLLRDHUP", select.POLLHUP))
    poll.poll()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])

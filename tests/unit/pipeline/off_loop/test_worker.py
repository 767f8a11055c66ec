"""The child that works on large bodies: all that it is given can be given, and signals of the group don't end it."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys

import pytest

from penstock.pipeline.off_loop import pickle_file
from penstock.pipeline.off_loop import worker as large_worker
from penstock.pipeline.off_loop.process import WORD


def test_its_functions_can_be_named() -> None:
    for function in large_worker.FUNCTIONS:
        assert pickle.loads(pickle.dumps(function)) is function  # noqa: S301


def test_it_works_until_its_gateway_is_gone() -> None:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", large_worker.__name__, str(theirs.fileno())]
    with ours, subprocess.Popen(command, pass_fds=[theirs.fileno()]) as child:
        theirs.close()
        for number in (signal.SIGTERM, signal.SIGINT):
            assert _answer(ours, (os.getpid, ())) == (child.pid, "")
            child.send_signal(number)
        assert _answer(ours, (os.getpid, ())) == (child.pid, "")
        ours.close()
        assert child.wait(300) == 0


def test_a_gateway_that_ends_during_a_job_is_no_defect() -> None:
    """The last job is done when nobody can be told of it any more."""
    name = large_worker.__name__
    code = f"import sys, {name} as worker; worker._end_with_gateway = int; worker.main(sys.argv[1:])"
    ours, theirs = socket.socketpair()
    sent, received = pickle_file.open_pickle_file(), pickle_file.open_pickle_file()
    pickle_file.pack(sent, (os.getpid, ()))
    socket.send_fds(ours, [WORD.pack(1 << 30)], [sent, received])
    ours.close()
    command = [sys.executable, "-c", code, str(theirs.fileno())]
    with theirs:
        done = subprocess.run(command, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, b"")
    os.close(sent)
    os.close(received)


def test_what_does_not_fit_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    assert _outcome((bytes, (1 << 40,))) == (None, "it takes more memory than there is for it")
    assert _outcome((int, ("x",)))[1].startswith("a defect")
    assert "ValueError" in capfd.readouterr().err


def _answer(ours: socket.socket, job: object) -> object:
    sent, received = pickle_file.open_pickle_file(), pickle_file.open_pickle_file()
    pickle_file.pack(sent, job)
    socket.send_fds(ours, [WORD.pack(1 << 30)], [sent, received])
    assert ours.recv(1)
    result = pickle_file.unpack_copied(received)
    os.close(sent)
    os.close(received)
    return result


def _outcome(job: object) -> tuple[object, str]:
    sent = pickle_file.open_pickle_file()
    pickle_file.pack(sent, job)
    outcome = large_worker._outcome(sent)
    os.close(sent)
    return outcome

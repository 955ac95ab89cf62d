"""File-system faults without a patch: the interpreter reports each call, and one of them fails."""

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

FILE_CALLS = frozenset(
    {"open", "write", "flush", "fsync", "close", "mkdir", "rename", "replace", "chmod", "unlink"}
)


@contextmanager
def each_call(act: Callable[[int], None]) -> Iterator[None]:
    """Call ``act`` with 1, 2, ... before each file-system call made inside."""
    made = 0

    def watch(frame: FrameType, event: str, called: object) -> None:
        nonlocal made
        if event == "c_call" and getattr(called, "__name__", "") in FILE_CALLS:
            made += 1
            act(made)

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)


class DiskFullAt:
    """The ``n``-th call finds the disk full; ``met`` says whether there was such a call."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.met = False

    def __call__(self, made: int) -> None:
        if made == self.n:
            self.met = True
            sys.setprofile(None)
            raise OSError(errno.ENOSPC, "No space left on device")


def killed_at(n: int) -> Callable[[int], None]:
    """At the ``n``-th call the process is no more."""

    def act(made: int) -> None:
        if made == n:
            os.kill(os.getpid(), signal.SIGKILL)

    return act


def survives(work: Callable[[], object], n: int) -> bool:
    """Do ``work`` in a forked child that is killed at its ``n``-th file-system call."""
    child = os.fork()
    if child == 0:
        try:
            with each_call(killed_at(n)):
                work()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == 0

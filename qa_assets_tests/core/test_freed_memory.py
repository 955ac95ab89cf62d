"""Memory that was freed is not cleared again by the kernel, where the allocator can be told."""

import os
import platform
import subprocess
import sys

import pytest

from qa_assets.core.freed_memory import keep_freed_memory

GLIBC = platform.libc_ver()[0] == "glibc"
PAGES = 0 if os.name == "nt" else (30 << 20) // os.sysconf("SC_PAGE_SIZE")
CODE = """
import resource, sys
from qa_assets.core.freed_memory import keep_freed_memory
told = keep_freed_memory() if sys.argv[1] == "told" else None
def rounds():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        blocks = [bytearray(6 << 20) for _ in range(5)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
rounds()
print(told, rounds())
"""


def faults(how: str, **chosen: str) -> tuple[str, int]:
    clean = {n: v for n, v in os.environ.items() if not n.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", CODE, how],
        env=clean | chosen, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told, count = done.stdout.split()
    return told, int(count)


@pytest.mark.skipif(not GLIBC, reason="the C library is not glibc: nothing is asked of it")
def test_what_was_freed_is_used_again_without_a_fault_for_each_page() -> None:
    told, count = faults("told")
    assert told == "True"
    assert count < PAGES, "twenty rounds take less than one did"
    assert faults("not told")[1] > 5 * PAGES, "without it each round is cleared anew"


@pytest.mark.skipif(not GLIBC, reason="the C library is not glibc: nothing is asked of it")
def test_what_the_environment_says_of_the_allocator_stays() -> None:
    told, count = faults("told", MALLOC_MMAP_THRESHOLD_="65536")
    assert told == "False"
    assert count > 5 * PAGES


def test_a_system_without_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    def library(name: object) -> object:
        return object()

    monkeypatch.setattr(ctypes, "CDLL", library)
    keep_freed_memory.cache_clear()
    try:
        assert keep_freed_memory() is False
    finally:
        keep_freed_memory.cache_clear()

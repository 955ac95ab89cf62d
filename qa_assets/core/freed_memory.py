"""Freed memory stays with the process for a while.

glibc gives it back to the system at once, block by block; the same amount, asked for a moment
later, is then cleared by the kernel page by page. Tables of some megabytes that come and go cost a
twentieth of the time of a small new version that way. Other C libraries are left as they are.
"""

import os
from functools import cache

KEPT = 128 << 20
"""Free bytes at the end of the heap before any are given back."""
OWN_MAPPING = 32 << 20
"""Bytes from which a block is mapped, and given back, by itself: the most that glibc documents."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""``M_TRIM_THRESHOLD`` and ``M_MMAP_THRESHOLD`` of glibc's ``malloc.h``; see mallopt(3)."""
_CHOSEN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")


@cache
def keep_freed_memory() -> bool:
    """Ask the allocator for it, once; whether it did.

    What the environment already says about the allocator stays.
    """
    if any(name in os.environ for name in _CHOSEN):
        return False
    try:
        import ctypes

        here = ctypes.CDLL(None)
        ask, _ = here.mallopt, here.gnu_get_libc_version
    except (ImportError, OSError, TypeError, AttributeError):  # Windows, macOS, musl
        return False
    asked = ((_TRIM_THRESHOLD, KEPT), (_MMAP_THRESHOLD, OWN_MAPPING))
    return all(ask(name, value) == 1 for name, value in asked)

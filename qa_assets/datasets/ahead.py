"""Samples looked at by some threads, and handed on in the order in which they were read.

Decoders, checksums and digests let other threads run, so that a second core halves their time. Of
small samples they do so for too short a while: handing over costs more than it saves. What is read
ahead is bounded in samples and in bytes.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from qa_assets.datasets.source import RawSample

MOST_THREADS = 2
"""A large picture takes 200 MiB while it is decoded, in each of them."""
CHUNK, CHUNK_BYTES = 16, 1 << 18
"""Samples, or bytes of them, that one thread takes at once."""
SMALL_BYTES = 4096
"""Mean size of the samples of a chunk below which they are looked at without the threads: MNIST, of
0.8 kB a picture, takes a quarter more time with them."""
_T = TypeVar("_T")


def threads() -> int:
    """As many as there are processors for this process, up to ``MOST_THREADS``."""
    there = getattr(os, "sched_getaffinity", None)
    count = len(there(0)) if there else os.cpu_count() or 1
    return min(count, MOST_THREADS)


def looked_at(
    raws: Iterable[RawSample], look: Callable[[RawSample], _T], pool: ThreadPoolExecutor | None
) -> Iterator[tuple[RawSample, _T]]:
    """Each sample with what ``look`` says of it, in their order.

    Args:
        raws: The samples.
        look: Called in any thread and any order.
        pool: The threads; without one everything is done here.
    """
    if pool is None:
        yield from ((raw, look(raw)) for raw in raws)
        return
    waiting: deque[Callable[[], list[tuple[RawSample, _T]]]] = deque()
    for chunk, size in _chunks(raws):
        small = size < SMALL_BYTES * len(chunk)
        here = partial(_each, chunk, look)
        waiting.append(here if small else pool.submit(here).result)
        if len(waiting) > MOST_THREADS:
            yield from waiting.popleft()()
    while waiting:
        yield from waiting.popleft()()


def _each(chunk: list[RawSample], look: Callable[[RawSample], _T]) -> list[tuple[RawSample, _T]]:
    return [(raw, look(raw)) for raw in chunk]


def _chunks(raws: Iterable[RawSample]) -> Iterator[tuple[list[RawSample], int]]:
    chunk: list[RawSample] = []
    size = 0
    for raw in raws:
        chunk.append(raw)
        size += len(raw.payload) if isinstance(raw.payload, bytes) else raw.payload.size
        if len(chunk) >= CHUNK or size >= CHUNK_BYTES:
            yield chunk, size
            chunk, size = [], 0
    if chunk:
        yield chunk, size

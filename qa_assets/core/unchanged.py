"""Large files that were read whole: not read again while nothing touched them.

A file counts as untouched by its device, inode, size and both of its times: that of the last change
of an inode cannot be set back as that of its content can. What changed within a tick of the clock
before it was read is not remembered, nor is anything on a file system without fine times. What one
process read another need not: a store keeps the memory in a file.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from qa_assets.core.digests import digest_file
from qa_assets.core.leftovers import draft_file

LARGE = 1 << 16
"""Bytes below which a file is read each time."""
COARSE_CLOCK = 6
"""Linux's ``CLOCK_REALTIME_COARSE``, which file systems take their times from."""
LONGEST_TICK_S = 0.01
"""Where that clock cannot be asked: 100 ticks a second."""
REMEMBERED_S = 12 * 3600.0
"""For so long: what a disk does to a file by itself changes none of its times. Runs of one day
share what they read, each night everything is read."""
_COARSE_NS = 1_000_000
_MOST = 10_000


class Mark(NamedTuple):
    """What tells a touched file from an untouched one."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


_SEEN: dict[Mark, tuple[str, float]] = {}
_HELD: dict[Path, set[Mark]] = {}
"""What the memory of a store holds, as far as this process knows."""


def mark_of(path: Path) -> Mark:
    """The mark of a file as it is now."""
    found = path.stat()
    return Mark(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def known(mark: Mark) -> str | None:
    """SHA-256 of the file of that mark, where it is remembered."""
    digest, since = _SEEN.get(mark, (None, 0.0))
    return digest if 0 <= time.time() - since < REMEMBERED_S else None


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes; they are not read where this process has seen them already."""
    mark, begun = mark_of(path), time.time_ns()
    digest = known(mark)
    if digest is None:
        digest = digest_file(path)
        _remember(mark, digest, begun)
    return digest


def link(place: Path, body: Path) -> Mark | None:
    """Make ``place`` a second name of ``body``.

    Returns:
        The mark of both, which counts as a change, where the file was known before.

    Raises:
        OSError: The file system cannot do it.
    """
    before = mark_of(body)
    place.hardlink_to(body)
    after = mark_of(place)
    same = known(before) is not None and after[:-1] == before[:-1]
    return after if same else None


def settle(folder: Path, marks: Mapping[str, Mark | None], digests: Mapping[str, str]) -> None:
    """Remember the files of a folder, as many as kept the mark they had when they were written."""
    for name, mark in marks.items():
        place = folder / name
        if mark is not None and place.is_file() and mark_of(place) == mark:
            _remember(mark, digests[name], time.time_ns())


def recall(memory: Path) -> None:
    """Take over what was remembered in a file, once; one that cannot be read holds nothing."""
    if memory in _HELD:
        return
    try:
        found = {Mark(*mark): (str(d), float(since)) for mark, d, since in _rows(memory)}
    except (OSError, ValueError, TypeError):
        found = {}
    _HELD[memory] = set(found)
    _SEEN.update({mark: entry for mark, entry in found.items() if mark not in _SEEN})


def keep(memory: Path) -> None:
    """Write what is remembered into a file, where it does not hold all of it."""
    now = time.time()
    fresh = {m: e for m, e in _SEEN.items() if 0 <= now - e[1] < REMEMBERED_S}
    if fresh.keys() <= _HELD.get(memory, set()):
        return
    draft = draft_file(memory)
    with contextlib.suppress(OSError):  # it is read again instead
        try:
            rows = [[mark, *entry] for mark, entry in fresh.items()]
            draft.write_text(json.dumps(rows), encoding="ascii")
            draft.replace(memory)
        finally:
            draft.unlink(missing_ok=True)
    _HELD[memory] = set(fresh)


@cache
def tick_ns() -> int:
    """Step of the clock that file systems take their times from, in nanoseconds."""
    linux = sys.platform == "linux"
    return round((time.clock_getres(COARSE_CLOCK) if linux else LONGEST_TICK_S) * 1e9)


def shows(changed_ns: int, begun: int) -> bool:
    """Whether a change of a file from ``begun`` on has another time than the last one before.

    Args:
        changed_ns: When it was changed last, as its mark says.
        begun: Nanoseconds since 1970.
    """
    fine = changed_ns % _COARSE_NS and os.name != "nt"  # Windows: the time of its making
    return bool(fine) and begun - changed_ns > tick_ns()


def _remember(mark: Mark, digest: str, begun: int) -> None:
    """Remember what was read, where a later change would show.

    Args:
        mark: The file.
        digest: SHA-256 of its bytes.
        begun: When it was, at the latest, as its mark says; nanoseconds since 1970.
    """
    if mark.size >= LARGE and shows(mark.changed_ns, begun):
        if len(_SEEN) >= _MOST:
            _SEEN.clear()
        _SEEN[mark] = digest, time.time()


def _rows(memory: Path) -> list[list[Any]]:
    found: Any = json.loads(memory.read_bytes())
    return found if isinstance(found, list) else []

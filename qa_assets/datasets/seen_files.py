"""What the files of a source held when they were read: not read again while nothing touched them.

A file counts as untouched as in ``core.unchanged``: by device, inode, size and both of its times.
"""

import contextlib
import time
from array import array
from bisect import bisect_left
from pathlib import Path

import numpy as np

from qa_assets.core.leftovers import draft_file
from qa_assets.core.unchanged import shows
from qa_assets.datasets import keys
from qa_assets.datasets.source import Unread

_MARK, _INODE = 40, slice(8, 16)
"""Bytes of a mark, and where those of the inode are in it."""
_ROW = _MARK + keys.WIDTH
_MAGIC = b"qa-seen1"


class SeenFiles:
    """Keys of the files of one source by their marks, kept in a file that may be lost."""

    def __init__(self, memory: Path | None) -> None:
        """Take over what was noted the last time.

        Args:
            memory: Where that is, and what is noted now will be; nowhere by default.
        """
        self._memory, self._begun = memory, time.time_ns()
        rows = _read(memory)
        inodes = np.ascontiguousarray(rows[:, _INODE]).view("<u8").ravel()
        order = np.argsort(inodes, kind="stable")
        self._rows = rows[order].tobytes()
        self._inodes = array("Q", inodes[order].tobytes())
        self._noted = bytearray()

    def key_of(self, file: Unread) -> bytes | None:
        """Digest of its bytes, where it was read and nothing touched it since."""
        if not self._inodes:
            return None
        mark = file.mark
        inode = int.from_bytes(mark[_INODE], "little")
        place = bisect_left(self._inodes, inode)
        while place < len(self._inodes) and self._inodes[place] == inode:
            start = place * _ROW
            if self._rows[start : start + _MARK] == mark:
                return self._rows[start + _MARK : start + _ROW]
            place += 1
        return None

    def note(self, file: Unread, key: bytes) -> None:
        """Remember what it holds, where a change since this was made would show."""
        if self._memory is not None and shows(file.changed_ns, self._begun):
            self._noted += file.mark
            self._noted += key

    def keep(self) -> None:
        """Write what was noted, and nothing of files that are no longer there."""
        if self._memory is None or not (self._noted or self._rows):
            return
        draft = draft_file(self._memory)
        with contextlib.suppress(OSError):  # they are read again instead
            try:
                self._memory.parent.mkdir(parents=True, exist_ok=True)
                draft.write_bytes(_MAGIC + self._noted)
                draft.replace(self._memory)
            finally:
                draft.unlink(missing_ok=True)


def _read(memory: Path | None) -> keys.Keys:
    """The rows of a memory; one that cannot be read has none."""
    try:
        body = b"" if memory is None else memory.read_bytes()
    except OSError:
        body = b""
    whole = body.startswith(_MAGIC) and not (len(body) - len(_MAGIC)) % _ROW
    rows = body[len(_MAGIC) :] if whole else b""
    return np.frombuffer(rows, np.uint8).reshape(-1, _ROW)

"""Walks a folder of samples without following, opening or trusting what it should not."""

import errno
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets.source import shown

IGNORED = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
"""Beside names with one leading dot: what systems leave behind, and no one's samples."""
MIB = 1 << 20
_GUARDS = ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")
"""Flags of ``os.open``, as far as the system has them."""
_MARK, _WORD = struct.Struct("<5Q"), (1 << 64) - 1


class FoundFile(NamedTuple):  # as of ``source.RawSample``
    """A regular file below the source.

    Attributes:
        name: Relative to the source, POSIX, UTF-8.
        path: The file itself, no link.
        mark: What tells it from a touched one, as of ``core.unchanged.Mark``, in few bytes.
    """

    name: str
    path: str
    mark: bytes

    @property
    def stamp(self) -> tuple[int, int]:
        """Size in bytes and time of change in nanoseconds, without opening it."""
        _, _, size, modified_ns, _ = _MARK.unpack(self.mark)
        return size, modified_ns

    @property
    def size(self) -> int:
        """In bytes."""
        return self.stamp[0]

    @property
    def changed_ns(self) -> int:
        """When its inode was changed last, in nanoseconds since 1970."""
        return _MARK.unpack(self.mark)[-1]

    def read(self, max_mib: float) -> bytes | Quarantined:
        """Its bytes, unless it is too large or no longer a regular file."""
        return read_file(self, max_mib)


def walk(source: Path) -> Iterator[FoundFile | Quarantined]:
    """Every regular file, depth first, sorted by name; links and special files are findings.

    Raises:
        InputRefused: ``SET_MISSING``: the source is no folder, or cannot be listed.
    """
    pending = _open_source(source)
    inside, top = source.resolve(), len(os.path.join(source, ""))  # noqa: PTH118
    while pending:
        path = pending.pop()
        name = path[top:] if os.sep == "/" else path[top:].replace(os.sep, "/")
        if name[-1] == "/":
            try:
                pending += _children(path)
            except OSError as error:
                yield unreadable(name[:-1], error)
        else:
            yield _judge(name, path, inside)


def read_file(found: FoundFile, max_mib: float) -> bytes | Quarantined:
    """The bytes of a file that still is a regular one when it is opened."""
    try:
        handle = os.open(found.path, os.O_RDONLY | sum(getattr(os, g, 0) for g in _GUARDS))
        with os.fdopen(handle, "rb") as stream:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return _special(found.name)
            if status.st_size > max_mib * MIB:
                return Quarantined(
                    "IMG_TOO_LARGE",
                    found.name,
                    f"has {status.st_size / MIB:.0f} MiB, at most {max_mib:g} are accepted.",
                    "Make it smaller, or raise limits.max_file_mib.",
                )
            return stream.read()
    except OSError as error:
        return unreadable(found.name, error)


def unreadable(name: str, error: OSError) -> Quarantined:
    """A finding for what the system does not let us read."""
    denied = error.errno in (errno.EACCES, errno.EPERM)
    return Quarantined(
        "NAME_PERMISSION" if denied else "FILE_UNREADABLE",
        shown(name),
        f"cannot be read: {error.strerror}.",
        "Check who may read it." if denied else "Check the disk.",
    )


def _open_source(source: Path) -> list[str]:
    remedy = "Set the dataset's path to a folder that holds one folder a class."
    try:
        return _children(source)
    except FileNotFoundError as error:
        raise InputRefused.of("SET_MISSING", str(source), "does not exist.", remedy) from error
    except NotADirectoryError as error:
        what = "is a file, a folder was expected."
        raise InputRefused.of("SET_MISSING", str(source), what, remedy) from error
    except OSError as error:
        what = f"cannot be listed: {error.strerror}."
        raise InputRefused.of("SET_MISSING", str(source), what, remedy) from error


def _children(folder: str | Path) -> list[str]:
    """Paths in a folder, the first name last; that of a folder ends as one.

    An ``os.DirEntry`` and a ``Path`` take ten times the memory of a name, and a million may wait.
    """
    names: list[str] = []
    inner: set[str] = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            if not ignored(entry.name):
                names.append(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    inner.add(entry.name)
    names.sort(key=os.fsencode, reverse=True)
    at = os.path.join(folder, "")  # noqa: PTH118
    return [f"{at}{name}{os.sep if name in inner else ''}" for name in names]


def ignored(name: str) -> bool:
    """Whether a file or folder of that name is what systems leave behind."""
    return name in IGNORED or (name.startswith(".") and not name.startswith(".."))


def _judge(name: str, path: str, inside: Path) -> FoundFile | Quarantined:
    if not name.isascii() and shown(name) != name:
        return Quarantined(
            "NAME_ENCODING", shown(name), "has a name that is not UTF-8.", "Rename it."
        )
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            target = Path(path).resolve(strict=True)
            if not target.is_relative_to(inside):
                return _link(name, "leaves the dataset")
            path, status = str(target), target.lstat()
    except RuntimeError:
        return _link(name, "leads in a circle")
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ELOOP)
        return _link(name, "leads nowhere") if gone else unreadable(name, error)
    if stat.S_ISDIR(status.st_mode):
        return _link(name, "leads to a folder")
    if not stat.S_ISREG(status.st_mode):
        return _special(name)
    return FoundFile(name, path, _mark_of(status))


def _mark_of(status: os.stat_result) -> bytes:
    times = (status.st_mtime_ns & _WORD, status.st_ctime_ns & _WORD)  # of any century
    return _MARK.pack(status.st_dev & _WORD, status.st_ino & _WORD, status.st_size, *times)


def _link(name: str, what: str) -> Quarantined:
    return Quarantined(
        "NAME_LINK",
        name,
        f"is a link that {what}.",
        "Put the file itself there: `cp -rL` copies it (with DVC: `dvc config cache.type copy`).",
    )


def _special(name: str) -> Quarantined:
    return Quarantined("NAME_SPECIAL", name, "is no regular file; it was not opened.", "Remove it.")

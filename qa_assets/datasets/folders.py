"""Walks a folder of samples without following, opening or trusting what it should not."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets.source import shown

IGNORED = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
"""Beside names with one leading dot: what systems leave behind, and no one's samples."""
MIB = 1 << 20
_GUARDS = ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")
"""Flags of ``os.open``, as far as the system has them."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file below the source.

    Attributes:
        name: Relative to the source, POSIX, UTF-8.
        path: The file itself, no link.
        status: Size and time, without opening it.
    """

    name: str
    path: Path
    status: os.stat_result

    @property
    def stamp(self) -> tuple[int, int]:
        """Size in bytes and time of change in nanoseconds."""
        return self.status.st_size, self.status.st_mtime_ns

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
        entry = pending.pop()
        name = entry.path[top:].replace(os.sep, "/")  # a Path for each would take as long as a read
        if entry.is_dir(follow_symlinks=False):
            try:
                pending += _children(entry.path)
            except OSError as error:
                yield unreadable(name, error)
        else:
            yield _judge(name, Path(entry.path), inside)


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


def _open_source(source: Path) -> "list[os.DirEntry[str]]":
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


def _children(folder: str | Path) -> "list[os.DirEntry[str]]":
    """Entries of a folder, the first name last."""
    with os.scandir(folder) as entries:
        wanted = [e for e in entries if not ignored(e.name)]
    return sorted(wanted, key=lambda e: os.fsencode(e.name), reverse=True)


def ignored(name: str) -> bool:
    """Whether a file or folder of that name is what systems leave behind."""
    return name in IGNORED or (name.startswith(".") and not name.startswith(".."))


def _judge(name: str, path: Path, inside: Path) -> FoundFile | Quarantined:
    if shown(name) != name:
        return Quarantined(
            "NAME_ENCODING", shown(name), "has a name that is not UTF-8.", "Rename it."
        )
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            path = path.resolve(strict=True)
            if not path.is_relative_to(inside):
                return _link(name, "leaves the dataset")
            status = path.lstat()
    except RuntimeError:
        return _link(name, "leads in a circle")
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ELOOP)
        return _link(name, "leads nowhere") if gone else unreadable(name, error)
    if stat.S_ISDIR(status.st_mode):
        return _link(name, "leads to a folder")
    return FoundFile(name, path, status) if stat.S_ISREG(status.st_mode) else _special(name)


def _link(name: str, what: str) -> Quarantined:
    return Quarantined(
        "NAME_LINK",
        name,
        f"is a link that {what}.",
        "Put the file itself there (with DVC: `dvc config cache.type copy`).",
    )


def _special(name: str) -> Quarantined:
    return Quarantined("NAME_SPECIAL", name, "is no regular file; it was not opened.", "Remove it.")

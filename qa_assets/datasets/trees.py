"""A tree of named files, whether it lies in a folder or in an archive."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets import archives, folders
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import Stamp, Unread


class Entry(Protocol):
    """One regular file of a tree."""

    @property
    def name(self) -> str:
        """Relative to the tree, POSIX, UTF-8."""
        ...

    @property
    def stamp(self) -> tuple[int, int]:
        """Size in bytes and time of change in nanoseconds."""
        ...

    def read(self, max_mib: float) -> bytes | Quarantined:
        """Its bytes, or why they are not read."""
        ...


def entries(source: Path, limits: SampleLimits) -> Iterator[Entry | Quarantined]:
    """Every file of a folder or archive, sorted by name; what systems leave behind is left out.

    Raises:
        InputRefused: ``SET_MISSING``: neither a folder nor an archive. ``ARC_*``: not a sound one.
    """
    yield from Packed(source, limits).entries() if is_archive(source) else folders.walk(source)


class Packed:
    """A tree in an archive, judged as a whole; the one folder it may all lie in is left out."""

    def __init__(self, source: Path, limits: SampleLimits) -> None:
        """Open it.

        Raises:
            InputRefused: ``ARC_*``: it is not sound.
        """
        self._inside = archives.contents(source, limits)
        named = (name for name in self._inside.names() if not _left_behind(name))
        self._top = _common_top(named)

    def names(self) -> Iterator[str]:
        """What the entries are called, in their order."""
        for name in self._inside.names():
            if not _left_behind(name):
                yield name.removeprefix(self._top)

    def entries(self) -> Iterator[Entry]:
        """Every file, sorted by name."""
        for member in self._inside.members():
            if not _left_behind(member.name):
                yield replace(member, name=member.name.removeprefix(self._top))


def _left_behind(name: str) -> bool:
    return any(map(folders.ignored, name.split("/")))


def is_archive(source: Path) -> bool:
    """Whether it is a file, and a zip or tar by its content or its name."""
    if not source.is_file():
        return False
    named = source.name.lower().endswith((".zip", ".tar", ".tgz", ".tar.gz"))
    return named or archives.kind_of(source) is not None


def stamps(source: Path) -> Iterator[Stamp]:
    """One a file of a folder; one for a whole archive."""
    if source.is_file():
        status = source.stat()
        yield Stamp(source.name, status.st_size, status.st_mtime_ns)
        return
    for found in folders.walk(source):
        if isinstance(found, Quarantined):
            yield Stamp(f"{found.code} {found.item}", 0, 0)
        else:
            yield Stamp(found.name, *found.stamp)


def payload_of(entry: Entry, max_mib: float) -> bytes | Unread | Quarantined:
    """Where the bytes of an entry are: a member of an archive is read, a file need not be yet."""
    return entry if isinstance(entry, folders.FoundFile) else entry.read(max_mib)


def peek(source: Path, most: int) -> list[Entry]:
    """The first files of a tree, for a look at how it is laid out."""
    found = (e for e in entries(source, SampleLimits()) if not isinstance(e, Quarantined))
    return [entry for entry, _ in zip(found, range(most), strict=False)]


def _common_top(names: Iterable[str]) -> str:
    """The one folder that everything lies in two levels below, as archives of a folder have it."""
    top = ""
    for name in names:
        first, _, rest = name.partition("/")
        if "/" not in rest or top not in ("", f"{first}/"):
            return ""
        top = f"{first}/"
    return top

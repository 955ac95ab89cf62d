"""What a store may forget: old records that neither a latest one, a recent one nor a release needs.

What is needed is found as records say it: the digest of another in a record's own fields.
"""

import re
import shutil
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from qa_assets.core.folders import files_below
from qa_assets.core.leftovers import draft_prefix
from qa_assets.core.record import RECORD
from qa_assets.core.store import LocalStore

RELEASE = "release"
WHOLE_RELEASES = 10
"""So many of the newest releases of a pipeline keep the records they were judged by; an older one
keeps its bundle, with the fields of those records in it."""
NEWEST = 2
"""So many of the newest records of each asset stay, however old they are."""
_PASSING = ("from", "history", "keys", "runs", "series")
"""Names of what was once made; any other name is there to stay."""
_BLOCK = 512
"""Bytes that ``st_blocks`` counts, whatever the disk."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Forgettable:
    """What may go.

    Attributes:
        objects: Folders of records.
        names: Names of records that go.
        folders: What spared work for records that go: ``memory`` and ``unfinished``.
        kept: Records that stay.
        freed: Bytes that are free then; a file that a record shares with one that stays is not.
    """

    objects: tuple[Path, ...]
    names: tuple[str, ...]
    folders: tuple[Path, ...]
    kept: int
    freed: int


def forgettable(store: LocalStore, before: float, needed: Iterable[str] = ()) -> Forgettable:
    """What of a store is not needed.

    Args:
        store: Stays as it is.
        before: What is younger stays; in seconds since 1970.
        needed: Digests of what stays too, with all it speaks of.
    """
    there = {p.name: p for p in (store.root / "objects").glob("*/*") if _DIGEST.fullmatch(p.name)}
    names = {name: digest for name in store.names("") if (digest := store.resolve(name))}
    ages = {name: store.pointed_at(name) for name in names}
    whole, alone = _roots(names, ages, before)
    fresh = [digest for digest, path in there.items() if path.stat().st_mtime >= before]
    kept = _reachable([*whole, *fresh, *needed], there) | (set(alone) & there.keys())
    gone = tuple(path for digest, path in sorted(there.items()) if digest not in kept)
    left = tuple(n for n, digest in names.items() if digest not in kept and _passing(n))
    folders = tuple(_unused(store, names.keys() - set(left), before))
    return Forgettable(gone, left, folders, len(kept), _freed([*gone, *folders]))


def forget(store: LocalStore, found: Forgettable) -> None:
    """Remove it: names first, so that nothing is found that is half gone.

    A killed process leaves drafts, which ``leftovers.sweep`` removes.
    """
    for name in found.names:
        place = store.root / "names" / name
        place.unlink(missing_ok=True)
        _remove_empty(place.parent, store.root / "names")
    for path in (*found.objects, *found.folders):
        draft = path.with_name(f"{draft_prefix()}{path.name}")
        path.rename(draft)
        shutil.rmtree(draft)
        _remove_empty(path.parent, store.root / path.relative_to(store.root).parts[0])


def days_ago(days: float) -> float:
    """That time, in seconds since 1970."""
    return time.time() - days * 24 * 60 * 60


def _roots(
    names: Mapping[str, str], ages: Mapping[str, float], before: float
) -> tuple[list[str], list[str]]:
    """Digests that stay with all they need, and those that stay by themselves."""
    assets: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names, key=lambda n: ages[n], reverse=True):
        if name.startswith("history/"):
            assets[name.rpartition("/")[0]].append(name)
    newest = {n for several in assets.values() for n in several[:NEWEST]}
    releases = [several for asset, several in assets.items() if asset.endswith(f"/{RELEASE}")]
    newest |= {n for several in releases for n in several[:WHOLE_RELEASES]}
    whole = [d for n, d in names.items() if n in newest or ages[n] >= before or not _passing(n)]
    return whole, [names[n] for several in releases for n in several]


def _passing(name: str) -> bool:
    return name.partition("/")[0] in _PASSING


def _reachable(roots: Iterable[str], there: Mapping[str, Path]) -> set[str]:
    """The roots that are there, and whatever their records speak of."""
    found: set[str] = set()
    waiting = {digest for digest in roots if digest in there}
    while waiting:
        digest = waiting.pop()
        found.add(digest)
        record = there[digest] / RECORD
        text = record.read_text("utf-8", "replace") if record.is_file() else ""
        waiting |= {d for d in _DIGEST.findall(text) if d in there} - found
    return found


def _unused(store: LocalStore, names: Iterable[str], before: float) -> Iterable[Path]:
    """Folders that spared work for what goes, or was given up."""
    series = {name.split("/")[1] for name in names if name.startswith("series/")}
    for kind in ("memory", "unfinished"):
        for path in sorted((store.root / kind).glob("*")):
            last = max((p.lstat().st_mtime for _, p in files_below(path)), default=0.0)
            if last < before and path.name not in series:
                yield path


def _freed(folders: Iterable[Path]) -> int:
    """Bytes of files all of whose names lie in these folders."""
    size: dict[tuple[int, int], int] = {}
    links: dict[tuple[int, int], int] = defaultdict(int)
    for folder in folders:
        for _, path in files_below(folder):
            status = path.lstat()
            inode = status.st_dev, status.st_ino
            links[inode] += 1
            taken = getattr(status, "st_blocks", -(-status.st_size // _BLOCK)) * _BLOCK
            size[inode] = taken if links[inode] >= status.st_nlink else 0
    return sum(size.values())


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent

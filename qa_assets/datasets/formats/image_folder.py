"""Images in one folder a class; folders below a class are part of the name only."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets import folders, trees
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import FORMATS, Finding, RawSample, Stamp

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif"),
    *(".tif", ".tiff", ".webp", ".svg", ".eps", ".psd", ".heic", ".avif"),
)
"""Names that promise an image; whether it is of an accepted kind, its bytes decide."""


ARCHIVES = (".zip", ".tar", ".gz")
"""Set aside by their bytes: what is inside is nobody's sample, but somebody may think so."""
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Folders that hold a part of the data and not a class, where there are no others at the top."""


class ImageFolder:
    """``<class>/<name>.png``, or ``<part>/<class>/<name>.png`` with parts such as train and test.

    A class is called as its folder is, whatever the text.
    """

    def fits(self, source: Path) -> bool:
        """Any folder or archive: this is what a tree of pictures is, unless it says otherwise."""
        return source.is_dir() or trees.is_archive(source)

    def read(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Finding]:
        """Every image below a class folder; files beside the class folders have no label."""
        packed = trees.Packed(source, limits) if trees.is_archive(source) else None
        parts = _are_parts(packed.names()) if packed else _has_parts(source)
        for found in packed.entries() if packed else folders.walk(source):
            if isinstance(found, Quarantined):
                yield found
                continue
            part, name = (
                found.name.split("/", 1) if parts and "/" in found.name else ("", found.name)
            )
            if finding := _unusable(found.name, name, limits):
                yield finding
            elif "/" in name:
                payload = trees.payload_of(found, limits.max_file_mib)
                if isinstance(payload, Quarantined):
                    yield payload
                else:
                    label = name.split("/")[0]
                    yield RawSample(found.name, label, "", payload, PARTS.get(part.lower(), ""))

    def stamps(self, source: Path) -> Iterator[Stamp]:
        """One a file; a finding is stamped by its name and reason."""
        if trees.is_archive(source):
            yield from trees.stamps(source)
            return
        for found in folders.walk(source):
            if isinstance(found, Quarantined):
                yield Stamp(f"{found.code} {found.item}", 0, 0)
            else:
                yield Stamp(found.name, *found.stamp)


FORMATS.add("image_folder", ImageFolder())


def _folders(source: Path) -> Iterator[str]:
    if source.is_dir():
        inside = (p for p in source.iterdir() if p.is_dir())
        yield from (p.name for p in inside if not folders.ignored(p.name))


def _has_parts(source: Path) -> bool:
    """Whether a folder holds parts of the data: several, or one with folders a class in it."""
    tops = [*_folders(source)]
    if len(tops) != 1:
        return _are_parts(tops)
    return tops[0].lower() in PARTS and len([*islice(_folders(source / tops[0]), 2)]) > 1


def _are_parts(names: Iterable[str]) -> bool:
    """Whether the top folders are parts of the data: at least two, and nothing else."""
    tops: set[str] = set()
    for name in names:
        tops.add(name.split("/")[0].lower())
        if not tops <= PARTS.keys():
            return False
    return len(tops) > 1


def _promises_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _unusable(whole: str, name: str, limits: SampleLimits) -> Finding | None:
    """What the name alone rules out; notes beside the class folders are no one's samples."""
    depth = name.count("/") - 1
    if depth > limits.max_depth:
        return Quarantined(
            "NAME_DEPTH",
            whole,
            f"lies {depth} folders below its class, at most {limits.max_depth} are read.",
            "Move it up, or raise limits.max_depth.",
        )
    if "/" not in name and _promises_image(name):
        return Quarantined("LABEL_MISSING", whole, "lies in no class folder.", "Move it into one.")
    if "/" in name and not _promises_image(name) and not name.lower().endswith(ARCHIVES):
        return Remark(
            "NAME_EXTENSION", whole, "is not called like an image; it is left out.", "Remove it."
        )
    return None

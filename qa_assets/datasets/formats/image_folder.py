"""Images in one folder a class; folders below a class are part of the name only."""

from collections.abc import Iterator
from pathlib import Path

from qa_assets.core.records import Quarantined
from qa_assets.datasets.folders import FoundFile, read_file, walk
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import FORMATS, RawSample, Stamp

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif"),
    *(".tif", ".tiff", ".webp", ".svg", ".eps", ".psd", ".heic", ".avif"),
)
"""Names that promise an image; whether it is of an accepted kind, its bytes decide."""


class ImageFolder:
    """``<class>/<name>.png``; a class is called as its folder is, whatever the text."""

    def read(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Quarantined]:
        """Every image below a class folder; files beside the class folders have no label."""
        for found in walk(source):
            if isinstance(found, Quarantined):
                yield found
            elif finding := _unusable(found, limits):
                yield finding
            elif _in_class(found):
                payload = read_file(found, limits.max_file_mib)
                if isinstance(payload, Quarantined):
                    yield payload
                else:
                    yield RawSample(found.name, found.name.split("/")[0], "", payload)

    def stamps(self, source: Path) -> Iterator[Stamp]:
        """One a file; a finding is stamped by its name and reason."""
        for found in walk(source):
            if isinstance(found, Quarantined):
                yield Stamp(f"{found.code} {found.item}", 0, 0)
            else:
                yield Stamp(found.name, found.status.st_size, found.status.st_mtime_ns)


FORMATS.add("image_folder", ImageFolder())


def _in_class(found: FoundFile) -> bool:
    return "/" in found.name


def _promises_image(found: FoundFile) -> bool:
    return found.name.lower().endswith(SUFFIXES)


def _unusable(found: FoundFile, limits: SampleLimits) -> Quarantined | None:
    """What the name alone rules out; notes beside the class folders are no one's samples."""
    depth = found.name.count("/") - 1
    if depth > limits.max_depth:
        return Quarantined(
            "NAME_DEPTH",
            found.name,
            f"lies {depth} folders below its class, at most {limits.max_depth} are read.",
            "Move it up, or raise limits.max_depth.",
        )
    if not _in_class(found) and _promises_image(found):
        return Quarantined(
            "LABEL_MISSING", found.name, "lies in no class folder.", "Move it into one."
        )
    if _in_class(found) and not _promises_image(found):
        return Quarantined(
            "NAME_EXTENSION", found.name, "is not called like an image.", "Rename or remove it."
        )
    return None

"""Arrays of pictures: an NPZ file with ``x`` (pictures), ``y`` (labels) and maybe ``name``.

Also the usual spellings of the same: ``images`` and ``labels``, ``x_train`` and ``y_train`` beside
``x_test`` and ``y_test``, ``train_images`` and ``train_labels``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined
from qa_assets.core.zips import ZIP_ERRORS
from qa_assets.datasets.arrays import StoredArray, read_npz
from qa_assets.datasets.blocks import Block, one_by_one
from qa_assets.datasets.delimited import as_text
from qa_assets.datasets.formats.image_folder import PARTS
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import FORMATS, Finding, RawSample, Stamp
from qa_assets.datasets.trees import stamps
from qa_assets.datasets.zip_directory import infos

PICTURES, LABELS, NAMES = "x", "y", "name"
CALLED = {
    **dict.fromkeys(("x", "image", "images", "data"), PICTURES),
    **dict.fromkeys(("y", "label", "labels", "target", "targets"), LABELS),
}
"""What a word in an array's name says it holds; the other word may name a part, as ``test``."""
PAIR = (PICTURES, LABELS)
_RANKS = (3, 4)
_CHANNELS = (1, 3)


class Npz:
    """``numpy.savez(file, x=pictures, y=labels)``; bytes, (sample, row, column[, 3])."""

    def fits(self, source: Path) -> bool:
        """A zip whose members are all NPY files."""
        if not source.is_file() or source.stat().st_size == 0:
            return False
        try:
            with source.open("rb") as stream:
                arrays = (i.filename.endswith(".npy") for few in infos(stream) for i in few)
                return next(arrays, False) and all(arrays)
        except ZIP_ERRORS:
            return False

    def read(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Finding]:
        """Every picture as a PNG, in the order of the array."""
        yield from one_by_one(self.blocks(source, limits))

    def blocks(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Finding | Block]:
        """The same, about a MiB at a time."""
        if not source.is_file():
            raise InputRefused.of("SET_MISSING", str(source), "does not exist or is a folder.")
        arrays = read_npz(source, limits)
        for found in paired(arrays, source):
            _refuse_other(found.pixels, source)
            named = NAMES in arrays and not found.part
            yield from _blocks(found, source, arrays[NAMES].whole() if named else None)

    def stamps(self, source: Path) -> Iterator[Stamp]:
        """One: the file's."""
        if not source.is_file():
            raise InputRefused.of("SET_MISSING", str(source), "does not exist or is a folder.")
        yield from stamps(source)


FORMATS.add("npz", Npz())


@dataclass(frozen=True, slots=True)
class Pair:
    """Pictures with their labels.

    Attributes:
        part: The side they are meant for, as ``test``; "" where the names do not say.
        pixels: One picture a row, not yet read.
        labels: As many.
    """

    part: str
    pixels: StoredArray
    labels: "NDArray[Any]"


def paired(arrays: Mapping[str, StoredArray], source: Path) -> list[Pair]:
    """Pictures and labels, as many of one as of the other.

    Raises:
        InputRefused: ``NPZ_KEYS``, ``IDX_COUNT`` or ``SET_EMPTY``.
    """
    named: dict[str, dict[str, str]] = {}
    for key in arrays:
        if (meant := _meant(key)) is not None:
            named.setdefault(meant[0], {}).setdefault(meant[1], key)
    parts = named or {"": {}}
    return [_pair(part, keys, arrays, source) for part, keys in parts.items()]


def _meant(key: str) -> tuple[str, str] | None:
    """Part and content that an array's name speaks of; nothing where it speaks of neither."""
    words = re.split(r"[_.\- ]", key.lower())
    content = [CALLED[w] for w in words if w in CALLED]
    parts = [PARTS[w] for w in words if w in PARTS]
    known = len(content) == 1 and len(content) + len(parts) == len(words) <= len(PAIR)
    return (parts[0] if parts else "", content[0]) if known else None


def _pair(
    part: str, keys: Mapping[str, str], arrays: Mapping[str, StoredArray], source: Path
) -> Pair:
    missing = [k for k in PAIR if k not in keys]
    if missing:
        among = f" of the part {part!r}" if part else ""
        what = f"has no array {' and no '.join(missing)}{among}; it has {', '.join(arrays)}."
        raise InputRefused.of("NPZ_KEYS", source.name, what, "Save x=pictures, y=labels.")
    pixels, labels = arrays[keys[PICTURES]], arrays[keys[LABELS]].whole()
    if labels.ndim > 1 and labels.size == len(labels):
        labels = labels.reshape(-1)
    if not pixels.shape or labels.ndim != 1 or len(pixels) != len(labels):
        what = f"holds samples of shape {pixels.shape} and labels of shape {labels.shape}."
        remedy = "Save one label a sample"
        remedy += ": numpy.argmax(y, axis=1)." if labels.ndim == len(PAIR) else "."
        raise InputRefused.of("IDX_COUNT", source.name, what, remedy)
    if not len(pixels):
        raise InputRefused.of("SET_EMPTY", source.name, "holds no samples.")
    return Pair(part, pixels, labels)


def _blocks(
    found: Pair, source: Path, names: "NDArray[Any] | None"
) -> Iterator[RawSample | Finding | Block]:
    within = f"{source.name}/{found.part}" if found.part else source.name
    words, codes = np.unique(found.labels, return_inverse=True)
    spelt, start = [as_text(word.item()) for word in words], 0
    for pixels in found.pixels.pieces():
        flat = pixels[..., 0] if pixels.ndim == _RANKS[1] and pixels.shape[-1] == 1 else pixels
        there = slice(start, start + len(flat))
        called = [str(name) for name in names[there]] if names is not None else ()
        block = Block(flat, within, start, codes[there], spelt, found.part, called)
        yield from [block] if all(spelt) else _labelled(block)
        start += len(flat)


def _labelled(block: Block) -> Iterator[RawSample | Quarantined]:
    """The samples of a block; those without a label are set aside."""
    for sample in block.samples():
        what = "has a label that is no number, or empty."
        yield sample if sample.label else Quarantined("LABEL_EMPTY", sample.name, what)


def _refuse_other(pixels: StoredArray, source: Path) -> None:
    rank = len(pixels.shape)
    grey_or_rgb = rank == _RANKS[0] or (rank == _RANKS[1] and pixels.shape[-1] in _CHANNELS)
    if pixels.dtype != np.uint8 or not grey_or_rgb:
        raise InputRefused.of(
            "NPY_TYPE",
            f"{source.name}: {PICTURES}",
            f"is {pixels.dtype} {pixels.shape}; pictures are uint8, (n, h, w) or (n, h, w, 3).",
            _remedy(pixels),
        )


def _remedy(pixels: StoredArray) -> str:
    rank = len(pixels.shape)
    if rank not in _RANKS:
        return "Give each picture its rows and columns: save x.reshape(n, height, width)."
    if rank == _RANKS[1] and pixels.shape[-1] not in _CHANNELS:
        if pixels.shape[1] in _CHANNELS:
            return "Channels come last: save numpy.moveaxis(x, 1, -1)."
        return "Save grey or RGB alone: x[..., :3] of RGBA."
    if pixels.dtype == np.bool_:
        return "Save numpy.uint8(x) * 255."
    return "Scale to 0..255 with a rule of your own, and save numpy.uint8."

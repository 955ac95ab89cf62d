"""Arrays of pictures: an NPZ file with ``x`` (pictures), ``y`` (labels) and maybe ``name``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused
from qa_assets.datasets.arrays import png_of, read_npz
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import FORMATS, Finding, RawSample, Stamp
from qa_assets.datasets.trees import stamps

PICTURES, LABELS, NAMES = "x", "y", "name"
_RANKS = (3, 4)
_CHANNELS = (1, 3)


class Npz:
    """``numpy.savez(file, x=pictures, y=labels)``; bytes, (sample, row, column[, 3])."""

    def fits(self, source: Path) -> bool:
        """A zip whose members are all NPY files."""
        from zipfile import BadZipFile, ZipFile

        if not source.is_file() or source.stat().st_size == 0:
            return False
        try:
            with ZipFile(source) as archive:
                names = archive.namelist()
        except (BadZipFile, OSError, NotImplementedError):
            return False
        return bool(names) and all(n.endswith(".npy") for n in names)

    def read(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Finding]:
        """Every picture as a PNG, in the order of the array."""
        if not source.is_file():
            raise InputRefused.of("SET_MISSING", str(source), "does not exist or is a folder.")
        arrays = read_npz(source, limits)
        pixels, labels = paired(arrays, source)
        _refuse_other(pixels, source)
        names = arrays.get(NAMES)
        for place, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            called = str(names[place]) if names is not None else f"{place:07d}"
            flat = image[..., 0] if image.ndim == _RANKS[0] and image.shape[-1] == 1 else image
            yield RawSample(f"{source.name}/{called}", str(label), "", png_of(flat))

    def stamps(self, source: Path) -> Iterator[Stamp]:
        """One: the file's."""
        if not source.is_file():
            raise InputRefused.of("SET_MISSING", str(source), "does not exist or is a folder.")
        yield from stamps(source)


FORMATS.add("npz", Npz())


def paired(arrays: "dict[str, NDArray[Any]]", source: Path) -> "tuple[NDArray[Any], NDArray[Any]]":
    """Pictures and labels, as many of one as of the other.

    Raises:
        InputRefused: ``NPZ_KEYS``, ``IDX_COUNT`` or ``SET_EMPTY``.
    """
    missing = [k for k in (PICTURES, LABELS) if k not in arrays]
    if missing:
        what = f"has no array {' and no '.join(missing)}; it has {', '.join(arrays)}."
        raise InputRefused.of("NPZ_KEYS", source.name, what, "Save x=pictures, y=labels.")
    pixels, labels = arrays[PICTURES], arrays[LABELS]
    if len(pixels) != len(labels):
        what = f"holds {len(pixels)} samples and {len(labels)} labels."
        raise InputRefused.of("IDX_COUNT", source.name, what)
    if not len(pixels):
        raise InputRefused.of("SET_EMPTY", source.name, "holds no samples.")
    return pixels, labels


def _refuse_other(pixels: "NDArray[Any]", source: Path) -> None:
    grey_or_rgb = pixels.ndim == _RANKS[0] or (
        pixels.ndim == _RANKS[1] and pixels.shape[-1] in _CHANNELS
    )
    if pixels.dtype != np.uint8 or not grey_or_rgb:
        raise InputRefused.of(
            "NPY_TYPE",
            f"{source.name}: {PICTURES}",
            f"is {pixels.dtype} {pixels.shape}; pictures are uint8, (n, h, w) or (n, h, w, 3).",
            "Scale to 0..255 with a rule of your own.",
        )

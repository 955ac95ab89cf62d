"""MNIST-like pairs of IDX files: pictures and, beside them, labels; packed with gzip or not."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets.blocks import Block, one_by_one
from qa_assets.datasets.idx_files import idx_blocks, idx_header, looks_like_idx, read_idx
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import FORMATS, Finding, RawSample, Stamp
from qa_assets.datasets.trees import stamps

CLASSES = 10
"""Labels of the format's first datasets are 0 to 9; others go on from there without a gap."""
_PICTURES = 3


class Idx:
    """``train-images-idx3-ubyte[.gz]`` with ``train-labels-idx1-ubyte[.gz]``."""

    def fits(self, source: Path) -> bool:
        """An IDX file, or a folder whose top holds one."""
        if source.is_dir():
            return any(looks_like_idx(p) for p in source.iterdir() if p.is_file())
        return source.is_file() and looks_like_idx(source)

    def read(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Finding]:
        """Every picture as a PNG, in the order of the file; ``t10k`` is the test part."""
        yield from one_by_one(self.blocks(source, limits))

    def blocks(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Finding | Block]:
        """The same, about a MiB at a time."""
        for pictures in _picture_files(source):
            yield from _blocks(pictures, _labels_beside(pictures))

    def stamps(self, source: Path) -> Iterator[Stamp]:
        """One a file."""
        if not source.exists():
            raise _missing(source)
        yield from stamps(source)


FORMATS.add("idx", Idx())


def read_pair(pictures: Path, labels: Path) -> Iterator[RawSample | Finding]:
    """Pictures with their labels.

    Raises:
        InputRefused: ``IDX_*``: the files are damaged or do not belong together.
    """
    yield from one_by_one(_blocks(pictures, labels))


def _blocks(pictures: Path, labels: Path) -> Iterator[RawSample | Finding | Block]:
    numbers = _labels_of(pictures, labels)
    part = "test" if pictures.name.startswith(("t10k", "test")) else ""
    part = "train" if pictures.name.startswith("train") else part
    classes = _classes(numbers.tolist())
    words, start = tuple(map(str, range(classes))), 0
    for pixels in idx_blocks(pictures, _PICTURES):
        codes = numbers[start : start + len(pixels)]
        usable = (codes >= 0) & (codes < classes) & (codes == np.trunc(codes))
        known = np.where(usable, codes, 0).astype(np.int64)
        block = Block(pixels, pictures.name, start, known, words, part)
        if usable.all():
            yield block
        else:
            yield from _usable(block, codes, usable)
        start += len(pixels)


def _usable(
    block: Block, codes: NDArray[Any], usable: NDArray[np.bool_]
) -> Iterator[RawSample | Quarantined]:
    for place, sample in enumerate(block.samples()):
        if usable[place]:
            yield sample
        else:
            there = f"there are {len(block.words)} classes (sample {block.first + place})."
            what = f"is labelled {codes[place]}; {there}"
            yield Quarantined("LABEL_UNKNOWN", sample.name, what, "Correct the label.")


def _labels_of(pictures: Path, labels: Path) -> NDArray[Any]:
    """The labels, one a picture; the pictures are bytes."""
    header, numbers = idx_header(pictures, _PICTURES), read_idx(labels, 1)
    if header.shape[0] != len(numbers) or header.kind != np.uint8:
        for _ in idx_blocks(pictures, _PICTURES):  # a header that its file belies is said first
            pass
    if header.shape[0] != len(numbers):
        raise InputRefused.of(
            "IDX_COUNT",
            f"{pictures.name}, {labels.name}",
            f"hold {header.shape[0]} pictures and {len(numbers)} labels.",
            "Take two files of one version.",
        )
    if header.kind != np.uint8:
        raise InputRefused.of("IDX_TYPE", pictures.name, f"holds {header.kind}, bytes are read.")
    return numbers


def _classes(labels: list[int]) -> int:
    """Ten, or as many as there are labels in an unbroken row from there, as EMNIST has."""
    present = set(labels)
    return next(n for n in count(CLASSES) if n not in present)


def _picture_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise _missing(source)
    files = [p for p in sorted(source.iterdir()) if p.is_file() and "labels" not in p.name]
    damaged = [p for p in files if "images" in p.name] or [source / "images-idx3-ubyte"]
    return [p for p in files if looks_like_idx(p)] or damaged


def _labels_beside(pictures: Path) -> Path:
    name = pictures.name.replace("images", "labels").replace("idx3", "idx1")
    for candidate in (name, name.removesuffix(".gz"), f"{name}.gz"):
        if (pictures.parent / candidate).is_file() and candidate != pictures.name:
            return pictures.parent / candidate
    if name == pictures.name:
        what = "has no 'images' in its name, so nobody knows where its labels are."
        remedy = "Call the two files images-idx3-ubyte and labels-idx1-ubyte."
        raise InputRefused.of("SET_MISSING", pictures.name, what, remedy)
    return pictures.parent / name


def _missing(source: Path) -> InputRefused:
    return InputRefused.of(
        "SET_MISSING", str(source), "does not exist.", "Give the folder with the IDX files."
    )

"""MNIST-like pairs of IDX files: pictures and, beside them, labels; packed with gzip or not."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets.idx_files import idx_blocks, idx_header, looks_like_idx, read_idx
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import FORMATS, Finding, RawSample, Stamp
from qa_assets.datasets.stored_png import pngs_of
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
        for pictures in _picture_files(source):
            yield from read_pair(pictures, _labels_beside(pictures))

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
    part = "test" if pictures.name.startswith(("t10k", "test")) else ""
    part = "train" if pictures.name.startswith("train") else part
    within = pictures.name
    classes = _classes(numbers.tolist())
    bodies = (body for block in idx_blocks(pictures, _PICTURES) for body in pngs_of(block))
    for place, (body, number) in enumerate(zip(bodies, numbers.tolist(), strict=True)):
        name = f"{within}/{place:07d}"
        if 0 <= number < classes:
            yield RawSample(name, str(number), "", body, part)
        else:
            what = f"is labelled {number}; there are {classes} classes (sample {place})."
            yield Quarantined("LABEL_UNKNOWN", name, what, "Correct the label.")


def _classes(labels: list[int]) -> int:
    """Ten, or as many as there are labels in an unbroken row from there, as EMNIST has."""
    present = set(labels)
    return next(n for n in count(CLASSES) if n not in present)


def _picture_files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise _missing(source)
    found = [p for p in sorted(source.iterdir()) if p.is_file() and looks_like_idx(p)]
    return [p for p in found if "labels" not in p.name] or [source / "images-idx3-ubyte"]


def _labels_beside(pictures: Path) -> Path:
    name = pictures.name.replace("images", "labels").replace("idx3", "idx1")
    for candidate in (name, name.removesuffix(".gz"), f"{name}.gz"):
        if (pictures.parent / candidate).is_file() and candidate != pictures.name:
            return pictures.parent / candidate
    return pictures.parent / name


def _missing(source: Path) -> InputRefused:
    return InputRefused.of(
        "SET_MISSING", str(source), "does not exist.", "Give the folder with the IDX files."
    )

"""Small real datasets for the tests of the rooms that read them."""

import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from qa_assets.core.config import InputSpec
from qa_assets.core.records.datasets import DatasetSnapshot, DatasetSplits, DatasetStatistics
from qa_assets.datasets.embedded import grey_png
from qa_assets.datasets.quality import quality
from qa_assets.datasets.settings import DatasetSettings, SplitSettings
from qa_assets.datasets.snapshot import snapshot
from qa_assets.datasets.splits import split
from qa_assets.datasets.statistics import statistics

DIGITS = DatasetSettings(
    path="data/digits", embedded="sklearn_digits", group_pattern=r"(block\d+)_"
)
DIGITS_SPLITS = SplitSettings(
    test_groups=("block09", "block10", "block11"), validation_groups=("block08",)
)
DIGITS_INPUT = InputSpec(height=8, width=8, channels=1)


def grey(seed: int, size: int = 8) -> NDArray[np.uint8]:
    """Grey pixels that no other seed gives."""
    return np.random.default_rng(seed).integers(0, 256, (size, size), dtype=np.uint8)


def picture(seed: int, size: int = 8) -> bytes:
    """A grey PNG that no other seed gives."""
    return grey_png(grey(seed, size))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, body in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body)
    return folder


def pets(folder: Path, count: int = 4) -> Path:
    """Two classes with ``count`` pictures each, below ``folder/data``."""
    files = {f"data/{c}/{c}_{n}.png": picture(100 * k + n)
             for k, c in enumerate(("cat", "dog")) for n in range(count)}  # fmt: skip
    return write(folder, files)


def take(root: Path, **settings: object) -> DatasetSnapshot:
    scratch = Path(mkdtemp(dir=root))
    return snapshot(DatasetSettings(path="data", **settings), "pets", root, scratch)


@cache
def digits() -> tuple[DatasetSnapshot, DatasetSplits, DatasetStatistics]:
    """The embedded dataset, once a session."""
    root = Path(mkdtemp(prefix="qa-digits-"))
    taken = snapshot(DIGITS, "digits", root, root)
    return taken, split(taken, DIGITS_SPLITS), statistics(taken, quality(taken))

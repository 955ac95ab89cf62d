"""IDX and NPZ as people save them: labels that are missing, shapes that need a word."""

import struct
from pathlib import Path

import numpy as np
import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import SAMPLES, Quarantined
from qa_assets.core.tables import read_table
from qa_assets.datasets.remedies import remedies
from qa_assets.datasets.settings import DatasetSettings, SampleLimits
from qa_assets.datasets.snapshot import snapshot
from qa_assets.datasets.source import FORMATS, RawSample
from qa_assets_tests.datasets.samples import grey, write

PIXELS = np.stack([grey(n) for n in range(6)])
CLASS = np.arange(6) % 2
LIMITS = SampleLimits()


def idx(dimensions: int, *shape: int, kind: int = 8) -> bytes:
    return struct.pack(f">HBB{dimensions}I", 0, kind, dimensions, *shape)


def read(kind: str, source: Path) -> list[object]:
    with remedies():
        return list(FORMATS[kind].read(source, LIMITS))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.where(CLASS == 1, 1.0, np.nan), {"1"}),
        (np.array(["", "b", "c", "b", "c", "b"]), {"b", "c"}),
    ],
)
def test_a_missing_label_is_set_aside(labels: np.ndarray, words: set[str], tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", x=PIXELS, y=labels)
    found = read("npz", tmp_path / "set.npz")
    assert {f.label for f in found if isinstance(f, RawSample)} == words
    aside = [f for f in found if isinstance(f, Quarantined)]
    missing = int((labels == "").sum() if labels.dtype.kind == "U" else np.isnan(labels).sum())
    assert [f.code for f in aside] == ["LABEL_EMPTY"] * missing
    assert aside[0].item == "set.npz/0000000"


def test_whole_floats_are_the_classes_that_integers_are(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", x=PIXELS, y=CLASS.astype(float))
    found = read("npz", tmp_path / "set.npz")
    assert [f.label for f in found if isinstance(f, RawSample)] == [str(n) for n in CLASS]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": PIXELS.reshape(6, -1), "y": CLASS}, r"NPY_TYPE.*reshape"),
        ({"x": np.repeat(PIXELS[..., None], 4, -1), "y": CLASS}, r"NPY_TYPE.*x\[\.\.\., :3\]"),
        ({"x": PIXELS > 9, "y": CLASS}, r"NPY_TYPE.*\* 255"),
        ({"x": PIXELS, "y": np.eye(6)}, r"IDX_COUNT.*argmax"),
    ],
)
def test_each_shape_has_a_remedy_of_its_own(
    arrays: dict[str, np.ndarray], said: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "set.npz", **arrays)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputRefused, match=said):
        read("npz", tmp_path / "set.npz")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"train-images-idx3-ubyte": b"\0\1\x08\3" + bytes(99),
          "train-labels-idx1-ubyte": idx(1, 6) + bytes(6)},
         "IDX_MAGIC train-images-idx3-ubyte.*Give an IDX file"),
        ({"x.idx": idx(3, 6, 8, 8) + PIXELS.tobytes(), "y.idx": idx(1, 6) + bytes(6)},
         "SET_MISSING x.idx.*Call the two files"),
        ({"images-idx3-ubyte": idx(4, 6, 8, 8, 1) + PIXELS.tobytes(),
          "labels-idx1-ubyte": idx(1, 6) + bytes(6)},
         "IDX_SHAPE images-idx3-ubyte.*idx3.*idx1"),
        ({"images-idx3-ubyte": idx(3, 9, 8, 8) + PIXELS.tobytes(),
          "labels-idx1-ubyte": idx(1, 9) + bytes(9)},
         "IDX_LENGTH images-idx3-ubyte.*Fetch it again"),
    ],
)  # fmt: skip
def test_the_file_that_is_wrong_is_named_with_its_remedy(
    files: dict[str, bytes], said: str, tmp_path: Path
) -> None:
    write(tmp_path / "set", files)
    with pytest.raises(InputRefused, match=said):
        read("idx", tmp_path / "set")


@pytest.mark.parametrize("missing", [False, True])
def test_what_pixels_of_an_array_are_called_says_nothing_of_a_format(
    tmp_path: Path, missing: bool
) -> None:
    labels = np.array(["a", "" if missing else "b", "a", "b", "a", "b"])
    names = np.array([f"{n}.jpg" for n in range(5)] + ["a:b.jpg"])
    np.savez(tmp_path / "set.npz", x=PIXELS, y=labels, name=names)
    settings = DatasetSettings(path="set.npz", format="npz")
    taken = snapshot(settings, "s", tmp_path, tmp_path)
    assert read_table(taken, SAMPLES)["name"].str.endswith(".jpg").all()
    assert {r.code for r in taken.remarks} == {"NAME_PORTABLE"}

"""Whatever form a dataset has, its faults are planted in pictures of the same samples."""

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from qa_assets.artifacts import obtain
from qa_assets.config import Pipeline, read_pipeline
from qa_assets.core.records.datasets import SAMPLES, DatasetSplits
from qa_assets.core.store import LocalStore
from qa_assets.core.tables import read_table
from qa_assets.datasets.embedded import grey_png
from qa_assets.faults.fault import FAULTS
from qa_assets.faults.harness import kept_in, run_fault
from qa_assets.faults.pictured import as_pictures
from qa_assets.graph import build_graph

DEFS = """
type: qa_assets.component.QaPipeline
attributes:
  name: mine
  dataset: {dataset}
  splits: {splits}
  input: {{height: 8, width: 8, channels: 1, mean: [0.3], std: [0.4]}}
  gates: {{splits_disjoint: {{}}}}
"""
FEW = 200
SHIPPED = Path(__file__).resolve().parents[2] / "qa_assets" / "defs" / "digits"


def written(root: Path, dataset: str, splits: str = "{test: 0.2, validation: 0.2}") -> Pipeline:
    defs = root / "defs"
    defs.mkdir(parents=True)
    shutil.copy(SHIPPED / "model.py", defs)
    (defs / "defs.yaml").write_text(DEFS.format(dataset=dataset, splits=splits), encoding="utf-8")
    return read_pipeline(defs, root)


def arrays(root: Path) -> Pipeline:
    pixels, labels = load_digits(return_X_y=True)
    grey = (pixels.reshape(-1, 8, 8) * 15).astype(np.uint8)
    sides = {"x_train": grey[:140], "y_train": labels[:140], "x_test": grey[140:FEW],
             "y_test": labels[140:FEW]}  # fmt: skip
    root.mkdir(parents=True)
    np.savez(root / "data.npz", **sides)
    return written(root, "{path: data.npz, format: npz}", "{by: source}")


def manifest(root: Path) -> Pipeline:
    pixels, labels = load_digits(return_X_y=True)
    root.mkdir(parents=True)
    rows: list[tuple[str, str, str]] = []
    for i in range(FEW):
        body = io.BytesIO()
        Image.fromarray((pixels[i].reshape(8, 8) * 15).astype(np.uint8)).save(body, "PNG")
        (root / f"{i}.png").write_bytes(body.getvalue())
        rows.append((f"{i}.png", f"class {labels[i]}", f"a writér {i // 2}_" if i % 7 else ""))
    pd.DataFrame(rows, columns=["path", "label", "group"]).to_csv(root / "list.csv", index=False)
    return written(root, "{path: list.csv, format: manifest}")


def one_side(root: Path) -> Pipeline:
    """A hub's file of its train part alone."""
    return table(root / "data/train-00000-of-00001.parquet", "{by: source, test: 0.3}")


def some_sides(root: Path) -> Pipeline:
    """A column that names the side of some samples."""
    sides = ["train" if i % 3 else "" for i in range(FEW)]
    return table(root / "data/all.parquet", "{test: 0.2, validation: 0.2}", split=sides)


def table(path: Path, splits: str, **columns: list[str]) -> Pipeline:
    pixels, labels = load_digits(return_X_y=True)
    grey = (pixels[:FEW].reshape(-1, 8, 8) * 15).astype(np.uint8)
    path.parent.mkdir(parents=True)
    columns = {"image": [grey_png(p) for p in grey], "label": labels[:FEW], **columns}
    pd.DataFrame(columns).to_parquet(path)
    return written(path.parents[1], "{path: data, format: image_table}", splits)


def split_of(pipeline: Pipeline, store: LocalStore) -> tuple[pd.DataFrame, str]:
    with kept_in(store):
        artifacts, _ = build_graph(pipeline)
        taken = obtain(artifacts["dataset_snapshot"], {}, store)
        found = {"dataset_snapshot": taken.digest}
        made = obtain(artifacts["dataset_splits"], found, store).record
    assert isinstance(made, DatasetSplits)
    table = read_table(made, SAMPLES).sort_values("id").reset_index(drop=True)
    return table[["id", "label", "group", "split"]], taken.digest


@pytest.mark.slow
@pytest.mark.parametrize("form", [arrays, manifest, one_side, some_sides])
def test_the_same_samples_are_on_the_same_sides(form: object, tmp_path: Path) -> None:
    pipeline, store = form(tmp_path / "project"), LocalStore(tmp_path / "store")  # pyright: ignore
    before, first = split_of(pipeline, store)
    assert len(before) == FEW
    with kept_in(store):
        pictured = as_pictures(pipeline, store)
        assert as_pictures(pictured, store) == pictured
    after, second = split_of(pictured, store)
    assert first != second, "another source"
    pd.testing.assert_frame_equal(before, after)
    run = run_fault(pictured, FAULTS["files_truncated"], "clear", store, 0.9)
    assert run.ending != "not planted", run.cause

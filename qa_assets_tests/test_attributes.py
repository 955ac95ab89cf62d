"""What a manifest says of its samples is a slice of the evaluation: a bad camera is named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from qa_assets.core.config import InputSpec
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.training import Baselines
from qa_assets.core.tables import read_table, table_bytes
from qa_assets.datasets.drift_report import drift_report
from qa_assets.datasets.quality import quality
from qa_assets.datasets.settings import DatasetSettings, SplitSettings
from qa_assets.datasets.snapshot import snapshot
from qa_assets.datasets.splits import split
from qa_assets.datasets.statistics import statistics
from qa_assets.evaluation.metrics import evaluate
from qa_assets.evaluation.predictions import predict
from qa_assets.preprocessing.samples import load_split
from qa_assets_tests.datasets.samples import grey_png, picture, write

SPEC = InputSpec(height=8, width=8, channels=1)


class ByBrightness(nn.Module):
    """Answers day for bright pictures: right on every camera but the one that inverts them."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        light = pixels.mean(dim=(1, 2, 3)) - 0.5
        return torch.stack([light, -light], dim=1) * 20


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 pictures of four cameras; ``rear`` inverts, ``aperture`` is a number of no effect."""
    folder, random = tmp_path_factory.mktemp("cameras"), np.random.default_rng(0)
    rows, files = ["path,label,camera,aperture\n"], dict[str, bytes]()
    for n in range(400):
        bright, camera = n % 2, ("front", "left", "right", "rear")[n // 2 % 4]
        seen = bright if camera != "rear" else 1 - bright
        pixels = random.integers(0, 60, (8, 8)) + 190 * seen
        files[f"data/images/{n}.png"] = grey_png(pixels.astype(np.uint8))
        rows.append(
            f"images/{n}.png,{'day' if bright else 'night'},{camera},{random.random():.3f}\n"
        )
    write(folder, {**files, "data/labels.csv": "".join(rows).encode()})
    return folder


def test_a_camera_that_fails_is_named(root: Path, tmp_path: Path) -> None:
    taken = snapshot(DatasetSettings(path="data", format="manifest"), "cameras", root, tmp_path)
    splits = split(taken, SplitSettings(test=0.5, validation=0.1, seed=0))
    test = load_split(taken, splits, "test", SPEC)
    answers = predict(ByBrightness(), test, SPEC, "0" * 64)
    said = read_table(answers, SAMPLES)
    columns = {"id": said["id"], "label": said["label"], "majority": "day"}
    plain = Baselines(files={SAMPLES: table_bytes(pd.DataFrame(columns))}, accuracies={})
    found = evaluate(answers, plain)
    by_name = {s.name: s.accuracy.value for s in found.slices if not s.found}
    assert min(by_name, key=lambda name: by_name[name]) == "camera rear"
    assert by_name["camera rear"] == 0.0
    assert {by_name[f"camera {c}"] for c in ("front", "left", "right")} == {1.0}
    assert "aperture lowest quarter" in by_name, "a number is cut into quarters"


def test_a_camera_that_only_the_test_split_has_is_a_drift_of_its_own(tmp_path: Path) -> None:
    rows, files = ["filename,label,group,camera,angle\n"], dict[str, bytes]()
    for n in range(600):
        side = "old" if n < 400 else "new"
        camera = "rear" if side == "new" and n % 3 else ("front", "left")[n % 2]
        files[f"data/{n}.png"] = picture(n)
        rows.append(f"{n}.png,{'day' if n % 2 else 'night'},{side}{n % 7},{camera},{n % 60}\n")
    write(tmp_path, {**files, "data/labels.csv": "".join(rows).encode()})
    settings = DatasetSettings(path="data", format="manifest")
    taken = snapshot(settings, "cameras", tmp_path, tmp_path)
    looks = quality(taken)
    newest = SplitSettings(
        test_groups=tuple(f"new{k}" for k in range(7)), validation_groups=("old0",)
    )
    report = drift_report(taken, statistics(taken, looks), looks, split(taken, newest))
    shifts = {s.column: s for s in report.shifts["splits"]}
    assert shifts["camera"].low > 0.3
    assert shifts["camera"].effect == max(s.effect for s in report.shifts["splits"])
    assert shifts["angle"].kind == "number"
    assert shifts["angle"].low == 0.0

"""The dry run: a sound model passes every stage, and what would fail late is named early."""

from pathlib import Path

import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import DatasetSnapshot, DatasetSplits
from qa_assets.core.records.training import DryRun
from qa_assets.datasets.settings import DatasetSettings, SplitSettings
from qa_assets.datasets.snapshot import prepare, snapshot
from qa_assets.datasets.splits import split
from qa_assets.dry_run.rooms import dry_run
from qa_assets.edge.settings import EdgeSettings
from qa_assets.export.settings import ExportSettings
from qa_assets.training.settings import TrainingSettings
from qa_assets_tests.training.digits import LINEAR, SHIPPED, SPEC, written

Data = tuple[DatasetSnapshot, DatasetSplits]
STAGES = ("training", "predictions", "evaluation", "onnx_model", "edge_benchmark/ort-cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    root = tmp_path_factory.mktemp("data")
    settings = DatasetSettings.model_validate(
        {"path": "digits", "format": "image_folder", "embedded": "sklearn_digits"}
    )
    (root / "scratch").mkdir()
    prepare(settings, root)
    taken = snapshot(settings, "digits", root, root / "scratch", lambda _: None)
    return taken, split(taken, SplitSettings())


def tried(data: Data, model: Path, folder: Path, **edge: object) -> DryRun:
    return dry_run(
        *data, SPEC, TrainingSettings(), model,
        export_settings=ExportSettings(), edge=EdgeSettings.model_validate(edge), scratch=folder,
    )  # fmt: skip


@pytest.mark.slow
def test_a_sound_model_goes_through_every_stage(data: Data, tmp_path: Path) -> None:
    done = tried(data, SHIPPED, tmp_path)
    assert done == DryRun(samples=192, stages=STAGES)
    assert tried(data, written(tmp_path, LINEAR), tmp_path).digest == done.digest


LATE = """
import torch
from torch import nn


class Late(nn.Module):
    def __init__(self, spec, classes):
        super().__init__()
        self.last = nn.Linear(spec.height * spec.width, classes)

    def forward(self, x):
        x = x.flatten(1)
        {line}
        return self.last(x)


def network(spec, classes):
    return Late(spec, classes)
"""


@pytest.mark.slow
def test_a_network_that_cannot_be_exported_is_named_before_it_is_trained(
    data: Data, tmp_path: Path
) -> None:
    line = "x = x if float(x.sum()) > -1e9 else -x"
    model = written(tmp_path, LATE.format(line=line))
    with pytest.raises(InputRefused) as refused:
        tried(data, model, tmp_path)
    assert refused.value.problems[0].item.startswith("dry run, onnx_model")


@pytest.mark.slow
def test_a_target_that_does_not_answer_is_named(data: Data, tmp_path: Path) -> None:
    model = written(tmp_path, LINEAR)
    with pytest.raises(InputRefused, match="DRY_RUN dry run, edge_benchmark/ort-cpu: .*TIMEOUT"):
        tried(data, model, tmp_path, timeout_s=0.001)


def test_a_mistake_in_the_file_keeps_its_code_and_line(data: Data, tmp_path: Path) -> None:
    line = "x = x if len(x) < 4 else x[:, :-1]"
    with pytest.raises(InputRefused, match=r"MODEL_CODE dry run, training: .*model\.py:\d+"):
        tried(data, written(tmp_path, LATE.format(line=line)), tmp_path)

"""The layers in which a file leaves its network are named, folded or not."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from qa_assets.core.records.export import MODEL
from qa_assets.export.departure import left_at
from qa_assets.export.onnx_file import export, run_reference
from qa_assets.export.settings import ExportSettings
from qa_assets.faults.onnx_edits import bypass, node, rewrite
from qa_assets_tests.export.networks import CLASSES, PROVENANCE, SPEC, some_samples

SOME = some_samples()[0]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(5)
    made = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 64, len(CLASSES)),
    )
    with torch.no_grad():
        made[1].running_mean.normal_()
    return made.eval()


@pytest.fixture(scope="module")
def model(network: nn.Module) -> bytes:
    return export(network, SOME, SPEC, ExportSettings(), PROVENANCE).read(MODEL)


def left(network: nn.Module, model: bytes, change) -> tuple[str, ...]:
    proto = onnx.load_model_from_string(model)
    change(proto)
    body = proto.SerializeToString()
    return left_at(network, body, SOME.pixels, run_reference(body, SOME.pixels, 8), SPEC)


def tensor(proto, name: str):
    return next(t for t in proto.graph.initializer if t.name == name)


def test_a_sound_file_leaves_nowhere(network: nn.Module, model: bytes) -> None:
    assert left(network, model, lambda proto: None) == ()


CHANGES = {
    "preprocessing": lambda p: rewrite(tensor(p, "mean"), lambda v: v + 0.1),
    "0, 1": lambda p: rewrite(tensor(p, "network.0.weight"), lambda v: v * 1.05),
    "2": lambda p: bypass(p, node(p, "Relu")),
    "3": lambda p: rewrite(tensor(p, "network.3.bias"), lambda v: v + 1),
    "6": lambda p: rewrite(tensor(p, "network.6.weight"), np.negative),
}


@pytest.mark.parametrize("layers", CHANGES)
def test_the_first_layers_that_are_lost_are_named(
    network: nn.Module, model: bytes, layers: str
) -> None:
    assert ", ".join(left(network, model, CHANGES[layers])) == layers

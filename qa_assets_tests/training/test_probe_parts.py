"""A user's own layers: what they do wrong is found and the layer is named; sound ones pass."""

from pathlib import Path

import pytest
import torch

from qa_assets.core.config import InputSpec
from qa_assets.training.probe import Bench
from qa_assets.training.probe_parts import GRADIENT, own_layers, try_parts
from qa_assets.training.settings import TrainingSettings
from qa_assets.training.user_code import read_model
from qa_assets_tests.training.digits import digits, written

SPEC = InputSpec(height=8, width=8, channels=1, mean=(0.305,), std=(0.376,))
SOURCE = """
import torch
from torch import nn


class Slope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0) ** 2

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * {slope} * x.clamp(min=0)


class Own(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return {body}


def network(spec, classes):
    size = spec.height * spec.width
    return nn.Sequential(nn.Flatten(), nn.Linear(size, 16), Own(16), nn.Linear(16, classes))
"""
SOUND = "x * self.scale + x.relu()"
TESTED = {
    "": (SOUND, "2"),
    "hand-written": ("Slope.apply(x) * self.scale", "2"),
    "in single precision": ("x.float() * torch.ones(16) @ torch.eye(16) + 0 * x", "2"),
}
WRONG = {
    GRADIENT: ("Slope.apply(x) * self.scale", "1.9"),
    "is not finite for inputs of 10000": ("x.exp() * self.scale", "2"),
    "is not finite for inputs of 0": ("x / x.norm(dim=1, keepdim=True) * self.scale", "2"),
    "depends on the order of the batch": ("x.cumsum(0) * self.scale", "2"),
}


def bench(folder: Path, body: str, slope: str = "2", more: str = "") -> Bench:
    source = SOURCE.format(body=body, slope=slope) + more
    model = read_model(written(folder, source))
    few = digits(0, 64)
    return Bench(model, SPEC, TrainingSettings(), few, few, 10)


@pytest.mark.parametrize("name", TESTED)
def test_a_sound_layer_passes(tmp_path: Path, name: str) -> None:
    assert try_parts(bench(tmp_path, *TESTED[name])) == ({}, ("layer 2",))


@pytest.mark.parametrize("fault", WRONG)
def test_a_fault_is_named_with_its_layer(tmp_path: Path, fault: str) -> None:
    found, _ = try_parts(bench(tmp_path, *WRONG[fault]))
    assert found == {"layer 2": fault}


AUGMENTS = {
    "": "pixels.flip(3)",
    "returns torch.float32 (6, 1, 8, 7) for torch.float32 (6, 1, 8, 8)": "pixels[..., 1:]",
    "is not finite": "pixels / 0",
    "returns list, no tensor": "list(pixels)",
}


@pytest.mark.parametrize("fault", AUGMENTS)
def test_an_augmentation_is_tested(tmp_path: Path, fault: str) -> None:
    more = f"\n\ndef augment(pixels):\n    return {AUGMENTS[fault]}\n"
    found, tested = try_parts(bench(tmp_path, SOUND, more=more))
    assert tested == ("layer 2", "augment")
    assert found == ({"augment": fault} if fault else {})


def test_only_layers_of_the_users_own_are_tested(tmp_path: Path) -> None:
    made = bench(tmp_path, SOUND)
    pixels = made.batches().of(torch.arange(3))[0]
    assert list(own_layers(made.network(), pixels)) == ["2"]

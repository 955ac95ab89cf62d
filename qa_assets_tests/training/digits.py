"""Real handwritten digits and small networks, for the tests of training and evaluation."""

from functools import cache
from pathlib import Path

import numpy as np

from qa_assets.core.config import InputSpec
from qa_assets.core.digests import digest_bytes
from qa_assets.preprocessing.samples import LabelledSamples

SPEC = InputSpec(height=8, width=8, channels=1)
CLASSES = tuple("0123456789")
SHIPPED = Path(__file__).resolve().parents[2] / "qa_assets" / "defs" / "digits" / "model.py"

LINEAR = """
from torch import nn


def network(spec, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(spec.height * spec.width, classes))
"""
ZEROS = """
from torch import nn


def network(spec, classes):
    layer = nn.Linear(spec.height * spec.width, classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return nn.Sequential(nn.Flatten(), layer)
"""
TWO_LAYERS = """
from torch import nn


class Net(nn.Module):
    def __init__(self, spec, classes):
        super().__init__()
        self.first = nn.Linear(spec.height * spec.width, 16)
        self.norm = nn.BatchNorm1d(16)
        self.last = nn.Linear(16, classes)

    def forward(self, x):
        return self.last(self.norm(self.first(x.flatten(1))).relu())


def network(spec, classes):
    return Net(spec, classes)
"""


@cache
def digits(start: int, stop: int) -> LabelledSamples:
    """Rows of scikit-learn's digits, sorted by id; a group is a block of fifty rows."""
    from sklearn.datasets import load_digits

    source = load_digits()
    pixels = np.round(source.images * 255 / 16).astype(np.uint8)[..., None]
    ids = [digest_bytes(pixels[row].tobytes()) for row in range(start, stop)]
    order = np.argsort(ids)
    return LabelledSamples(
        ids=tuple(ids[i] for i in order),
        labels=source.target[start:stop][order].astype(np.int64),
        groups=tuple(f"block{(start + i) // 50:02d}" for i in order),
        pixels=pixels[start:stop][order],
        classes=CLASSES,
    )


def written(folder: Path, source: str) -> Path:
    """A user's ``model.py``."""
    path = folder / "model.py"
    path.write_text(source, encoding="utf-8")
    return path

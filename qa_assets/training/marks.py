"""What the record of a training says of its samples and tensors."""

import torch
from torch import Tensor

from qa_assets.preprocessing.samples import LabelledSamples


def shared(one: LabelledSamples, other: LabelledSamples) -> tuple[str, ...]:
    """Ids of samples in ``other`` that are in ``one`` as well, by name or by what is seen."""
    seen = {picture.tobytes() for picture in one.pixels}
    known = set(one.ids)
    return tuple(
        name
        for name, picture in zip(other.ids, other.pixels, strict=True)
        if name in known or picture.tobytes() in seen
    )


def majority(samples: LabelledSamples) -> float:
    """Share of the most frequent label."""
    return float(torch.from_numpy(samples.labels).bincount().max()) / len(samples.ids)


def moved(before: Tensor, after: Tensor) -> float:
    """Relative change, L2(after - before) / L2(before); what began at zero counts as it ended."""
    old, new = before.double(), after.double()  # in torch: BLAS sums by the address of its input
    size = float(torch.linalg.vector_norm(old))
    change = float(torch.linalg.vector_norm(new - old))
    return change / size if size else change

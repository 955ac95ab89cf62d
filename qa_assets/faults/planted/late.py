"""What goes wrong late: in the middle of the training, or after it."""

from contextlib import AbstractContextManager
from typing import Any

from qa_assets.faults.fault import fault
from qa_assets.faults.networks import weighted
from qa_assets.faults.patches import loaded, replaced
from qa_assets.faults.planted.loop import DEEPCRIME, change_weights
from qa_assets.faults.site import Site


@fault(
    "training",
    enters="trained_weights",
    causes=("training.loss_not_finite",),
    source="half precision: an overflow after many steps",
)
def loss_overflows_late(site: Site, dose: float) -> None:
    """After a hundred steps of the training the loss is infinite."""
    from torch.nn import functional

    def different() -> AbstractContextManager[object]:
        loaded("training.fit")
        right, steps = functional.cross_entropy, iter(range(10**9))

        def other(logits: Any, labels: Any, **more: Any) -> Any:
            return right(logits, labels, **more) * (1.0 if next(steps) < 100 else float("inf"))

        other.__name__ = "cross_entropy"
        return replaced(functional.cross_entropy, other, rooms=("training",))

    site.while_making(("trained_weights",), different)


@fault(
    "training",
    enters="trained_weights",
    causes=("evaluation.overconfident", "evaluation.uncalibrated"),
    mild=3.0,
    clear=10.0,
    source="Guo et al. (2017), On calibration of modern neural networks",
)
def answers_too_sure(site: Site, dose: float) -> None:
    """The last layer is a factor too large after the training: the same answers, far too sure."""
    last = weighted(site)[-1]

    def scale(state: Any) -> Any:
        return {n: t * dose if n.rpartition(".")[0] == last else t for n, t in state.items()}

    change_weights(site, scale)


@fault(
    "training",
    enters="trained_weights",
    causes=("evaluation.class_recall_low", "evaluation.slice_regression", "evaluation.weak_slice"),
    mild=0.3,
    clear=0.8,
    source=DEEPCRIME,
)
def one_class_mislabelled_by_the_loader(site: Site, dose: float) -> None:
    """The loader gives a share of one class's training samples the label of the next class."""
    from dataclasses import replace

    import numpy as np

    from qa_assets.faults.planted.loop import change_training

    label = int(site.rng.integers(len(site.data.classes)))
    name = site.data.classes[label]
    site.culprits |= {name, f"class {name}"}

    def mislabel(samples: Any) -> Any:
        rows = np.flatnonzero(samples.labels == label)
        hit = site.rng.choice(rows, size=round(dose * len(rows)), replace=False)
        labels = samples.labels.copy()
        labels[hit] = (label + 1) % len(samples.classes)
        return replace(samples, labels=labels)

    change_training(site, mislabel)

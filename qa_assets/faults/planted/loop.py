"""The training runs otherwise than it was meant to: hyper-parameters and the loop itself."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np

from qa_assets.faults.fault import fault
from qa_assets.faults.networks import tensors_of, weighted
from qa_assets.faults.patches import attribute, loaded, replaced
from qa_assets.faults.site import Site

DEEPCRIME = "Humbatova et al. (2021), DeepCrime: mutation operators from real faults"
TRAINING = ("trained_weights", "training_probe")
SLOW = ("training.learning_rate_low", "training.stopped_early")
LOUD = ("training.learning_rate_high", "training.loss_not_finite")


@fault("training", enters="trained_weights", causes=SLOW, mild=20.0, clear=1000.0, source=DEEPCRIME)
def learning_rate_too_small(site: Site, dose: float) -> None:
    """The learning rate is a factor too small."""
    site.configure("training", learning_rate=site.pipeline.config.training.learning_rate / dose)


@fault("training", enters="trained_weights", causes=LOUD, mild=50.0, clear=1000.0, source=DEEPCRIME)
def learning_rate_too_large(site: Site, dose: float) -> None:
    """The learning rate is a factor too large."""
    site.configure("training", learning_rate=site.pipeline.config.training.learning_rate * dose)


@fault(
    "training",
    enters="trained_weights",
    causes=("training.epochs_missing",),
    mild=2.0,
    clear=1.0,
    source=DEEPCRIME,
)
def epochs_too_few(site: Site, dose: float) -> None:
    """Training ends after one or two epochs."""
    site.configure("training", epochs=int(dose))


@fault("training", enters="trained_weights", causes=SLOW, source=DEEPCRIME)
def batch_of_everything(site: Site, dose: float) -> None:
    """All samples are one batch: one step an epoch."""
    site.configure("training", batch_size=1_000_000)


@fault("training", enters="trained_weights", causes=SLOW, source=DEEPCRIME)
def optimizer_plain_sgd(site: Site, dose: float) -> None:
    """Plain gradient steps at the rate that was tuned for Adam."""
    site.configure("training", optimizer="sgd", momentum=0.0)


@fault(
    "training",
    enters="trained_weights",
    mild=0.5,
    clear=2.0,
    source=DEEPCRIME,
    causes=("training.cannot_overfit", "training.regularised_too_strongly"),
)
def weight_decay_too_strong(site: Site, dose: float) -> None:
    """Weights are pulled to zero more than the data pulls them away.

    The dose is what is added to a gradient; where the optimizer keeps the pull apart from the
    gradient, the same is a hundred times the number.
    """
    apart = site.pipeline.config.training.optimizer == "adamw"
    site.configure("training", weight_decay=dose * (100 if apart else 1))


def _while_training(site: Site, different: Callable[[], AbstractContextManager[object]]) -> None:
    site.while_making(TRAINING, different)


@fault(
    "training",
    enters="trained_weights",
    causes=("training.gradients_accumulate",),
    source=DEEPCRIME,
)
def gradients_not_cleared(site: Site, dose: float) -> None:
    """Gradients add up over all steps."""
    import torch

    _while_training(
        site, lambda: attribute(torch.optim.Optimizer, "zero_grad", lambda self, *a, **k: None)
    )


@fault(
    "training",
    enters="trained_weights",
    source=DEEPCRIME,
    causes=("training.layer_not_optimised", "training.layer_not_trained"),
)
def layer_missing_in_optimizer(site: Site, dose: float) -> None:
    """The optimiser was given all parameters but the first."""
    site.culprits |= tensors_of(weighted(site)[:1])
    import torch

    def drop(kind: Any) -> Any:
        def init(self: Any, params: Any, *rest: Any, **more: Any) -> None:
            kept = list(params)
            kind(self, kept[1:] if len(kept) > 1 else kept, *rest, **more)

        return init

    for kind in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD):
        _while_training(site, lambda k=kind: attribute(k, "__init__", drop(k.__init__)))


@fault(
    "training", enters="trained_weights", causes=("data.labels_shuffled",), source="shuffled twice"
)
def labels_shuffled_in_training(site: Site, dose: float) -> None:
    """Pictures and labels of the training split are shuffled apart."""
    change_training(site, lambda s: replace(s, labels=site.rng.permutation(s.labels)))


@fault(
    "training",
    enters="trained_weights",
    causes=("training.batches_unmixed",),
    source=DEEPCRIME,
)
def not_shuffled(site: Site, dose: float) -> None:
    """The training split is read class by class, in the same order every epoch."""
    import torch

    def by_class(samples: Any) -> Any:
        rows = np.argsort(samples.labels, kind="stable")
        return _rows(samples, rows)

    change_training(site, by_class)
    _while_training(site, lambda: attribute(torch, "randperm", lambda n, **k: torch.arange(n)))


@fault(
    "training",
    enters="trained_weights",
    mild=0.6,
    clear=0.95,
    source=DEEPCRIME,
    causes=("training.data_dropped",),
)
def training_data_dropped(site: Site, dose: float) -> None:
    """The loader drops a share of the training split."""
    change_training(site, lambda s: _rows(s, np.arange(0, len(s.ids), round(1 / (1 - dose)))))


@fault(
    "training",
    enters="trained_weights",
    source="Kapoor & Narayanan (2023), leakage",
    causes=("training.validation_is_training",),
)
def validated_on_training_data(site: Site, dose: float) -> None:
    """The history of the training is measured on training samples."""

    def different() -> AbstractContextManager[object]:
        loaded("training.fit")
        from qa_assets.training import fit as module

        fit = module.fit
        return replaced(fit, lambda train, validation, *r, **k: fit(train, train, *r, **k))

    site.while_making(("trained_weights",), different)


@fault(
    "training",
    enters="trained_weights",
    source="a bit that flipped, an overflow in half precision",
    causes=("WEIGHTS_NOT_FINITE", "training.weights_not_finite"),
)
def weight_not_a_number(site: Site, dose: float) -> None:
    """One weight of the trained network is no number."""

    def poison(state: Any) -> Any:
        name = next(n for n, t in state.items() if t.dim() > 1)
        site.culprits.add(name)
        state[name].view(-1)[0] = float("nan")
        return state

    change_weights(site, poison)


@fault(
    "training",
    enters="trained_weights",
    source=DEEPCRIME,
    causes=("training.not_repeatable",),
)
def seed_ignored(site: Site, dose: float) -> None:
    """The training is started at another seed each time, whatever the settings say."""
    import torch

    seed = torch.manual_seed
    _while_training(
        site, lambda: attribute(torch, "manual_seed", lambda s: seed(int(site.rng.integers(2**31))))
    )


def change_weights(site: Site, change: Callable[[Any], Any]) -> None:
    """Change the tensors of the trained record, with its digest, as a consistent writer would."""

    def result(record: Any) -> Any:
        from safetensors.torch import load

        from qa_assets.training.network import WEIGHTS, weights_bytes, weights_digest

        state = change({n: t.clone() for n, t in load(record.read(WEIGHTS)).items()})
        files = {**record.files, WEIGHTS: weights_bytes(state)}
        return replace(record, files=files, weights_digest=weights_digest(state))

    site.result("trained_weights", result)


def _rows(samples: Any, rows: Any) -> Any:
    return replace(
        samples,
        ids=tuple(samples.ids[i] for i in rows),
        groups=tuple(samples.groups[i] for i in rows),
        labels=samples.labels[rows],
        pixels=samples.pixels[rows],
    )


def change_training(site: Site, change: Callable[[Any], Any]) -> None:
    """Let the training read a changed training split."""

    def different() -> AbstractContextManager[object]:
        from qa_assets.preprocessing import samples

        load = samples.load_split

        def other(snapshot: Any, splits: Any, split: str, spec: Any) -> Any:
            read = load(snapshot, splits, split, spec)  # pyright: ignore[reportArgumentType]
            return change(read) if split == "train" else read

        return replaced(load, other)

    _while_training(site, different)

"""The loss is another one than it was meant to be."""

from contextlib import AbstractContextManager
from typing import Any

from qa_assets.faults.fault import fault
from qa_assets.faults.patches import loaded, replaced
from qa_assets.faults.planted.loop import DEEPCRIME, TRAINING
from qa_assets.faults.site import Site

REWARDS, SHIFTED = ("training.loss_rewards_wrong",), ("training.loss_labels_shifted",)


def _other_loss(site: Site, other: Any) -> None:
    from torch.nn import functional

    def different() -> AbstractContextManager[object]:
        loaded("training.fit")
        return replaced(functional.cross_entropy, other, rooms=("training",))

    site.while_making(TRAINING, different)


@fault("training", enters="trained_weights", causes=REWARDS, source=DEEPCRIME)
def loss_sign_flipped(site: Site, dose: float) -> None:
    """The loss is maximised."""
    from torch.nn.functional import cross_entropy

    def other(logits: Any, labels: Any, **more: Any) -> Any:
        return -cross_entropy(logits, labels, **more)

    other.__name__ = "cross_entropy"
    _other_loss(site, other)


@fault("training", enters="trained_weights", causes=REWARDS, source=DEEPCRIME)
def loss_ignores_labels(site: Site, dose: float) -> None:
    """The loss compares with the model's own answers."""
    from torch.nn.functional import cross_entropy

    _other_loss(site, lambda o, y, **m: cross_entropy(o, o.argmax(dim=1), **m))


@fault("training", enters="trained_weights", causes=SHIFTED, source=DEEPCRIME)
def loss_labels_off_by_one(site: Site, dose: float) -> None:
    """The loss takes classes from one instead of from zero, modulo their number."""
    from torch.nn.functional import cross_entropy

    _other_loss(site, lambda o, y, **m: cross_entropy(o, (y + 1) % o.shape[1], **m))

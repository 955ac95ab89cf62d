"""Checks before the real training of its order and its shape: mixed batches, layers that bend."""

import math

from qa_assets.core.check import check
from qa_assets.core.config import Positive, Share
from qa_assets.core.records.probe import TrainingProbe
from qa_assets.core.verdict import Evidence, Verdict, at_most, cannot_tell, none_of


@check
def batches_mixed(training_probe: TrainingProbe, *, max_ratio: Positive = 1.5) -> Verdict:
    """A batch holds the classes as they come: samples are not read class by class.

    Args:
        training_probe: Share of the largest class of a batch, as taken and at random.
        max_ratio: Largest ratio of the two.

    Source: Humbatova et al. (2021), DeepCrime: training data that is not shuffled.
    """
    taken, by_chance = training_probe.purity, training_probe.purity_by_chance
    if not by_chance > 0 or math.isnan(taken):
        return cannot_tell("no batches were taken")
    what = "the share of the largest class in a batch, in times of that in batches at random,"
    return at_most(taken / by_chance, max_ratio, what, cause="training.batches_unmixed")


@check
def layers_bend(training_probe: TrainingProbe, *, straight: tuple[str, ...] = ()) -> Verdict:
    """Between two layers with weights there is something that is no straight line.

    Two layers without an activation or a pooling between them are no more than one: a line that was
    lost in ``model.py`` costs little on an easy set and much on the next one.

    Args:
        training_probe: Pairs of layers between which nothing bends.
        straight: Pairs that are so on purpose, such as ``features.3 -> features.4``.

    Source: Humbatova et al. (2021), DeepCrime: an activation function that was removed.
    """
    found = [pair for pair in training_probe.linear if pair not in straight]
    rows = tuple((pair, pair in straight) for pair in training_probe.linear)
    return none_of(
        found,
        "pairs of layers have no activation between them",
        cause="training.activation_missing",
        where={"layer": ", ".join(name for pair in found for name in pair.split(" -> "))},
        evidence={"pairs": Evidence(("layers", "on purpose"), rows)} if rows else {},
    )


@check
def whole_input_used(training_probe: TrainingProbe, *, max_share: Share = 0.1) -> Verdict:
    """Answers depend on all of the picture, but for a border.

    Args:
        training_probe: The part of the input on which no answer of the fresh network depends.
        max_share: Largest share of it: a network that begins with large steps may skip a border.
    """
    share, place = training_probe.blind
    what = "the share of the input that no answer depends on"
    where = {"input": place}
    return at_most(share, max_share, what, cause="training.input_ignored", where=where)

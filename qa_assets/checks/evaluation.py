"""Checks on the answers of the trained model and on what they are worth."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.check import check
from qa_assets.core.config import Positive, Share
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS, Evaluation, Predictions
from qa_assets.core.records.training import TrainedWeights
from qa_assets.core.store import short
from qa_assets.core.tables import read_array, read_table
from qa_assets.core.verdict import (
    Evidence,
    Verdict,
    at_least,
    cannot_tell,
    none_of,
    surely_at_least,
)

if TYPE_CHECKING:
    import pandas as pd


@check
def outputs_valid(predictions: Predictions, *, max_difference: Positive = 1e-4) -> Verdict:
    """The answers are what a classifier can answer: finite, complete and in agreement.

    Logits and rows belong together, logits are finite, each sample is answered once, the class is
    the one with the largest logit, the confidence its softmax, and not every answer is the same.

    Args:
        predictions: The table and the logits.
        max_difference: Largest distance of a confidence from the softmax of its logits.
    """
    answers = read_table(predictions, SAMPLES)
    logits = np.asarray(read_array(predictions, LOGITS), dtype=np.float64)
    right = (len(answers), len(predictions.classes))
    if not len(answers):
        return cannot_tell("no sample was answered")
    if logits.shape != right or predictions.samples != right[0]:
        found = f"logits {logits.shape} for {predictions.samples} samples instead of {right}"
        return none_of([found], "shapes that differ", cause="predictions.shape")
    for cause, what, wrong in _faults(answers, logits, predictions.classes, max_difference):
        if wrong.any():
            ids = tuple(answers["id"][wrong])
            return none_of(ids, what, cause=f"predictions.{cause}", samples=ids)
    if len(set(answers["predicted"])) == 1 < len(set(answers["label"])):
        only = str(answers["predicted"].iloc[0])
        where = {"class": only}
        return none_of(
            [only], "class is all that is answered", cause="predictions.one_class", where=where
        )
    return none_of([], "invalid answers", cause="")


def _faults(
    answers: "pd.DataFrame",
    logits: NDArray[np.float64],
    classes: tuple[str, ...],
    max_difference: float,
) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Cause, words and the rows concerned; a later rule relies on those before it."""
    lost = np.isfinite(logits).sum(axis=1) < len(classes)
    yield "not_finite", "samples with logits not finite", np.asarray(lost)
    yield "id_repeated", "samples answered more than once", answers["id"].duplicated().to_numpy()
    chosen = np.array(
        [{n: i for i, n in enumerate(classes)}.get(p, -1) for p in answers["predicted"]]
    )
    own = logits[np.arange(len(chosen)), chosen]
    differs = (chosen < 0) | (own < logits.max(axis=1))
    yield "class_differs", "samples whose class is not their largest logit", differs
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    confidence = powers[np.arange(len(chosen)), chosen] / powers.sum(axis=1)
    far = ~(np.abs(answers["confidence"].to_numpy() - confidence) <= max_difference)
    yield "confidence_differs", "samples whose confidence is not the softmax of their logits", far


@check
def predictions_match_weights(predictions: Predictions, trained_weights: TrainedWeights) -> Verdict:
    """The answers are those of these very weights."""
    given, right = predictions.weights_digest, trained_weights.weights_digest
    found = [] if given == right else [f"{short(given)} instead of {short(right)}"]
    return none_of(found, "weights other than the trained ones", cause="predictions.other_weights")


@check
def accuracy_sufficient(evaluation: Evaluation, *, min_accuracy: Share = 0.9) -> Verdict:
    """The share of right answers is high enough, even at the lower end of its interval.

    Args:
        evaluation: Its accuracy is judged; its worst class and group are named.
        min_accuracy: Smallest accuracy, in [0, 1].
    """
    by_class = {c.label: c.recall for c in evaluation.per_class if c.samples}
    groups = evaluation.by_group
    worst = {
        kind: min(parts, key=lambda name: parts[name].value)
        for kind, parts in (("class", by_class), ("group", groups))
        if parts
    }
    rows = tuple((g, e.value, e.low, e.high, e.n) for g, e in groups.items())
    return surely_at_least(
        evaluation.accuracy,
        min_accuracy,
        "accuracy",
        cause="evaluation.accuracy_low",
        where=worst,
        evidence={"groups": Evidence(("group", "accuracy", "low", "high", "samples"), rows)},
    )


@check
def beats_baselines(evaluation: Evaluation, *, min_gain: Share = 0.0) -> Verdict:
    """The model is more accurate than every simple baseline, beyond chance, on the same samples.

    Args:
        evaluation: The paired difference to each baseline is judged by its lower end.
        min_gain: Smallest difference in accuracy, in [0, 1].
    """
    gains = evaluation.gains
    if not gains:
        said = "no baseline was measured on these samples"
        return cannot_tell(said, cause="evaluation.baseline_missing")
    hardest = min(gains, key=lambda name: gains[name].low)
    rows = tuple((b, e.value, e.low, e.high, e.n) for b, e in gains.items())
    return surely_at_least(
        gains[hardest],
        min_gain,
        f"the gain in accuracy over the {hardest} baseline",
        cause="evaluation.baseline_not_beaten",
        where={"baseline": hardest},
        evidence={"gains": Evidence(("baseline", "gain", "low", "high", "samples"), rows)},
    )


@check
def class_recall_floor(evaluation: Evaluation, *, min_recall: Share = 0.6) -> Verdict:
    """No class is left behind: the recall of each one, at its lower end, reaches the floor.

    Args:
        evaluation: Its classes are judged; one without a test sample cannot be.
        min_recall: Smallest recall of a class, in [0, 1].
    """
    unseen = [c.label for c in evaluation.per_class if not c.samples]
    if unseen or not evaluation.per_class:
        return cannot_tell(f"no test sample of class {', '.join(unseen) or 'any'}")
    low = [c for c in evaluation.per_class if c.recall.low < min_recall]
    worst = min(evaluation.per_class, key=lambda c: c.recall.low)
    rows = tuple((c.label, c.recall.value, c.recall.low, c.samples) for c in evaluation.per_class)
    return surely_at_least(
        worst.recall,
        min_recall,
        f"the recall of class {worst.label}",
        cause="evaluation.class_recall_low",
        where={"class": ", ".join(c.label for c in low)},
        evidence={"classes": Evidence(("class", "recall", "low", "samples"), rows)},
    )


@check
def labels_unpermuted(evaluation: Evaluation, *, min_share: Share = 0.5) -> Verdict:
    """Answers do not follow another order of the classes than the labels do.

    Labels that moved by one, or whose names were swapped, leave a model that is right under a
    renaming: each class is answered as one and the same other class.

    Args:
        evaluation: Its confusion is read.
        min_share: Share of the answers from which such a renaming is called one.
    """
    counts = np.array(evaluation.confusion)
    total = int(counts.sum())
    if not total or len(evaluation.classes) < 2:
        return cannot_tell("two classes and one answer at least are needed")
    chosen = counts.argmax(axis=1)
    moved = [i for i, j in enumerate(chosen) if i != j and counts[i].sum()]
    renamed = len(set(chosen)) == len(chosen) and len(moved) > 1
    explained = sum(int(counts[i, chosen[i]]) for i in moved)
    of = sum(int(counts[i].sum()) for i in moved)
    found = renamed and of > 0 and explained / of >= min_share
    steps = {int(chosen[i] - i) % len(chosen) for i in moved}
    cause = "data.labels_shifted" if len(steps) == 1 else "data.labels_permuted"
    names = evaluation.classes
    said = [f"{names[i]} answered as {names[int(chosen[i])]}" for i in moved] if found else []
    return none_of(
        said, "classes answered as another", cause=cause, where={"class": ", ".join(said)}
    )


@check
def slices_hold(evaluation: Evaluation, *, min_accuracy: Share = 0.7) -> Verdict:
    """No slice of the test samples is surely below the floor.

    Args:
        evaluation: Classes, groups, quarters of quality and the weak segments that were found;
            their intervals are corrected for their number.
        min_accuracy: Smallest accuracy of a slice, in [0, 1].
    """
    if not evaluation.slices:
        return cannot_tell("no slice has enough samples")
    below = [s for s in evaluation.slices if s.accuracy.high < min_accuracy]
    worst = min(evaluation.slices, key=lambda s: s.accuracy.high)
    rows = tuple(
        (s.name, s.accuracy.value, s.accuracy.low, s.accuracy.high, s.accuracy.n)
        for s in evaluation.slices[:20]
    )
    return at_least(
        worst.accuracy.high,
        min_accuracy,
        f"the upper end of the accuracy of the weakest slice ({worst.name})",
        cause="evaluation.weak_slice",
        where={"slice": ", ".join(s.name for s in below)},
        evidence={"slices": Evidence(("slice", "accuracy", "low", "high", "samples"), rows)},
    )

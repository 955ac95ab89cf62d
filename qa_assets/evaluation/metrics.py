"""How good the answers are: every number with its interval, and paired with simpler models."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.attributes import attributes_in
from qa_assets.core.errors import InputRefused
from qa_assets.core.intervals import paired_difference, share
from qa_assets.core.pictures import heatmap
from qa_assets.core.record import INLINE_PICTURE_BYTES, Estimate
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS, ClassMetrics, Evaluation, Predictions
from qa_assets.core.records.quality import SUSPECTS, LabelAudit
from qa_assets.core.records.training import Baselines
from qa_assets.core.tables import read_array, read_table
from qa_assets.evaluation.bootstrap import calibration_error, macro_f1, of_confusion, ranking
from qa_assets.evaluation.scores import softmax
from qa_assets.evaluation.slices import slices
from qa_assets.evaluation.temperature import temperature

if TYPE_CHECKING:
    import pandas as pd

CONFUSION = "confusion.svg"
MEASURES = ("brightness", "contrast")
"""Columns of the predictions that are cut into quarters."""
MODEL = "the model"
PICTURED = (20, 16, 12, 8)
"""Classes in the confusion picture: as many as fit into an inline picture."""

Counts = NDArray[np.int64]
Names = NDArray[np.object_]


def evaluate(
    predictions: Predictions,
    baselines: Baselines,
    audit: LabelAudit | None = None,
    *,
    min_score: float = -0.5,
) -> Evaluation:
    """Measure the answers against the labels and against the baselines on the same samples.

    Args:
        predictions: The answers.
        baselines: Those of simpler models.
        audit: How far each label is to be believed; without it, all are.
        min_score: Labels that score lower in the audit, in [-1, 1], are doubted.

    Raises:
        InputRefused: ``SAMPLES_DIFFER``: the baselines answered other samples or other labels.
    """
    answers = read_table(predictions, SAMPLES)
    simpler = read_table(baselines, SAMPLES).set_index("id")
    known = simpler.index
    if not known.is_unique or set(known) != set(answers["id"]):
        raise _differ("have answered other samples than the model.")
    simpler = simpler.loc[answers["id"]]
    if list(simpler["label"]) != list(answers["label"]):
        raise _differ("have other labels than the predictions.")
    labels, predicted, groups = (
        np.asarray(answers[name], dtype=object) for name in ("label", "predicted", "group")
    )
    right = predicted == labels
    counts = confusion(predictions.classes, labels, predicted)
    hits = {
        str(b): np.asarray(simpler[b], dtype=object) == labels
        for b in simpler.columns.drop("label")
    }
    return Evaluation(
        files={CONFUSION: picture(predictions.classes, counts)},
        classes=predictions.classes,
        accuracy=_share_of(right),
        undoubted=_undoubted(right, list(answers["id"]), audit, min_score),
        macro_f1=of_confusion(counts, macro_f1),
        per_class=per_class(predictions.classes, counts),
        confusion=tuple(tuple(int(n) for n in row) for row in counts),
        by_group={g: _share_of(right[groups == g]) for g in sorted(set(groups) - {""})},
        gains={name: _gain(right, hit) for name, hit in hits.items()},
        steps={
            f"{name} over {below}": _gain(hit, lower)
            for (below, lower), (name, hit) in pairwise([*hits.items(), (MODEL, right)])
        },
        **_ranked(predictions, answers, labels, right),
    )


def _ranked(
    predictions: Predictions, answers: "pd.DataFrame", labels: Names, right: NDArray[np.bool_]
) -> dict[str, Any]:
    """What needs scores and attributes: calibration, ranking, slices."""
    logits = np.asarray(read_array(predictions, LOGITS), dtype=np.float32)
    scores = softmax(logits)
    truth = {name: labels == name for name in predictions.classes}
    names, numbers = attributes_in(answers)
    columns = {"class": labels, "group": np.asarray(answers["group"], dtype=object), **names}
    measures = numbers | {
        name: np.asarray(answers[name], dtype=np.float64) for name in MEASURES if name in answers
    }
    confidence = np.asarray(answers["confidence"], dtype=np.float64)
    ids = np.asarray(answers["id"], dtype=object)
    member = np.stack(list(truth.values()), axis=1)
    areas = ranking(scores, member)
    return {
        "calibration": calibration_error(confidence, right),
        "temperature": temperature(logits, member.argmax(axis=1)),
        "auroc": {n: a[0] for n, a in zip(truth, areas, strict=True)},
        "average_precision": {n: a[1] for n, a in zip(truth, areas, strict=True)},
        "slices": slices(columns, measures, right, ids),
    }


def confusion(classes: Sequence[str], labels: Names, predicted: Names) -> Counts:
    """Counts, shape (class, class): rows true, columns predicted."""
    index = {name: i for i, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, ([index[s] for s in labels], [index[s] for s in predicted]), 1)
    return counts


def per_class(classes: Sequence[str], counts: Counts) -> tuple[ClassMetrics, ...]:
    """Precision, recall and F1 of each class, from the confusion matrix."""
    true, answered, hits = counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()
    return tuple(
        ClassMetrics(
            label=name,
            samples=int(true[i]),
            precision=share(int(hits[i]), int(answered[i])),
            recall=share(int(hits[i]), int(true[i])),
            f1=f1(int(hits[i]), int(true[i] + answered[i] - hits[i])),
        )
        for i, name in enumerate(classes)
    )


def f1(hits: int, either: int, *, confidence: float = 0.95) -> Estimate:
    """F1 of a class with its interval in closed form.

    Given the number of samples that are of the class, or are said to be, the hits among them are
    binomial, with the Jaccard index J as their share; F1 = 2J / (1 + J) rises with J, so the ends
    of Wilson's interval of J become those of F1. Unlike a bootstrap it is honest without errors.

    Args:
        hits: Samples of the class that were recognised.
        either: Samples of the class together with those taken for it.
        confidence: Coverage, in (0, 1).

    Source: multinomial counts given a sum are binomial; reference: multinomial bootstrap.
    """
    jaccard = share(hits, either, confidence=confidence)
    value, low, high = (2 * j / (1 + j) for j in (jaccard.value, jaccard.low, jaccard.high))
    return Estimate(value, low, high, either, confidence)


def picture(classes: Sequence[str], counts: Counts) -> bytes:
    """The confusion matrix; of many classes those with the most errors, so that it stays small."""
    errors = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    worst = np.argsort(-errors, kind="stable")
    drawn = b""
    for most in PICTURED:
        kept = np.sort(worst[:most])
        drawn = heatmap([str(classes[int(i)]) for i in kept], counts[np.ix_(kept, kept)])
        if len(drawn) <= INLINE_PICTURE_BYTES:
            break
    return drawn


def _undoubted(
    right: NDArray[np.bool_], ids: list[str], audit: LabelAudit | None, min_score: float
) -> Estimate | None:
    if audit is None:
        return None
    table = read_table(audit, SUSPECTS)
    scores = dict(zip(table["id"], table["score"], strict=True))
    return _share_of(right[np.array([scores.get(i, 1.0) >= min_score for i in ids], dtype=bool)])


def _gain(right: NDArray[np.bool_], baseline: NDArray[np.bool_]) -> Estimate:
    only, other = int((right & ~baseline).sum()), int((~right & baseline).sum())
    return paired_difference(only, other, len(right))


def _share_of(right: NDArray[np.bool_]) -> Estimate:
    return share(int(right.sum()), len(right))


def _differ(message: str) -> InputRefused:
    return InputRefused.of("SAMPLES_DIFFER", "baselines", message, "Make them again.")

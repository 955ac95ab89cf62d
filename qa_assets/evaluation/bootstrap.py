"""Intervals of metrics that have none in closed form: a multinomial bootstrap, all draws at once.

Drawing n samples with replacement gives each sample a weight, and the weights are multinomial. So a
metric of weighted samples, on a matrix of weights (draw, sample), gives its whole distribution.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.intervals import share
from qa_assets.core.record import Estimate
from qa_assets.evaluation.ranking import auroc, average_precision, calibration_bins

Weights = NDArray[np.float64]
Scores = NDArray[np.float64]
Truth = NDArray[np.bool_]
DRAWS, FEWEST, WORK = 1000, 100, 200_000_000
"""Draws, at least so many, and how many weights times metrics are worth a few seconds."""
_CHUNK = 4_000_000
_ENDS = (2.5, 97.5)
_NONE = np.zeros(0)


def weights(n: int, draws: int, *, seed: int = 0) -> Iterator[Weights]:
    """How often each of ``n`` samples is drawn, shape (draw, sample), a bounded part at a time."""
    drawn = np.random.default_rng(seed)
    size = max(1, _CHUNK // max(n, 1))
    for start in range(0, draws, size):
        rows = min(size, draws - start)
        chosen = drawn.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(chosen.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def ranking(scores: Scores, truth: Truth) -> tuple[tuple[Estimate, Estimate], ...]:
    """Area under the ROC curve and average precision of each class against the others.

    Args:
        scores: Shape (sample, class).
        truth: Which samples are of the class, shape (sample, class).

    Returns:
        Both, class by class; NaN in [0, 1] without a sample on either side.

    Source: Efron (1979), percentile bootstrap; without a single mistake every draw is the same,
    and the interval is that of a share of as many samples as the smaller side has.
    """
    n, classes = scores.shape
    draws = int(np.clip(WORK // max(n * classes, 1), FEWEST, DRAWS))
    sorts = [_Sorted(scores[:, k], truth[:, k]) for k in range(classes)]
    parts = [[s.measure(w) for s in sorts] for w in weights(n, draws)] if n else []
    found: list[tuple[Estimate, Estimate]] = []
    for k in range(classes):
        values = auroc(scores[:, k], truth[:, k]), average_precision(scores[:, k], truth[:, k])
        smaller = int(min(truth[:, k].sum(), (~truth[:, k]).sum()))
        both = [np.concatenate([p[k][i] for p in parts]) if parts else [] for i in (0, 1)]
        one, other = (
            _ends(v, np.asarray(b), n, smaller) for v, b in zip(values, both, strict=True)
        )
        found.append((one, other))
    return tuple(found)


def calibration_error(
    confidence: Scores, right: Truth, *, bins: int = 10, draws: int = DRAWS
) -> Estimate:
    """Mean distance between confidence and accuracy over bins of equal width (ECE).

    Args:
        confidence: Of the answered class, in [0, 1], shape (sample,).
        right: Whether the answer is right, shape (sample,).
        bins: Of equal width.
        draws: Of the bootstrap.

    Source: Guo et al. (2017), On calibration of modern neural networks.
    """
    n = len(right)
    if not n:
        return Estimate(float("nan"), 0.0, 1.0, 0)
    place, distance = calibration_bins(confidence, bins), confidence - right
    cells = np.zeros((n, bins))
    cells[np.arange(n), place] = distance
    value = float(np.abs(cells.sum(axis=0)).sum() / n)
    again = np.concatenate([np.abs(w @ cells).sum(axis=1) / n for w in weights(n, draws)])
    low, high = np.percentile(again, _ENDS)
    return Estimate(value, float(min(low, value)), float(max(high, value)), n)


def of_confusion(
    counts: NDArray[np.int64],
    metric: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    draws: int = DRAWS,
) -> Estimate:
    """A metric of the confusion matrix; the cells of a draw are multinomial.

    Args:
        counts: Shape (class, class): rows true, columns predicted.
        metric: From such matrices, shape (draw, class, class), to one number each.
        draws: Of the bootstrap.
    """
    n = int(counts.sum())
    if not n:
        return Estimate(float("nan"), 0.0, 1.0, 0)
    drawn = np.random.default_rng(0).multinomial(n, counts.ravel() / n, size=draws)
    again = metric(drawn.reshape(draws, *counts.shape).astype(np.float64))
    value = float(metric(counts[None].astype(np.float64))[0])
    return _ends(value, again, n, n)


def macro_f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean F1 over the classes that occur or are answered, shape (draw,)."""
    hits = counts.diagonal(axis1=1, axis2=2)
    either = counts.sum(axis=1) + counts.sum(axis=2)
    scores = np.divide(2 * hits, either, out=np.zeros_like(hits), where=either > 0)
    return scores.sum(axis=1) / np.maximum((either > 0).sum(axis=1), 1)


class _Sorted:
    """Samples of one class in the order of their score, ties together, the highest first."""

    def __init__(self, scores: Scores, positive: Truth) -> None:
        self.order = np.argsort(-scores, kind="stable")
        ranked = scores[self.order]
        self.starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
        self.positive = positive[self.order].astype(np.float64)

    def measure(self, drawn: Weights) -> tuple[Weights, Weights]:
        """AUROC and average precision of every draw."""
        mine = drawn[:, self.order]
        hits = np.add.reduceat(mine * self.positive, self.starts, axis=1)
        rest = np.add.reduceat(mine, self.starts, axis=1) - hits
        above, total = hits.cumsum(axis=1), hits.sum(axis=1)
        seen = above + rest.cumsum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):  # a draw without one of the sides
            ranks = (rest * (above - hits / 2)).sum(axis=1) / (total * rest.sum(axis=1))
            precision = np.divide(above, seen, out=np.zeros_like(above), where=seen > 0)
            return ranks, (hits * precision).sum(axis=1) / total


def _ends(value: float, again: NDArray[np.float64], n: int, fewest: int) -> Estimate:
    known = again[np.isfinite(again)]
    if not np.isfinite(value) or not known.size:
        return Estimate(value, 0.0, 1.0, 0)
    low, high = (float(e) for e in np.percentile(known, _ENDS))
    if low == high == value == 1.0:
        low = share(fewest, fewest).low
    return Estimate(value, min(low, value), max(high, value), n)

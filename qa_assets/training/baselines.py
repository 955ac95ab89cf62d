"""What a model must beat to earn its keep: majority, a line through pixels, a small network."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec
from qa_assets.core.intervals import share
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.training import Baselines
from qa_assets.core.tables import table_bytes
from qa_assets.preprocessing.hand_made import HandMade, Pixels
from qa_assets.preprocessing.samples import LabelledSamples, not_empty
from qa_assets.training.readings import readings

Labels = NDArray[np.int64]


def baselines(
    train: LabelledSamples,
    test: LabelledSamples,
    spec: InputSpec,
    cases: HandMade | None = None,
    *,
    max_samples: int = 10_000,
    max_features: int = 1_024,
    max_iterations: int = 300,
) -> Baselines:
    """Fit the simple models on ``train`` and let them answer ``test``, the most basic first.

    Args:
        train: Same split as the network's.
        test: Same split as the network's.
        spec: How pixels are normalised for the small network.
        cases: Hand-made samples for the linear model to read: a whole dataset that is mixed up
            reads them otherwise than a person does.
        max_samples: Training samples that are read at most, evenly spaced by id.
        max_features: Values a sample that are read at most; larger pictures are averaged in
            squares.
        max_iterations: Where the linear fit ends at the latest; the answers are those of then.

    Raises:
        InputRefused: ``SPLIT_EMPTY``.
    """
    import pandas as pd

    from qa_assets.training.small import small_network

    not_empty(train=train, test=test)
    few = _few(train, max_samples)
    line = linear(few, max_features, max_iterations=max_iterations)
    answers = {
        "majority": majority(train, test),
        "linear": line(test.pixels),
        "small network": small_network(few, test, spec, partial(_shrunk, most=max_features)),
    }
    names = np.array(test.classes, dtype=object)
    columns = {name: names[answer] for name, answer in answers.items()}
    frame = pd.DataFrame({"id": list(test.ids), "label": names[test.labels], **columns})
    return Baselines(
        files={SAMPLES: table_bytes(frame)},
        accuracies={
            name: share(int((answer == test.labels).sum()), len(test.ids))
            for name, answer in answers.items()
        },
        chance=float(np.bincount(cases.labels).max() / len(cases.labels)) if cases else 0.0,
        readings=readings(line, cases, len(test.classes)) if cases else (),
    )


def majority(train: LabelledSamples, test: LabelledSamples) -> Labels:
    """The most frequent label of ``train`` for every sample; the first of equals."""
    return np.full(len(test.ids), np.bincount(train.labels).argmax(), dtype=np.int64)


def linear(
    train: LabelledSamples, max_features: int, *, max_iterations: int
) -> Callable[[Pixels], Labels]:
    """Logistic regression on standardised pixels, on one thread so that it repeats exactly.

    Returns:
        What it answers to pictures, uint8 (sample, height, width, channels).
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    if len(np.unique(train.labels)) == 1:
        return lambda pixels: np.full(len(pixels), train.labels[0], dtype=np.int64)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=max_iterations))
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the limit is stated, see above
        model.fit(_features(train.pixels, max_features), train.labels)

    def answer(pixels: Pixels) -> Labels:
        with threadpool_limits(1):
            return np.asarray(model.predict(_features(pixels, max_features)), dtype=np.int64)

    return answer


def _few(samples: LabelledSamples, most: int) -> LabelledSamples:
    """Evenly spaced by id, which is random with respect to everything else."""
    rows = np.linspace(0, len(samples.ids) - 1, min(len(samples.ids), most)).astype(int)
    return replace(
        samples,
        ids=tuple(samples.ids[i] for i in rows),
        labels=samples.labels[rows],
        groups=tuple(samples.groups[i] for i in rows),
        pixels=samples.pixels[rows],
    )


def _features(pixels: Pixels, most: int) -> NDArray[np.float32]:
    """One row a sample, shape (sample, feature)."""
    return _averaged(pixels, most).reshape(len(pixels), -1)


def _shrunk(pixels: Pixels, most: int) -> Pixels:
    """Pictures again, in whole grey values."""
    return np.rint(_averaged(pixels, most)).astype(np.uint8)


def _averaged(pixels: Pixels, most: int) -> NDArray[np.float32]:
    """Averaged over the smallest squares that leave at most so many values a sample."""
    n, height, width, channels = pixels.shape
    side = 1
    while (height // side or 1) * (width // side or 1) * channels > most and side < max(
        height, width
    ):
        side += 1
    tall, wide = min(side, height), min(side, width)
    rows, columns = height // tall, width // wide
    cut = pixels[:, : rows * tall, : columns * wide]
    squares = cut.reshape(n, rows, tall, columns, wide, channels)
    return squares.mean(axis=(2, 4), dtype=np.float32)

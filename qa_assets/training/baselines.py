"""What a model must beat to earn its keep: the most frequent class, and a line through pixels."""

import warnings

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused
from qa_assets.core.intervals import share
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.training import Baselines
from qa_assets.core.tables import table_bytes
from qa_assets.preprocessing.samples import LabelledSamples

Labels = NDArray[np.int64]


def baselines(
    train: LabelledSamples,
    test: LabelledSamples,
    *,
    max_samples: int = 10_000,
    max_features: int = 1_024,
    max_iterations: int = 300,
) -> Baselines:
    """Fit the simple models on ``train`` and let them answer ``test``.

    Args:
        train: Same split as the network's.
        test: Same split as the network's.
        max_samples: Training samples the linear model reads at most, evenly spaced by id.
        max_features: Values a sample it reads at most; larger pictures are averaged in squares.
        max_iterations: Where its fit ends at the latest; the answers are those it has by then.

    Raises:
        InputRefused: ``SPLIT_EMPTY``.
    """
    import pandas as pd

    for name, samples in (("train", train), ("test", test)):
        if not samples.ids:
            raise InputRefused.of(
                "SPLIT_EMPTY", name, "holds no sample.", "Add data or change splits."
            )
    answers = {
        "majority": majority(train, test),
        "linear": linear(train, test, max_samples, max_features, max_iterations=max_iterations),
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
    )


def majority(train: LabelledSamples, test: LabelledSamples) -> Labels:
    """The most frequent label of ``train`` for every sample; the first of equals."""
    return np.full(len(test.ids), np.bincount(train.labels).argmax(), dtype=np.int64)


def linear(
    train: LabelledSamples,
    test: LabelledSamples,
    max_samples: int,
    max_features: int,
    *,
    max_iterations: int,
) -> Labels:
    """Logistic regression on standardised pixels, on one thread so that it repeats exactly."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    rows = np.linspace(0, len(train.ids) - 1, min(len(train.ids), max_samples)).astype(int)
    labels = train.labels[rows]
    if len(np.unique(labels)) == 1:
        return majority(train, test)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=max_iterations))
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the limit is stated, see above
        model.fit(_features(train.pixels[rows], max_features), labels)
        return np.asarray(model.predict(_features(test.pixels, max_features)), dtype=np.int64)


def _features(pixels: NDArray[np.uint8], most: int) -> NDArray[np.float32]:
    """One row a sample, shape (sample, feature), averaged over the smallest squares that do."""
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
    return squares.mean(axis=(2, 4), dtype=np.float32).reshape(n, -1)

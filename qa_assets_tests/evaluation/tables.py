"""Answers and baselines from plain labels, for tests that need no network."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS, Predictions
from qa_assets.core.records.training import Baselines
from qa_assets.core.tables import array_bytes, table_bytes


def answered(
    classes: Sequence[str],
    labels: Sequence[int],
    predicted: Sequence[int],
    groups: Sequence[str] | None = None,
) -> Predictions:
    """Predictions whose logits are 2 for the class that is answered and 0 for every other."""
    names = np.array(classes, dtype=object)
    logits = 2 * np.eye(len(classes), dtype=np.float32)[list(predicted)]
    frame = pd.DataFrame(
        {
            "id": [f"{i:04d}" for i in range(len(labels))],
            "label": names[list(labels)],
            "group": list(groups or [""] * len(labels)),
            "predicted": names[list(predicted)],
            "confidence": np.exp(2) / (np.exp(2) + len(classes) - 1),
        }
    )
    return Predictions(
        files={SAMPLES: table_bytes(frame), LOGITS: array_bytes(logits)},
        samples=len(labels),
        classes=tuple(classes),
        weights_digest="ab" * 32,
    )


def baseline(classes: Sequence[str], labels: Sequence[int], **answers: Sequence[int]) -> Baselines:
    """Baselines with these answers, in the opposite order of samples."""
    names = np.array(classes, dtype=object)
    frame = pd.DataFrame(
        {
            "id": [f"{i:04d}" for i in range(len(labels))],
            "label": names[list(labels)],
            **{name: names[list(answer)] for name, answer in answers.items()},
        }
    )
    return Baselines(files={SAMPLES: table_bytes(frame[::-1])}, accuracies={})

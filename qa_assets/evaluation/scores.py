"""Scores to probabilities, without any of the libraries that trained the model."""

import numpy as np
from numpy.typing import NDArray


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities of each row, in double precision."""
    with np.errstate(invalid="ignore"):  # what is not finite stays so, for the checks to see
        powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

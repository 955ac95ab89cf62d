"""Pictures written together are written as each alone, which test_embedded reads back."""

import numpy as np
import pytest

from qa_assets.datasets.stored_png import png_of, pngs_of


@pytest.mark.parametrize("shape", [(5, 8, 8), (3, 28, 28, 3), (1, 1, 1), (2, 300, 300), (0, 8, 8)])
def test_many_at_once_are_each_as_alone(shape: tuple[int, ...]) -> None:
    stack = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert list(pngs_of(stack)) == [png_of(picture) for picture in stack]

"""Small pictures against their JPEG copies, and against each other."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn
from sklearn.datasets import load_digits

from qa_assets.datasets import jpeg_copies
from qa_assets.datasets.jpeg_copies import copies, pairs_are_copies
from qa_assets.datasets.quality import quality
from qa_assets_tests.datasets.samples import saved, take, write
from qa_assets_tests.datasets.test_quality import digit_files, reencoded

DIGITS: NDArray[np.uint8] = np.rint(load_digits().images * 255 / 16).astype(np.uint8)


def jpeg(pixels: NDArray[np.uint8], level: int) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(saved(Image.fromarray(pixels), "JPEG", quality=level))))


def test_the_transform_is_scipys_and_the_steps_are_those_that_libjpeg_writes() -> None:
    matrix, block = jpeg_copies._cosines(), DIGITS[0].astype(np.float32)
    np.testing.assert_allclose(matrix @ block @ matrix.T, dctn(block, norm="ortho"), atol=1e-3)
    with Image.open(io.BytesIO(saved(Image.fromarray(DIGITS[0]), "JPEG", quality=75))) as image:
        steps = np.array(image.quantization[0]).reshape(8, 8)
    np.testing.assert_array_equal(jpeg_copies._half_steps() * 2, steps)


@pytest.mark.parametrize("level", [75, 90])
def test_every_digit_is_a_copy_of_itself_and_the_nearest_other_is_none(level: int) -> None:
    again = np.stack([jpeg(pixels, level) for pixels in DIGITS])
    assert copies(DIGITS, again).all()
    flat = DIGITS.reshape(len(DIGITS), -1).astype(np.float32)
    apart = np.linalg.norm(flat[:, None, :] - flat[None, :300], axis=2)
    apart[np.arange(300), np.arange(300)] = np.inf
    nearest = apart.argmin(axis=0)
    assert not copies(DIGITS[:300], DIGITS[nearest]).any()


def test_of_larger_pictures_those_of_lower_quality_are_copies_too() -> None:
    large = np.kron(DIGITS[:300], np.ones((3, 3), np.uint8))
    again = np.stack([jpeg(pixels, 65) for pixels in large])
    assert copies(large, again).mean() > 0.95
    assert not copies(large[:-1], large[1:]).any()


def test_a_brighter_copy_is_one_and_a_digit_of_another_form_is_none() -> None:
    darker = np.rint(DIGITS * 0.8 + 10).astype(np.uint8)
    assert copies(DIGITS, darker).all()
    assert not copies(DIGITS[:-1], darker[1:]).any()


def test_pictures_of_other_sizes_are_no_copies_and_edges_count() -> None:
    wide = np.tile(DIGITS[0], (2, 2))[:11, :13]
    spoilt = wide.copy()
    spoilt[-1, -1] = 255 if wide[-1, -1] < 128 else 0  # in the block that is filled up
    pictures = {0: wide, 1: wide.copy(), 2: DIGITS[0], 3: spoilt}
    first, second = np.array([0, 0, 0]), np.array([1, 2, 3])
    assert pairs_are_copies(pictures, first, second).tolist() == [True, False, False]
    assert len(pairs_are_copies({}, first[:0], second[:0])) == 0


@pytest.mark.slow
def test_copies_at_quality_75_are_all_found_and_none_is_invented(tmp_path: Path) -> None:
    files = digit_files(600)
    names = sorted(files)[:100]
    again = {n.replace(".png", ".jpg"): reencoded(files[n], 75) for n in names}
    found = quality(take(write(tmp_path, files | again)))
    assert (found.group_count, found.alike) == (100, 200)
    assert all(len({n.split(".")[0] for n in g.names}) == 1 for g in found.groups)

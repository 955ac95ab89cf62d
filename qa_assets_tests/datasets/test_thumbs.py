"""The same picture at another exposure is found, another picture is not."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from qa_assets.datasets.quality import quality
from qa_assets.datasets.thumbs import MIN_CORRELATION, levelled, near_thumbs
from qa_assets_tests.datasets.samples import grey_png, take, write

ALL = np.zeros(1, np.bool_)


def texture(seed: int, size: int = 8) -> NDArray[np.float64]:
    return np.random.default_rng(seed).integers(40, 160, (1, size * size)).astype(float)


@given(seed=st.integers(0, 99), gain=st.floats(0.5, 1.5), offset=st.floats(-20, 15))
def test_brightness_and_contrast_do_not_matter(seed: int, gain: float, offset: float) -> None:
    one = texture(seed)
    two = np.rint(one * gain + offset).clip(0, 255)
    assert near_thumbs(one.astype(np.uint8), two.astype(np.uint8), ALL).all()


@given(seed=st.integers(0, 99), other=st.integers(100, 199))
def test_another_picture_is_not_near(seed: int, other: int) -> None:
    one, two = texture(seed).astype(np.uint8), texture(other).astype(np.uint8)
    assert not near_thumbs(one, two, ALL).any()


@given(seed=st.integers(0, 99), noise=st.floats(0, 6))
def test_the_correlation_is_numpys(seed: int, noise: float) -> None:
    one = texture(seed)
    spread = np.random.default_rng(seed).normal(0, noise, one.shape)
    two = np.rint(one + spread).clip(0, 255)
    told = near_thumbs(one.astype(np.uint8), two.astype(np.uint8), ALL)
    reference = np.corrcoef(one[0], two[0])[0, 1]
    if abs(reference - MIN_CORRELATION) > 1e-5 and reference < MIN_CORRELATION:
        assert not told.any()


def test_levelled_pictures_have_the_contrast_of_the_stronger_one() -> None:
    one, two = texture(1), texture(1) * 0.25 + 100
    first, second = levelled(one, two)
    np.testing.assert_allclose(first, one - one.mean(), atol=1e-3)
    np.testing.assert_allclose(second, first, atol=1e-3)


def test_what_is_far_in_grey_levels_is_not_near_however_well_it_correlates() -> None:
    """Half of the picture is hardly lit: a strong rest alone would decide the correlation."""
    one = np.full((1, 64), 20.0)
    one[0, :4] = 250
    two = one.copy()
    two[0, 32:] += 7
    assert np.corrcoef(one[0], two[0])[0, 1] > MIN_CORRELATION
    assert not near_thumbs(one.astype(np.uint8), two.astype(np.uint8), ALL).any()


def test_copies_of_another_exposure_are_found_whatever_their_size(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    files: dict[str, bytes] = {}
    for n, size in enumerate((32, 32, 96, 96, 40, 120)):
        coarse = rng.integers(30, 180, (8, 8))
        whole = np.kron(coarse, np.ones((size // 8, size // 8), int))
        label = "ab"[n % 2]
        for name, pixels in (("plain", whole), ("light", whole * 1.2 + 20)):
            files[f"data/{label}/{n}-{name}.png"] = grey_png(pixels.clip(0, 255).astype(np.uint8))
    found = quality(take(write(tmp_path, files)))
    assert (found.group_count, found.alike) == (6, 12)
    assert all(len({n.split("-")[0] for n in g.names}) == 1 for g in found.groups)


@pytest.mark.slow
def test_one_tile_under_several_lights_is_one_group(shared: Path, tmp_path: Path) -> None:
    """The names of real tiles tell the light and, by numbers that lie near, the tile."""
    with np.load(shared / "data/magnetic_tile/magnetic_tile_96.npz") as tiles:
        rows = zip(tiles["x"], tiles["y"], tiles["name"], strict=True)
        files = {f"data/{y}/{Path(str(n)).stem}.png": grey_png(x) for x, y, n in rows}
    found = quality(take(write(tmp_path, files)))
    numbers = [sorted(int(re.findall(r"\d+", n)[-1]) for n in g.names) for g in found.groups]
    near = [max(np.diff(several)) <= 300 for several in numbers]
    assert found.group_count > 150
    assert found.alike > 500
    assert sum(near) >= 0.95 * len(near)

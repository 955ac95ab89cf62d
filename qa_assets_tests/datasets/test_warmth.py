"""Red and blue: what grey values hardly tell."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from qa_assets.checks.drift import versions_alike
from qa_assets.core.records.quality import QUALITY, DriftReport
from qa_assets.core.tables import read_table
from qa_assets.datasets.drift import drift
from qa_assets.datasets.pictures import Picture, inspect
from qa_assets.datasets.quality import quality
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.statistics import read_sketches, statistics
from qa_assets_tests.datasets.samples import saved, take, write

Pixels = NDArray[np.uint8]


def coloured(seed: int, side: int = 12) -> Pixels:
    """A little more red than blue on the average, as photographs are."""
    draw = np.random.default_rng(seed)
    tint = draw.normal((140, 125, 110), 25)
    return np.clip(tint + draw.normal(0, 30, (side, side, 3)), 0, 255).astype(np.uint8)


def warmth(payload: bytes) -> float:
    found = inspect(payload, SampleLimits(min_side=1))
    assert isinstance(found, Picture)
    return found.warmth


def test_it_is_mean_red_minus_mean_blue() -> None:
    pixels = coloured(0)
    expected = (pixels[..., 0].astype(float) - pixels[..., 2]).mean() / 255
    assert warmth(saved(Image.fromarray(pixels), "PNG")) == pytest.approx(expected, abs=1e-6)
    assert warmth(saved(Image.fromarray(pixels[..., ::-1].copy()), "PNG")) == pytest.approx(
        -expected, abs=1e-6
    )
    wide = np.repeat(np.repeat(pixels, 40, axis=0), 40, axis=1)  # some of its pixels are looked at
    assert warmth(saved(Image.fromarray(wide), "PNG")) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_a_grey_picture_has_none(mode: str) -> None:
    kind = "TIFF" if mode == "I;16" else "PNG"
    assert warmth(saved(Image.new(mode, (12, 12)), kind)) == 0


@pytest.mark.parametrize("mode", ["P", "RGBA", "CMYK"])
def test_colours_count_however_they_are_stored(mode: str) -> None:
    red = Image.new("RGB", (12, 12), (200, 60, 10)).convert(mode)
    out = io.BytesIO()
    red.save(out, "TIFF")
    assert warmth(out.getvalue()) == pytest.approx(190 / 255, abs=0.02)


def version(root: Path, seed: int, *, swapped: bool) -> DriftReport:
    """A second version of another 300 pictures of the same kind, compared with the first."""
    sketches = []
    for part, (start, swap) in enumerate(((seed, False), (seed + 300, swapped))):
        pictures = {
            f"data/{'ab'[n % 2]}/{n}.png": saved(
                Image.fromarray(coloured(start + n)[..., :: -1 if swap else 1].copy()), "PNG"
            )
            for n in range(300)
        }
        folder = write(root / str(part), pictures)
        taken = take(folder)
        judged = quality(taken)
        assert "warmth" in read_table(judged, QUALITY)
        sketches.append(read_sketches(statistics(taken, judged), "sketches.json"))
    return DriftReport(confidence=0.99, shifts={"versions": drift(*sketches)})


@pytest.mark.parametrize("swapped", [True, False])
def test_swapped_channels_are_a_shift_and_nothing_else_is(tmp_path: Path, swapped: bool) -> None:
    verdict = versions_alike(version(tmp_path, 0, swapped=swapped))
    assert verdict.outcome == ("fail" if swapped else "pass")
    if swapped:
        assert "warmth" in str(verdict.where)

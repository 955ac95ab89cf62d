import io
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from qa_assets.core.records.datasets import CLASS_BARS, STATISTICS, DatasetStatistics
from qa_assets.core.tables import read_table
from qa_assets.datasets.quality import quality
from qa_assets.datasets.statistics import statistics
from qa_assets_tests.datasets.samples import digits, pets, picture, saved, take, write


def taken_statistics(root: Path) -> DatasetStatistics:
    taken = take(root)
    return statistics(taken, quality(taken))


def test_digits_against_numpy_on_the_published_arrays() -> None:
    _, _, found = digits()
    published = load_digits()
    pixels = np.rint(published.images * 255 / 16).reshape(1797, -1) / 255
    brightness = pixels.mean(axis=1)
    assert (found.samples, found.groups) == (1797, 12)
    near = {"rtol": 1e-6}  # measures are kept as float32
    np.testing.assert_allclose(found.brightness_mean, brightness.mean(), **near)
    np.testing.assert_allclose(found.brightness_std, brightness.std(), **near)
    table = read_table(found, STATISTICS).set_index("label")
    assert table.index.tolist() == list("0123456789")
    for label, row in table.iterrows():
        mine = published.target == int(str(label))
        assert row["samples"] == mine.sum() == found.class_counts[str(label)]
        np.testing.assert_allclose(row["share"], mine.mean())
        np.testing.assert_allclose(row["brightness_mean"], brightness[mine].mean(), **near)
        np.testing.assert_allclose(row["brightness_std"], brightness[mine].std(), **near)
        np.testing.assert_allclose(row["contrast_mean"], pixels[mine].std(axis=1).mean(), **near)


def test_sizes_are_those_that_are_stored(tmp_path: Path) -> None:
    body = saved(Image.new("RGB", (20, 10), (51, 102, 153)), "PNG")
    root = write(pets(tmp_path), {"data/dog/wide.png": body})
    found = taken_statistics(root)
    dog = read_table(found, STATISTICS).set_index("label").loc["dog"]
    sizes = dog[["width_min", "width_max", "height_min", "height_max"]]
    assert sizes.tolist() == [8, 20, 8, 10]
    np.testing.assert_allclose(dog["bytes_mean"], (len(body) + 4 * len(picture(0))) / 5)
    assert found.groups == 0


def test_colour_brightness_in_closed_form(tmp_path: Path) -> None:
    for n, level in enumerate((0, 51, 102, 255)):
        grey = Image.new("RGB", (4, 4), (level, level, level))
        write(tmp_path, {f"data/{'ab'[n % 2]}/{n}.png": saved(grey, "PNG")})
    found = taken_statistics(tmp_path)
    np.testing.assert_allclose(found.brightness_mean, (0 + 0.2 + 0.4 + 1) / 4, rtol=1e-6)
    table = read_table(found, STATISTICS)
    np.testing.assert_allclose(table["contrast_mean"], 0, atol=1e-6)
    np.testing.assert_allclose(table["brightness_std"], [0.2, 0.4], rtol=1e-6)


def test_the_class_bars_are_a_picture() -> None:
    _, _, found = digits()
    assert found.read(CLASS_BARS).startswith(b"<svg")
    assert "samples per class" in found.metadata()
    assert io.BytesIO(found.read(STATISTICS)).read(4) == b"PAR1"

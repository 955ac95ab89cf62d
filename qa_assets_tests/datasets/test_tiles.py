"""A sheet says what it shows, and the next one takes its pictures from there, pixel by pixel."""

import io

import numpy as np
import pytest
from PIL import Image

from qa_assets.datasets import tiles
from qa_assets.datasets.tiles import SHADES, SIDE, Tile, place, tile, tiles_of, told


def picture(seed: int, width: int, height: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def sheet(lines: list[list[str]], images: dict[str, Tile]) -> bytes:
    drawn = Image.new("RGB", (700, 200), "#ffffff")
    for line, ids in enumerate(lines):
        for column, sample in enumerate(ids):
            drawn.paste(Image.fromarray(images[sample]), place(line, column))
    out = io.BytesIO()
    drawn.save(out, "PNG", pnginfo=told(lines))
    return out.getvalue()


def test_tiles_come_back_as_they_were_drawn() -> None:
    sizes = {"aa": (60, 60), "bb": (8, 8), "cc": (80, 20), "dd": (10, 90)}
    images = {name: tile(picture(n, *size)) for n, (name, size) in enumerate(sizes.items())}
    found = tiles_of(sheet([["aa", "bb"], ["cc", "dd"]], images))
    assert found.keys() == images.keys()
    for name, image in images.items():
        whole = Image.new("RGB", (SIDE, SIDE), "#ffffff")
        whole.paste(Image.fromarray(image), (0, 0))
        np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(whole))


def test_tiles_of_other_code_and_pictures_that_say_nothing_are_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = sheet([["aa"]], {"aa": tile(picture(0, 50, 50))})
    assert tiles_of(drawn)
    monkeypatch.setattr(tiles, "_drawn_by", lambda: "another way")
    assert not tiles_of(drawn)
    assert not tiles_of(picture(0, 50, 50))


def test_a_few_shades_stay_as_they_are() -> None:
    assert len(set(SHADES)) == 32
    assert (SHADES[0], SHADES[255]) == (0, 255)
    assert all(SHADES[shade] == shade for shade in SHADES)
    assert all(abs(SHADES[v] - v) <= 4 for v in range(256))


def test_a_picture_without_colour_is_grey_wherever_it_comes_from() -> None:
    grey = io.BytesIO()
    Image.new("RGB", (50, 50), (80, 80, 80)).save(grey, "PNG")
    images = {"aa": tile(grey.getvalue()), "bb": tile(picture(0, 50, 50))}
    assert [images[n].ndim for n in ("aa", "bb")] == [2, 3]
    found = tiles_of(sheet([["aa", "bb"]], images))
    assert [found[n].ndim for n in ("aa", "bb")] == [2, 3]
    assert found["aa"].tobytes() == images["aa"].tobytes()

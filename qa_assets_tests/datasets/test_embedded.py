import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from qa_assets.core.digests import digest_bytes
from qa_assets.core.errors import EnvironmentFault, InputRefused
from qa_assets.datasets.embedded import grey_png, make


def test_digits_are_the_published_pixels_labels_and_blocks(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "digits"
    assert make("sklearn_digits", folder) == 1797
    files = sorted(folder.rglob("*.png"), key=lambda p: p.name)
    published = load_digits()
    assert [int(p.parent.name) for p in files] == list(published.target)
    pixels = np.stack([np.asarray(Image.open(p)) for p in files])
    np.testing.assert_array_equal(pixels, np.rint(published.images * 255 / 16))
    assert np.array_equal(np.rint(pixels / 255 * 16), published.images)  # nothing was lost
    assert files[149].name == "block00_row0149.png"
    assert files[150].name == "block01_row0150.png"
    assert {p.name[:7] for p in files} == {f"block{b:02d}" for b in range(12)}


def test_the_bytes_are_pinned(tmp_path: Path) -> None:
    """A change of these bytes is a new dataset version for everybody."""
    make("sklearn_digits", tmp_path / "digits")
    bodies = b"".join(p.read_bytes() for p in sorted((tmp_path / "digits").rglob("*.png")))
    assert digest_bytes(bodies) == (
        "380c1b4a184aa18b1815b9f873ad565413e60d0133f798adfafc08b608afe7bb"
    )


def test_what_is_there_stays_and_no_draft_is_left(tmp_path: Path) -> None:
    make("sklearn_digits", tmp_path / "digits")
    mine = tmp_path / "digits" / "0" / "mine.png"
    mine.write_bytes(b"mine")
    assert make("sklearn_digits", tmp_path / "digits") == 0
    assert mine.read_bytes() == b"mine"
    assert [p.name for p in tmp_path.iterdir()] == ["digits"]


def test_an_unknown_source_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"SET_EMBEDDED.*sklearn_digits"):
        make("sklearn_faces", tmp_path / "faces")


def test_a_place_that_cannot_be_written_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EnvironmentFault):
        make("sklearn_digits", tmp_path / "file" / "digits")


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (3, 200)])
def test_grey_png_is_read_back_by_an_independent_decoder(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(io.BytesIO(grey_png(pixels))) as image:
        image.verify()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(grey_png(pixels)))), pixels)

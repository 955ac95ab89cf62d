"""Pictures that are damaged, changed, or twice there."""

from functools import partial
from typing import Any

import numpy as np

from qa_assets.faults.fault import fault
from qa_assets.faults.pictures import Pixels
from qa_assets.faults.planted.twice import SNAPSHOT, groups_of, sides
from qa_assets.faults.site import Site

TOP = 255.0
LOOK = ("data.drift*", "data.expectation_failed", "data.outliers")
DAMAGE, BLANK = ("data.quarantined",), ("data.blank_samples",)
HENDRYCKS = "Hendrycks & Dietterich (2019), common corruptions"
damage = partial(fault, "data", enters=SNAPSHOT, causes=DAMAGE, mild=0.005, clear=0.05)
look = partial(fault, "data", enters=SNAPSHOT, causes=LOOK, mild=0.1, clear=0.5)


@damage(source="a broken transfer")
def files_truncated(site: Site, dose: float) -> None:
    """A share of the files ends in the middle."""
    for path in site.data.some(dose):
        body = path.read_bytes()
        site.data.write(path, body[: int(len(body) * 0.6)])
        site.culprits |= {path.relative_to(site.data.root).as_posix(), "IMG_TRUNCATED"}


@damage(source="a failing disk")
def files_corrupted(site: Site, dose: float) -> None:
    """A share of the files has sixteen random bytes in the middle."""
    for path in site.data.some(dose):
        body = bytearray(path.read_bytes())
        at = len(body) // 2
        body[at : at + 16] = site.rng.bytes(16)
        site.data.write(path, bytes(body))


@damage(source="a download page")
def files_replaced_by_text(site: Site, dose: float) -> None:
    """A share of the files holds a web page that says that the picture is gone."""
    for path in site.data.some(dose):
        site.data.write(path, b"<html><body>404 not found</body></html>\n" + path.name.encode())


def _repainted(site: Site, share: float, change: Any, **options: Any) -> None:
    site.culprits |= site.data.repaint(site.data.some(share), change, **options)
    site.culprits |= {"brightness", "contrast", "sharpness", "entropy", "look of the samples"}
    site.culprits |= {"brightness_mean", "brightness_std", "contrast_mean", "contrast_std"}


@look(source=HENDRYCKS)
def pictures_blurred(site: Site, dose: float) -> None:
    """A share of the pictures is blurred over three by three pixels."""

    def blur(pixels: Pixels) -> Any:
        padded = np.pad(
            pixels.astype(float), [(1, 1), (1, 1)] + [(0, 0)] * (pixels.ndim - 2), "edge"
        )
        rows, columns = pixels.shape[:2]
        shifted = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
        return np.mean(shifted, axis=0)

    _repainted(site, dose, blur)


@look(source=HENDRYCKS)
def pictures_dark(site: Site, dose: float) -> None:
    """A share of the pictures has a quarter of its light."""
    _repainted(site, dose, lambda pixels: pixels * 0.25)


@look(source=HENDRYCKS)
def pictures_overexposed(site: Site, dose: float) -> None:
    """A share of the pictures is lit so much that it clips."""
    _repainted(site, dose, lambda pixels: pixels * 1.5 + 80.0)


@look(mild=0.05, source="scans of another kind")
def pictures_inverted(site: Site, dose: float) -> None:
    """A share of the pictures is its own negative."""
    _repainted(site, dose, lambda pixels: TOP - pixels)


@look(source=HENDRYCKS)
def pictures_noisy(site: Site, dose: float) -> None:
    """A share of the pictures has sensor noise of a quarter of the range."""
    _repainted(site, dose, lambda p: p + site.rng.normal(0.0, TOP / 4, p.shape))


@look(source="EXIF orientation ignored")
def pictures_turned(site: Site, dose: float) -> None:
    """A share of the pictures lies on its side."""
    _repainted(site, dose, np.rot90)


@look(source="another export of the camera")
def pictures_recoded(site: Site, dose: float) -> None:
    """A share of the pictures was saved as JPEG of quality 20."""
    site.culprits |= {"format"}
    _repainted(site, dose, lambda pixels: pixels, format="JPEG", quality=20)


@look(mild=0.05, source="thumbnails among the originals")
def pictures_of_another_size(site: Site, dose: float) -> None:
    """A share of the pictures has half the side: it is resized on the way in, silently."""
    site.culprits |= {"width", "height", "width_max", "width_min"}
    _repainted(site, dose, lambda pixels: pixels[::2, ::2])


@look(mild=0.05, source="a colour scanner among grey ones, or the reverse")
def pictures_of_another_mode(site: Site, dose: float) -> None:
    """A share of the pictures is stored in colour, or with its channels swapped."""

    def swap(pixels: Pixels) -> Any:
        return np.stack([pixels] * 3, axis=2) if pixels.ndim == 2 else pixels[:, :, ::-1]

    site.culprits |= {"mode"}
    _repainted(site, dose, swap)


@fault("data", enters=SNAPSHOT, causes=BLANK, mild=0.01, clear=0.1, source="a lens cap")
def pictures_blank(site: Site, dose: float) -> None:
    """A share of the pictures shows almost nothing: one grey value and a little noise."""
    _repainted(site, dose, lambda p: np.full(p.shape, 8.0) + site.rng.integers(0, 3, p.shape))


@fault(
    "data", enters=SNAPSHOT, causes=(*LOOK, "SPLIT_GROUP_UNKNOWN"), mild=0.5, clear=0.8,
    source="one device, one writer",
)  # fmt: skip
def groups_lost(site: Site, dose: float) -> None:
    """The last share of the groups (writers, devices) is missing, or of the files by name."""
    files = sorted(site.data.files(), key=lambda p: p.name)
    _, others = sides(site)
    names = sorted(p.name for p in others)
    gone = set(names[: int(len(names) * dose)])
    kept = [path for path in files if path.name not in gone]
    lost = [path for path in files if path.name in gone]
    site.culprits |= {"group", *(groups_of(site, lost) - groups_of(site, kept))}
    for path in lost:
        path.unlink()

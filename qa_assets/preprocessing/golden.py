"""Golden inputs: samples of every kind that the data have, and pictures that try each step.

The made pictures are stored with their outcome, so a change of the encoder that made them changes
nothing later.
"""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.tables import read_table
from qa_assets.preprocessing.samples import read_payloads

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_SAMPLES = 16
SIDES = (29, 37)
"""Width and height of the made pictures: no multiple of what a network takes."""
_ORIENTATION, _TURNED = 0x0112, 6
_SEED = 0


def golden_inputs(snapshot: DatasetSnapshot) -> dict[str, bytes]:
    """Payloads by name: the made pictures, then samples of each format, mode and size in turn."""
    rows = read_table(snapshot, SAMPLES).sort_values("id")
    turn = rows.groupby(["format", "mode", "width", "height"], sort=True).cumcount()
    chosen: Any = rows.assign(turn=turn).sort_values(["turn", "id"]).head(MOST_SAMPLES)
    bodies = dict(read_payloads(snapshot, frozenset(chosen["id"])))
    return {**made_pictures(), **dict(sorted(bodies.items()))}


def made_pictures() -> Mapping[str, bytes]:
    """Pictures in which each step of decoding shows: colour order, turning, depth, resizing."""
    from PIL import Image

    width, height = SIDES
    random = np.random.default_rng(_SEED)
    slope = np.linspace(0, 255, width * height).reshape(height, width)
    noise = random.integers(0, 256, (height, width))
    colour = np.stack([slope, slope[::-1], noise], axis=2).astype(np.uint8)
    rgb = Image.fromarray(colour)
    exif = Image.Exif()
    exif[_ORIENTATION] = _TURNED
    deep = Image.fromarray((slope * 257).astype(np.uint16))
    clear = Image.fromarray(np.dstack([colour, noise.astype(np.uint8)]))
    return {
        "made: colour": _saved(rgb, "PNG"),
        "made: grey": _saved(Image.fromarray(noise.astype(np.uint8)), "PNG"),
        "made: palette": _saved(rgb.quantize(32), "PNG"),
        "made: transparent": _saved(clear, "PNG"),
        "made: 16 bits": _saved(deep, "PNG"),
        "made: JPEG": _saved(rgb, "JPEG", quality=90),
        "made: JPEG turned by EXIF": _saved(rgb, "JPEG", quality=90, exif=exif),
    }


def _saved(image: "Image", kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()

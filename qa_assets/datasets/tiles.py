"""Small pictures of samples, taken from an earlier sheet where it shows them already."""

import inspect
import io
import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.digests import digest_json
from qa_assets.preprocessing import image as pictures
from qa_assets.preprocessing.image import eight_bits, turned

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngInfo

SIDE, GAP, LABEL_WIDTH = 40, 2, 76
STEP = SIDE + GAP
GREY = 2
"""Dimensions of a picture without colours."""
Tile = NDArray[np.uint8]
"""Shape (height, width), or (height, width, 3) where it shows colours."""
SHADES = [round(round(v * 31 / 255) * 255 / 31) for v in range(256)]
"""The nearest of 32 shades of each value, black and white among them: enough for a thumbnail, and
half the bytes."""
_SHOWN = "tiles"
"""Keyword of the text in a sheet's PNG that says which samples it shows."""


def tile(payload: bytes) -> Tile:
    """A picture of ``SIDE`` pixels at most, in a few shades."""
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # broken EXIF is no reason to hide the picture
        with Image.open(io.BytesIO(payload)) as stored:
            image = eight_bits(turned(stored), "RGB")
    tiny = max(image.size) < SIDE
    method = Image.Resampling.NEAREST if tiny else Image.Resampling.BOX
    return _plain(np.asarray(ImageOps.contain(image, (SIDE, SIDE), method).point(SHADES * 3)))


def _plain(picture: Tile) -> Tile:
    """Without its colours, where it shows none."""
    if picture.ndim == GREY or (picture != picture[..., :1]).any():
        return picture
    return picture[..., 0]


def place(line: int, column: int) -> tuple[int, int]:
    """Left and upper edge of a tile."""
    return LABEL_WIDTH + column * STEP, GAP + line * STEP


def told(lines: Sequence[Sequence[str]]) -> "PngInfo":
    """What a sheet says of itself: who drew it, and the ids of each of its lines."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(_SHOWN, json.dumps([_drawn_by(), [" ".join(ids) for ids in lines]]), zip=True)
    return info


def tiles_of(sheet: bytes) -> Mapping[str, Tile]:
    """The tiles of a sheet by the id of the sample; none where other code drew it."""
    from PIL import Image

    with Image.open(io.BytesIO(sheet)) as stored:
        stored.load()
        said: Any = getattr(stored, "text", {}).get(_SHOWN)
        drawn_by, lines = json.loads(said) if said else ("", [])
        if drawn_by != _drawn_by():
            return {}
        drawn = np.asarray(stored)
    found: dict[str, Tile] = {}
    for line, ids in enumerate(lines):
        for column, sample in enumerate(ids.split()):
            left, top = place(line, column)
            found[sample] = _plain(drawn[top : top + SIDE, left : left + SIDE])
    return found


@cache
def _drawn_by() -> str:
    import PIL

    sources = [inspect.getsource(m) for m in (sys.modules[__name__], pictures)]
    return digest_json([*sources, PIL.__version__])

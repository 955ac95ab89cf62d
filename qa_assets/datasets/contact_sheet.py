"""A few samples of each class on one small picture, so that a person can look at the data."""

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qa_assets.core.record import INLINE_PICTURE_BYTES
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.tables import read_table
from qa_assets.preprocessing.image import eight_bits, turned
from qa_assets.preprocessing.samples import read_payloads

if TYPE_CHECKING:
    from PIL.Image import Image

THUMB, GAP, LABEL_WIDTH, LABEL_CHARACTERS = 40, 2, 76, 12
MOST_CLASSES = 24
"""Rows of the sheet; further classes are counted below it."""
COLUMNS = 14
"""Samples a class, fewer where the picture would exceed ``INLINE_PICTURE_BYTES``."""
COLOURS = 64
"""Enough to recognise a thumbnail; used where more would not fit."""
PAPER, INK = "#ffffff", "#334155"


def contact_sheet(snapshot: DatasetSnapshot) -> bytes:
    """One row a class, its label beside it; the samples with the smallest digests, so any."""
    rows = read_table(snapshot, SAMPLES, ["id", "label"])
    chosen = rows.groupby("label", sort=True).head(COLUMNS)
    return sheet_of(snapshot, list(zip(chosen["id"], chosen["label"], strict=True)))


def sheet_of(snapshot: DatasetSnapshot, samples: Sequence[tuple[str, str]]) -> bytes:
    """Some samples, in one row each that is called alike.

    Args:
        snapshot: Where their pictures are.
        samples: Id and the name of its row.
    """
    labels = list(dict.fromkeys(label for _, label in sorted(samples, key=lambda s: s[1])))
    ids = {
        label: [i for i, row in samples if row == label][:COLUMNS]
        for label in labels[:MOST_CLASSES]
    }
    wanted = frozenset(sample for row in ids.values() for sample in row)
    thumbs = {sample: _thumb(body) for sample, body in read_payloads(snapshot, wanted)}
    images = {label: [thumbs[sample] for sample in row] for label, row in ids.items()}
    left_out = len(labels) - len(ids)
    columns, body = COLUMNS, _png(_draw(images, COLUMNS, left_out), quickly=True)
    while len(body) > INLINE_PICTURE_BYTES and columns:
        body = _png(_few_colours(_draw(images, columns, left_out)))
        shrunk = max(1, columns * INLINE_PICTURE_BYTES // len(body))
        columns = min(columns - 1, shrunk)
    return body


def _thumb(payload: bytes) -> "Image":
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # broken EXIF is no reason to hide the picture
        with Image.open(io.BytesIO(payload)) as stored:
            image = eight_bits(turned(stored), "RGB")
    tiny = max(image.size) < THUMB
    method = Image.Resampling.NEAREST if tiny else Image.Resampling.BOX
    return ImageOps.contain(image, (THUMB, THUMB), method)


def _draw(thumbs: "dict[str, list[Image]]", most: int, left_out: int) -> "Image":
    from PIL import Image, ImageDraw

    step = THUMB + GAP
    columns = max((len(row[:most]) for row in thumbs.values()), default=0)
    height = step * (len(thumbs) + bool(left_out)) + GAP
    sheet = Image.new("RGB", (LABEL_WIDTH + step * columns + GAP, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    for line, (label, row) in enumerate(thumbs.items()):
        top = GAP + line * step
        pen.text((LABEL_WIDTH - 2 * GAP, top + THUMB // 2), _short(label), fill=INK, anchor="rm")
        for column, thumb in enumerate(row[:most]):
            sheet.paste(thumb, (LABEL_WIDTH + column * step, top))
    if left_out:
        note = (GAP, height - step // 2)
        pen.text(note, f"and {left_out} more classes", fill=INK, anchor="lm")
    return sheet


def _few_colours(sheet: "Image") -> "Image":
    from PIL import Image

    return sheet.quantize(COLOURS, Image.Quantize.FASTOCTREE)  # the default takes ten times as long


def _short(label: str) -> str:
    text = "".join(c if c.isprintable() else "\ufffd" for c in label)
    cut = len(text) > LABEL_CHARACTERS
    return f"{text[: LABEL_CHARACTERS - 1]}\u2026" if cut else text


def _png(sheet: "Image", *, quickly: bool = False) -> bytes:
    out = io.BytesIO()
    sheet.save(out, "PNG", compress_level=1 if quickly else 6)
    return out.getvalue()

"""A few samples of each class on one small picture, so that a person can look at the data."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_assets.core.record import INLINE_PICTURE_BYTES, Record
from qa_assets.core.records.datasets import CONTACT_SHEET, DatasetSnapshot
from qa_assets.datasets import keys
from qa_assets.datasets.class_table import sorted_by
from qa_assets.datasets.tiles import (
    GAP,
    GREY,
    LABEL_WIDTH,
    SIDE,
    STEP,
    Tile,
    place,
    tile,
    tiles_of,
    told,
)
from qa_assets.preprocessing.samples import read_payloads

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.PngImagePlugin import PngInfo

LABEL_CHARACTERS = 12
MOST_CLASSES = 24
"""Rows of the sheet; further classes are counted below it."""
COLUMNS = 14
"""Samples a class, fewer where the picture would exceed ``INLINE_PICTURE_BYTES``."""
COLOURS = 64
"""Enough to recognise a thumbnail; used where more would not fit."""
QUICKLY = 1
"""Level of compression that takes half the time of the default, and a fifth more bytes."""
PAPER, INK = "#ffffff", "#334155"


def contact_sheet(
    snapshot: DatasetSnapshot, ids: keys.Keys, labels: Any, earlier: Record | None = None
) -> bytes:
    """One row a class, its label beside it; the samples with the smallest digests, so any.

    Args:
        snapshot: The samples.
        ids: Of each, sorted.
        labels: Of each, as of ``merge.coded``.
        earlier: An earlier snapshot; what its sheet shows is not drawn again.
    """
    codes = labels.indices.to_numpy(zero_copy_only=False)
    rows, starts = sorted_by(codes)
    first = np.sort(np.concatenate([line[:COLUMNS] for line in np.split(rows, starts[1:])]))
    words: list[str] = labels.dictionary.to_pylist()
    names = keys.spelt(ids[first]).to_pylist()
    chosen = [(i, words[code]) for i, code in zip(names, codes[first].tolist(), strict=True)]
    places = dict(zip(names, first.tolist(), strict=True))
    return sheet_of(snapshot, chosen, earlier, CONTACT_SHEET, places)


def sheet_of(
    snapshot: DatasetSnapshot,
    samples: Sequence[tuple[str, str]],
    earlier: Record | None = None,
    name: str = "",
    places: Mapping[str, int] | None = None,
) -> bytes:
    """Some samples, in one row each that is called alike.

    Args:
        snapshot: Where their pictures are.
        samples: Id and the name of its row.
        earlier: A record with an earlier sheet, whose pictures are taken from there.
        name: What that sheet is called.
        places: Rows of the sample table by id, where they are known.
    """
    labels = list(dict.fromkeys(label for _, label in sorted(samples, key=lambda s: s[1])))
    ids = {
        label: [i for i, row in samples if row == label][:COLUMNS]
        for label in labels[:MOST_CLASSES]
    }
    wanted = frozenset(sample for row in ids.values() for sample in row)
    known = tiles_of(earlier.read(name)) if earlier and name in earlier.files else {}
    new = wanted - known.keys()
    rows = None if places is None else np.array([places[i] for i in new], np.intp)
    bodies = read_payloads(snapshot, None if places else new, rows) if new else ()
    tiles = {**known, **{sample: tile(body) for sample, body in bodies}}
    images = {label: [tiles[sample] for sample in row] for label, row in ids.items()}
    left_out = len(labels) - len(ids)
    sheet, info = _draw(images, COLUMNS, left_out), told([*ids.values()])
    columns, body = COLUMNS, _png(sheet, info, QUICKLY)
    if len(body) > INLINE_PICTURE_BYTES:
        body = _png(sheet, info)
    while len(body) > INLINE_PICTURE_BYTES and columns:
        body = _png(_few_colours(_draw(images, columns, left_out)))
        shrunk = max(1, columns * INLINE_PICTURE_BYTES // len(body))
        columns = min(columns - 1, shrunk)
    return body


def _draw(tiles: dict[str, list[Tile]], most: int, left_out: int) -> "Image":
    from PIL import Image, ImageDraw

    columns = max((len(row[:most]) for row in tiles.values()), default=0)
    height = STEP * (len(tiles) + bool(left_out)) + GAP
    grey = all(tile.ndim == GREY for row in tiles.values() for tile in row)
    size = (LABEL_WIDTH + STEP * columns + GAP, height)
    sheet = Image.new("L" if grey else "RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    for line, label in enumerate(tiles):
        middle = place(line, 0)[1] + SIDE // 2
        pen.text((LABEL_WIDTH - 2 * GAP, middle), _short(label), fill=INK, anchor="rm")
    if left_out:
        note = (GAP, height - STEP // 2)
        pen.text(note, f"and {left_out} more classes", fill=INK, anchor="lm")
    drawn = np.array(sheet)
    for line, row in enumerate(tiles.values()):
        for column, shown in enumerate(row[:most]):
            (left, top), (tall, wide) = place(line, column), shown.shape[:2]
            whole = shown if grey or shown.ndim > GREY else shown[..., None]
            drawn[top : top + tall, left : left + wide] = whole
    return Image.fromarray(drawn)


def _few_colours(sheet: "Image") -> "Image":
    from PIL import Image

    return sheet.quantize(COLOURS, Image.Quantize.FASTOCTREE)  # the default takes ten times as long


def _short(label: str) -> str:
    text = "".join(c if c.isprintable() else "\ufffd" for c in label)
    cut = len(text) > LABEL_CHARACTERS
    return f"{text[: LABEL_CHARACTERS - 1]}\u2026" if cut else text


def _png(sheet: "Image", info: "PngInfo | None" = None, level: int = -1) -> bytes:
    out = io.BytesIO()
    sheet.save(out, "PNG", pnginfo=info, compress_level=level)
    return out.getvalue()

"""A few samples of each class on one small picture, so that a person can look at the data."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from qa_assets.core.record import INLINE_PICTURE_BYTES, Record
from qa_assets.core.records.datasets import CONTACT_SHEET, SAMPLES, DatasetSnapshot
from qa_assets.core.tables import read_columns
from qa_assets.datasets.tiles import GAP, LABEL_WIDTH, SIDE, STEP, place, tile, tiles_of, told
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
PAPER, INK = "#ffffff", "#334155"


def contact_sheet(snapshot: DatasetSnapshot, earlier: Record | None = None) -> bytes:
    """One row a class, its label beside it; the samples with the smallest digests, so any.

    Args:
        snapshot: The samples.
        earlier: An earlier one; what its sheet shows is not drawn again.
    """
    table = read_columns(snapshot.files[SAMPLES], ["id", "label"], words=["label"])
    labels = table["label"].unify_dictionaries().combine_chunks()
    codes = labels.indices.to_numpy(zero_copy_only=False)
    rows = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[rows], prepend=-1))
    lines = np.split(rows, starts[1:])
    first = np.sort(np.concatenate([line[:COLUMNS] for line in lines]))
    chosen = table.take(first)
    samples = zip(chosen["id"].to_pylist(), chosen["label"].to_pylist(), strict=True)
    return sheet_of(snapshot, list(samples), earlier, CONTACT_SHEET)


def sheet_of(
    snapshot: DatasetSnapshot,
    samples: Sequence[tuple[str, str]],
    earlier: Record | None = None,
    name: str = "",
) -> bytes:
    """Some samples, in one row each that is called alike.

    Args:
        snapshot: Where their pictures are.
        samples: Id and the name of its row.
        earlier: A record with an earlier sheet, whose pictures are taken from there.
        name: What that sheet is called.
    """
    labels = list(dict.fromkeys(label for _, label in sorted(samples, key=lambda s: s[1])))
    ids = {
        label: [i for i, row in samples if row == label][:COLUMNS]
        for label in labels[:MOST_CLASSES]
    }
    wanted = frozenset(sample for row in ids.values() for sample in row)
    known = tiles_of(earlier.read(name)) if earlier and name in earlier.files else {}
    bodies = read_payloads(snapshot, wanted - known.keys()) if wanted - known.keys() else ()
    tiles = {**known, **{sample: tile(body) for sample, body in bodies}}
    images = {label: [tiles[sample] for sample in row] for label, row in ids.items()}
    left_out = len(labels) - len(ids)
    columns, body = COLUMNS, _png(_draw(images, COLUMNS, left_out), told([*ids.values()]))
    while len(body) > INLINE_PICTURE_BYTES and columns:
        body = _png(_few_colours(_draw(images, columns, left_out)))
        shrunk = max(1, columns * INLINE_PICTURE_BYTES // len(body))
        columns = min(columns - 1, shrunk)
    return body


def _draw(tiles: "dict[str, list[Image]]", most: int, left_out: int) -> "Image":
    from PIL import Image, ImageDraw

    columns = max((len(row[:most]) for row in tiles.values()), default=0)
    height = STEP * (len(tiles) + bool(left_out)) + GAP
    grey = all(tile.mode == "L" for row in tiles.values() for tile in row)
    size = (LABEL_WIDTH + STEP * columns + GAP, height)
    sheet = Image.new("L" if grey else "RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    for line, (label, row) in enumerate(tiles.items()):
        middle = place(line, 0)[1] + SIDE // 2
        pen.text((LABEL_WIDTH - 2 * GAP, middle), _short(label), fill=INK, anchor="rm")
        for column, shown in enumerate(row[:most]):
            sheet.paste(shown, place(line, column))
    if left_out:
        note = (GAP, height - STEP // 2)
        pen.text(note, f"and {left_out} more classes", fill=INK, anchor="lm")
    return sheet


def _few_colours(sheet: "Image") -> "Image":
    from PIL import Image

    return sheet.quantize(COLOURS, Image.Quantize.FASTOCTREE)  # the default takes ten times as long


def _short(label: str) -> str:
    text = "".join(c if c.isprintable() else "\ufffd" for c in label)
    cut = len(text) > LABEL_CHARACTERS
    return f"{text[: LABEL_CHARACTERS - 1]}\u2026" if cut else text


def _png(sheet: "Image", info: "PngInfo | None" = None) -> bytes:
    out = io.BytesIO()
    sheet.save(out, "PNG", pnginfo=info)
    return out.getvalue()

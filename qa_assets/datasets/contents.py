"""What is known of a content, whatever it is called: its facts and the measures of its look."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qa_assets.datasets import keys
from qa_assets.datasets.buckets import buckets
from qa_assets.datasets.measures import HASHES, MEASURES, THUMB, measure, thinned
from qa_assets.datasets.pictures import Picture

if TYPE_CHECKING:
    import pyarrow as pa

BUCKETS = "buckets"
"""Those of the picture among near-duplicates."""
FACTS = ("key", "bytes", "format", "width", "height", "mode", "noticed")
"""Columns of what a content is; ``MEASURES``, hashes, thumbnail and ``BUCKETS`` follow them."""
WORDS = ("format", "mode", "noticed")
"""Those that hold few different words."""
_BATCH_PIXELS = 1 << 17
"""Pixels that are measured at once: as many as stay in a processor's cache."""
_HELD_PIXELS = 4 << 20
_NUMBERS = {"bytes": np.int64, "width": np.int64, "height": np.int64}
Row = tuple[bytes, int, str, int, int, str, str]


class _Held(NamedTuple):
    place: int
    row: Row
    warmth: float
    luma: NDArray[np.uint8]


class Waiting:
    """Decoded pictures, measured together with others of their size."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], list[_Held]] = {}
        self._pixels = self._count = 0
        self._order: list[int] = []
        self._measured: list[pa.Table] = []

    def add(self, key: bytes, size: int, picture: Picture) -> None:
        """Take one; its pixels are kept until it is measured."""
        assert picture.luma is not None
        luma = thinned(picture.luma)
        row = (key, size, picture.format, picture.width, picture.height, picture.mode,
               ",".join(picture.noticed))  # fmt: skip
        held = self._held.setdefault((luma.shape[0], luma.shape[1]), [])
        held.append(_Held(self._count, row, picture.warmth, luma))
        self._pixels, self._count = self._pixels + luma.size, self._count + 1
        if self._pixels > _HELD_PIXELS:
            self._measure()

    def measured(self) -> "pa.Table":
        """One row each, in the order in which they came: ``FACTS`` and what follows."""
        import pyarrow as pa

        self._measure()
        whole = pa.concat_tables(self._measured).unify_dictionaries().combine_chunks()
        order = np.argsort(np.array(self._order, np.int64))
        return whole if (order[1:] > order[:-1]).all() else whole.take(pa.array(order))

    def _measure(self) -> None:
        for (height, width), held in self._held.items():
            step = max(1, _BATCH_PIXELS // (height * width))
            for start in range(0, len(held), step):
                some = held[start : start + step]
                self._order += [one.place for one in some]
                self._measured.append(_measured(some))
        self._held, self._pixels = {}, 0


def _measured(held: list[_Held]) -> "pa.Table":
    import pyarrow as pa

    warmth = np.array([one.warmth for one in held], np.float32)
    look = measure(np.stack([one.luma for one in held]), warmth)
    rows = zip(*(one.row for one in held), strict=True)
    facts: dict[str, Any] = dict(zip(FACTS, rows, strict=True))
    columns: dict[str, Any] = {
        "key": pa.array(facts["key"], pa.binary(keys.WIDTH)),
        # The shape of a thinned picture may round; the sides are those of the picture itself.
        **{name: pa.array(np.array(facts[name], kind)) for name, kind in _NUMBERS.items()},
        **{name: pa.array(facts[name], pa.string()).dictionary_encode() for name in WORDS},
    }
    columns = {name: columns[name] for name in FACTS}
    columns |= {name: pa.array(look.numbers[name]) for name in MEASURES}
    columns |= {name: pa.array(look.hashes[name]) for name in HASHES}
    columns[THUMB] = keys.column(look.thumbs)
    columns[BUCKETS] = keys.column(buckets(look.thumbs))
    return pa.table(columns)

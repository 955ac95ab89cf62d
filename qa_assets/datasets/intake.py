"""Raw samples to columns: each distinct content is decoded and measured once, known ones never."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.digests import digest_bytes
from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets.measures import HASHES, MEASURES, THUMB, measure, thinned
from qa_assets.datasets.pictures import Picture, Refusal, inspect
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.shards import ShardWriter
from qa_assets.datasets.source import Finding, RawSample, shown

if TYPE_CHECKING:
    import pyarrow as pa

FOUND = ("id", "label", "group", "name", "part")
"""Columns of what was found: one row a usable file."""
FACTS = ("id", "bytes", "format", "width", "height", "mode", "noticed")
"""Columns of what a content is: one row a distinct one, with ``MEASURES``, hashes and thumbnail."""
_BATCH_PIXELS = 4 << 20
_BATCH_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Taken:
    """Everything a source held.

    Attributes:
        found: Columns ``FOUND`` in the order of reading.
        facts: Columns ``FACTS`` and measures of the contents that were not known before.
        findings: What was set aside, and what the reader noticed.
    """

    found: "pa.Table"
    facts: "pa.Table"
    findings: list[Finding]


class Intake:
    """Takes samples one by one and keeps columns, so that a million of them fit in memory."""

    def __init__(
        self,
        limits: SampleLimits,
        shards: ShardWriter,
        known: frozenset[bytes],
        group_of: Callable[[RawSample], str],
    ) -> None:
        self._limits, self._shards, self._group_of = limits, shards, group_of
        self._seen = set(known)
        self._found = Columns(FOUND)
        self._facts: list[pa.Table] = []
        self._waiting: dict[tuple[int, int], list[tuple[tuple[Any, ...], NDArray[np.uint8]]]] = {}
        self._pixels = 0
        self._refused: dict[bytes, Refusal] = {}
        self._findings: list[Finding] = []

    def take(self, read: Iterable[RawSample | Finding]) -> Taken:
        """All samples of a reader."""
        for raw in read:
            if isinstance(raw, Quarantined | Remark):
                self._findings.append(raw)
            else:
                self._one(raw)
        self._measure_waiting()
        return Taken(self._found.table(), _concat(self._facts), self._findings)

    def _one(self, raw: RawSample) -> None:
        sample = digest_bytes(raw.payload)
        key = bytes.fromhex(sample)
        if key not in self._seen and key not in self._refused:
            self._look(raw, sample, key)
        refusal = self._refused.get(key)
        if refusal is not None:
            self._findings.append(
                Quarantined(refusal.code, raw.name, refusal.message, refusal.remedy)
            )
            return
        text = (raw.label, self._group_of(raw), raw.name, raw.part)
        self._found.add((sample, *map(shown, text)))

    def _look(self, raw: RawSample, sample: str, key: bytes) -> None:
        judged = inspect(raw.payload, self._limits)
        if isinstance(judged, Refusal):
            self._refused[key] = judged
            return
        self._seen.add(key)
        self._shards.add(sample, raw.payload)
        self._wait(sample, len(raw.payload), judged)

    def _wait(self, sample: str, size: int, picture: Picture) -> None:
        assert picture.luma is not None
        luma = thinned(picture.luma)
        row = (sample, size, picture.format, picture.width, picture.height, picture.mode,
               ",".join(picture.noticed))  # fmt: skip
        self._waiting.setdefault((luma.shape[0], luma.shape[1]), []).append((row, luma))
        self._pixels += luma.size
        if self._pixels > _BATCH_PIXELS:
            self._measure_waiting()

    def _measure_waiting(self) -> None:
        for waiting in self._waiting.values():
            for start in range(0, len(waiting), _BATCH_ROWS):
                self._facts.append(_measured(waiting[start : start + _BATCH_ROWS]))
        self._waiting, self._pixels = {}, 0


class Columns:
    """Rows that are packed into Arrow columns every few thousand."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._rows: list[tuple[str, ...]] = []
        self._packed: list[pa.Table] = []

    def add(self, row: tuple[str, ...]) -> None:
        """Append one row of text."""
        self._rows.append(row)
        if len(self._rows) >= _BATCH_ROWS:
            self._pack()

    def table(self) -> "pa.Table":
        """All rows."""
        import pyarrow as pa

        self._pack()
        empty = pa.table({name: pa.array([], pa.string()) for name in self._names})
        return pa.concat_tables([empty, *self._packed])

    def _pack(self) -> None:
        import pyarrow as pa

        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(column, pa.string()) for column in columns]
            self._packed.append(pa.table(dict(zip(self._names, arrays, strict=True))))
        self._rows = []


def _measured(waiting: "list[tuple[tuple[Any, ...], NDArray[np.uint8]]]") -> "pa.Table":
    import pyarrow as pa

    look = measure(np.stack([luma for _, luma in waiting]))
    columns: dict[str, Any] = dict(
        zip(FACTS, zip(*(row for row, _ in waiting), strict=True), strict=True)
    )
    # The shape of a thinned picture may round; the sides are those of the picture itself.
    columns |= {name: pa.array(look.numbers[name]) for name in MEASURES}
    columns |= {name: pa.array(look.hashes[name]) for name in HASHES}
    thumbs = look.thumbs
    storage = pa.py_buffer(np.ascontiguousarray(thumbs))
    columns[THUMB] = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(thumbs.shape[1]), len(thumbs), [None, storage]
    )
    return pa.table(columns)


def _concat(tables: "list[pa.Table]") -> "pa.Table":
    import pyarrow as pa

    if tables:
        return pa.concat_tables(tables)
    return pa.table({})

"""Samples that lie behind one another in a file: a block, known again by one digest of its bytes.

Pictures of an array become PNG files whose digests are their names. A block whose pixels were seen
before gives the same names, so neither its files nor their digests need to be made again; labels,
names and sides are read anew each time.
"""

import hashlib
import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.record import Record
from qa_assets.core.records.datasets import BLOCKS
from qa_assets.core.tables import read_mapped
from qa_assets.datasets import keys, stored_png
from qa_assets.datasets.source import Finding, RawSample
from qa_assets.datasets.stored_png import pngs_of

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from qa_assets.datasets.settings import SampleLimits

PLACE_DIGITS = 7
"""A sample of a block is called by its place in the file, with so many digits."""


@dataclass(frozen=True, slots=True)
class Block:
    """Samples of one shape and one side that lie behind one another.

    Attributes:
        pixels: uint8, shape (sample, height, width[, 3]).
        within: What their file is called.
        first: Place of the first of them in it.
        codes: Label of each, by its place in ``words``.
        words: The labels there are.
        part: As of :class:`RawSample`.
        called: Their names in the file, where they have some.
    """

    pixels: NDArray[np.uint8]
    within: str
    first: int
    codes: NDArray[np.integer]
    words: Sequence[str]
    part: str = ""
    called: Sequence[str] = ()

    @property
    def digest(self) -> bytes:
        """Of everything that decides the payloads: pixels, shape, and how they are written."""
        return self.digests(())[len(self.codes)]

    def digests(self, counts: Collection[int]) -> dict[int, bytes]:
        """That of its first so many samples, by their number; of all of them too."""
        digest = hashlib.sha256(f"{self.pixels.shape[1:]} {_writer()}".encode())
        found, whole = dict[int, bytes](), len(self.codes)
        before = 0
        for count in sorted({n for n in counts if n < whole} | {whole}):
            digest.update(np.ascontiguousarray(self.pixels[before:count]).data)
            found[count], before = digest.digest(), count
        return found

    def cut(self, start: int, end: int) -> "Block":
        """Those of its samples from one place to another."""
        rows = slice(start, end)
        return replace(
            self,
            pixels=self.pixels[rows],
            first=self.first + start,
            codes=self.codes[rows],
            called=self.called[rows],
        )

    def samples(self) -> Iterator[RawSample]:
        """Each sample with its payload."""
        for sample, payload in zip(self.named(), pngs_of(self.pixels), strict=True):
            yield sample._replace(payload=payload)

    def named(self) -> Iterator[RawSample]:
        """Each sample without its payload."""
        codes: list[int] = self.codes.tolist()
        for name, code in zip(self.names().to_pylist(), codes, strict=True):
            yield RawSample(name, self.words[code], "", b"", self.part)

    def names(self) -> "pa.Array":
        """What each sample is called."""
        import pyarrow as pa

        if self.called:
            return pa.array([f"{self.within}/{name}" for name in self.called], pa.string())
        end = self.first + len(self.codes)
        if end > 10**PLACE_DIGITS:
            named = (f"{self.within}/{n:0{PLACE_DIGITS}d}" for n in range(self.first, end))
            return pa.array([*named], pa.string())
        places = np.arange(self.first, end, dtype=np.uint32)
        before = np.frombuffer(f"{self.within}/".encode(), np.uint8)
        text = np.empty((len(places), len(before) + PLACE_DIGITS), np.uint8)
        text[:, : len(before)] = before
        for digit in range(PLACE_DIGITS):
            left = places // 10
            text[:, -1 - digit], places = places - left * 10 + ord("0"), left
        ends = np.arange(len(text) + 1, dtype=np.int32) * text.shape[1]
        return pa.StringArray.from_buffers(len(text), pa.py_buffer(ends), pa.py_buffer(text))


@runtime_checkable
class ReadsBlocks(Protocol):
    """A format that can hand over whole blocks; its ``read`` gives the same, one by one."""

    def blocks(
        self, source: "Path", limits: "SampleLimits"
    ) -> "Iterator[RawSample | Finding | Block]":
        """As ``read``, with blocks where samples lie in one array."""
        ...


def one_by_one(found: "Iterator[RawSample | Finding | Block]") -> Iterator[RawSample | Finding]:
    """What lies in blocks as single samples."""
    for item in found:
        if isinstance(item, Block):
            yield from item.samples()
        else:
            yield item


@cache
def _writer() -> str:
    """Identity of the code that makes files of pixels."""
    return hashlib.sha256(inspect.getsource(stored_png).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Met:
    """A block as it was met: its digest, and where its samples stand in what was found."""

    digest: bytes
    start: int
    count: int
    numbered: bool = False
    """Whether its samples are called by their places."""


Known = Mapping[bytes, keys.Keys]
"""Keys of the samples of a block by its digest."""


def known_blocks(earlier: Record | None, there: keys.Keys) -> Known:
    """The blocks of an earlier snapshot.

    Args:
        earlier: It, if there is one.
        there: Keys of its samples, in the order of its shards; all of them.
    """
    if earlier is None or BLOCKS not in earlier.files:
        return {}
    table = read_mapped(earlier.files[BLOCKS])
    rows: Any = keys.one_array(table["rows"])
    places = rows.flatten().to_numpy()
    if len(places) and int(places.max()) >= len(there):
        return {}
    ends = rows.value_lengths().to_numpy().cumsum()[:-1]
    return dict(zip(table["digest"].to_pylist(), np.split(there[places], ends), strict=True))


def blocks_table(met: Sequence[Met], rows: NDArray[np.intp]) -> "pa.Table | None":
    """The blocks as they are stored: digest, and the row of each sample among all measures.

    Args:
        met: The blocks.
        rows: That row of each file that was found; -1 where it is no longer there.
    """
    import pyarrow as pa

    once = {m.digest: rows[m.start : m.start + m.count] for m in met}
    whole = {digest: places for digest, places in once.items() if (places >= 0).all()}
    if not whole:
        return None
    places = np.concatenate([*whole.values()]).astype(np.uint32)
    ends = np.cumsum([0, *map(len, whole.values())]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(ends), pa.array(places))
    digests = pa.array([*whole], pa.binary(keys.WIDTH))
    return pa.table({"digest": digests, "rows": lists})

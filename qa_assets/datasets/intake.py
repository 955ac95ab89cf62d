"""Raw samples to columns: each distinct content is decoded and measured once, known ones never."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, cast

import numpy as np

from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets import keys
from qa_assets.datasets.ahead import looked_at, threads
from qa_assets.datasets.blocks import Block, Known, Met
from qa_assets.datasets.measures import thinned
from qa_assets.datasets.pictures import Picture, Refusal, decoders_quiet, inspect_in_thread
from qa_assets.datasets.remarks import NAMED
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.shards import ShardWriter
from qa_assets.datasets.source import Finding, RawSample, shown

if TYPE_CHECKING:
    import pyarrow as pa

FOUND = ("key", "label", "group", "name", "part", "attributes")
"""Columns of what was found: one row a usable file."""
_TEXTS = ("label", "group", "name", "part", "attributes")
Judged = tuple[bytes, Picture | Refusal | None]
"""Key of a sample, and what it is; None where that is known."""
_BATCH_ROWS = 8192
_DIGEST = hashlib.sha256


@dataclass(frozen=True, slots=True)
class Taken:
    """Everything a source held.

    Attributes:
        found: Columns ``FOUND`` in the order of reading; all but key and name hold few words.
        aside: What was set aside.
        noticed: What the reader noticed, the first of each kind.
        counts: How often, by kind.
        met: The blocks it came in, those of which all of it is used.
    """

    found: "pa.Table"
    aside: list[Quarantined]
    noticed: list[Remark]
    counts: Counter[str]
    met: list[Met]


class Intake:
    """Takes samples one by one and keeps columns, so that a million of them fit in memory."""

    def __init__(
        self,
        limits: SampleLimits,
        shards: ShardWriter,
        known: keys.Index,
        group_of: Callable[[RawSample], str] | None,
        blocks: Known | None = None,
    ) -> None:
        self._limits, self._shards, self._group_of = limits, shards, group_of
        self._seen, self._known, self._blocks = set[bytes](), known, blocks or {}
        self._taken = 0
        self._met: list[Met] = []
        self._pool: ThreadPoolExecutor | None = None
        self._keys: list[bytes] = []
        self._rows: list[tuple[str, ...]] = []
        self._packed: list[pa.Table] = []
        self._aside: list[Quarantined] = []
        self._noticed: list[Remark] = []
        self._counts: Counter[str] = Counter()

    def take(self, read: Iterable[RawSample | Finding | Block]) -> Taken:
        """All samples of a reader."""
        import pyarrow as pa

        count = threads()
        with decoders_quiet(), ThreadPoolExecutor(count) as pool:
            self._pool = pool if count > 1 else None
            for kind, run in groupby(read, type):
                if kind is RawSample:
                    self._samples(cast("Iterator[RawSample]", run))
                    continue
                for item in cast("Iterator[Finding | Block]", run):
                    if isinstance(item, Block):
                        self._block(item)
                    else:
                        self._note(item)
        self._pack()
        empty = pa.table(
            {name: pa.array([], pa.binary(keys.WIDTH) if name == "key" else pa.string())
             for name in FOUND}
        )  # fmt: skip
        found = pa.concat_tables(self._packed).unify_dictionaries() if self._packed else empty
        return Taken(found, self._aside, self._noticed, self._counts, self._met)

    def _samples(self, raws: Iterable[RawSample]) -> None:
        for raw, (key, judged) in looked_at(raws, self._inspected, self._pool):
            if judged is None or key in self._seen or self._usable(raw, key, judged):
                self._add(raw, key)

    def _inspected(self, raw: RawSample) -> Judged:
        """Its key and, where that was not seen yet, what it is; called in any thread."""
        key = _DIGEST(raw.payload).digest()
        if key in self._seen or key in self._known:
            return key, None
        judged = inspect_in_thread(raw.payload, self._limits)
        if isinstance(judged, Picture) and judged.luma is not None:
            judged = replace(judged, luma=thinned(judged.luma))  # what waits is small
        return key, judged

    def _block(self, block: Block) -> None:
        """Take its samples; where its bytes are known, so are their names."""
        digest, start, count = block.digest, self._taken, len(block.codes)
        known = self._blocks.get(digest)
        if known is None:
            self._samples(block.samples())
        else:
            self._pack()
            self._packed.append(_columns(block, known, self._group_of))
            self._taken += count
        if self._taken - start == count:
            self._met.append(Met(digest, start, count, numbered=not block.called))

    def _add(self, raw: RawSample, key: bytes) -> None:
        group = raw.group if self._group_of is None else self._group_of(raw)
        self._keys.append(key)
        self._taken += 1
        self._rows.append((raw.label, group, raw.name, raw.part, raw.attributes))
        if len(self._keys) >= _BATCH_ROWS:
            self._pack()

    def _usable(self, raw: RawSample, key: bytes, judged: Picture | Refusal) -> bool:
        """Keep what was never seen; whether it can be used."""
        if isinstance(judged, Refusal):
            said = Quarantined(judged.code, raw.name, judged.message, judged.remedy)
            self._aside.append(said)
            return False
        self._seen.add(key)
        self._shards.add(key, raw.payload, judged)
        return True

    def _note(self, finding: Finding) -> None:
        if isinstance(finding, Quarantined):
            self._aside.append(finding)
            return
        self._counts[finding.code] += 1
        if self._counts[finding.code] <= NAMED:
            self._noticed.append(finding)

    def _pack(self) -> None:
        import pyarrow as pa

        if not self._keys:
            return
        body = np.frombuffer(b"".join(self._keys), np.uint8).reshape(-1, keys.WIDTH)
        texts = zip(_TEXTS, zip(*self._rows, strict=True), strict=True)
        columns = {name: _text(column) for name, column in texts}
        columns |= {n: columns[n].dictionary_encode() for n in _TEXTS if n != "name"}
        self._packed.append(pa.table({"key": keys.column(body), **columns}))
        self._keys, self._rows = [], []


def _text(column: Sequence[str]) -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(column, pa.string())
    except UnicodeEncodeError:  # a name that is not UTF-8
        return pa.array([shown(text) for text in column], pa.string())


def _columns(
    block: Block, known: keys.Keys, group_of: Callable[[RawSample], str] | None
) -> "pa.Table":
    """Columns ``FOUND`` of a block whose keys are known."""
    import pyarrow as pa

    count = len(known)
    none = pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), pa.array([""], pa.string()))
    words = pa.array(block.words, pa.string())
    part = pa.array([block.part], pa.string())
    groups = none
    if group_of is not None:
        groups = _text([group_of(raw) for raw in block.named()]).dictionary_encode()
    columns = {
        "key": keys.column(known),
        "label": pa.DictionaryArray.from_arrays(block.codes.astype(np.int32), words),
        "group": groups,
        "name": block.names(),
        "part": pa.DictionaryArray.from_arrays(none.indices, part),
        "attributes": none,
    }
    return pa.table({name: columns[name] for name in FOUND})

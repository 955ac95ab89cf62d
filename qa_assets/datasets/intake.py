"""Raw samples to columns: each distinct content is decoded and measured once, known ones never."""

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets import keys
from qa_assets.datasets.ahead import MOST_THREADS, looked_at, threads
from qa_assets.datasets.blocks import Block, Known, Met
from qa_assets.datasets.found import FOUND, TEXTS, columns_of, text_of
from qa_assets.datasets.measures import thinned
from qa_assets.datasets.pictures import Picture, Refusal, decoders_quiet, inspect_in_thread
from qa_assets.datasets.remarks import NAMED
from qa_assets.datasets.seen_files import SeenFiles
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.shards import ShardWriter
from qa_assets.datasets.source import Finding, RawSample

if TYPE_CHECKING:
    import pyarrow as pa

_Digests = Callable[[], Mapping[int, bytes]]
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


class _Looked(NamedTuple):
    """What was seen of a sample.

    Attributes:
        key: Its digest.
        judged: What it is; None where that is known.
        payload: Its bytes, where that is not known.
    """

    key: bytes
    judged: Picture | Refusal | Quarantined | None
    payload: bytes = b""


class Intake:
    """Takes samples one by one and keeps columns, so that a million of them fit in memory."""

    def __init__(
        self,
        limits: SampleLimits,
        shards: ShardWriter,
        known: keys.Index,
        group_of: Callable[[RawSample], str] | None,
        blocks: Known | None = None,
        files: SeenFiles | None = None,
    ) -> None:
        self._limits, self._shards, self._group_of = limits, shards, group_of
        self._seen, self._known, self._blocks = set[bytes](), known, blocks or {}
        self._sizes = {len(rows) for rows in self._blocks.values()}
        self._files = files or SeenFiles(None)
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
                elif kind is Block:
                    for block, digests in self._digested(cast("Iterator[Block]", run)):
                        self._block(block, digests())
                else:
                    for finding in cast("Iterator[Finding]", run):
                        self._note(finding)
        self._pack()
        empty = pa.table(
            {name: pa.array([], pa.binary(keys.WIDTH) if name == "key" else pa.string())
             for name in FOUND}
        )  # fmt: skip
        found = pa.concat_tables(self._packed).unify_dictionaries() if self._packed else empty
        return Taken(found, self._aside, self._noticed, self._counts, self._met)

    def _samples(self, raws: Iterable[RawSample]) -> None:
        for raw, looked in looked_at(raws, self._inspected, self._pool):
            key, judged = looked.key, looked.judged
            if judged is None or key in self._seen or self._usable(raw, looked):
                self._add(raw, key)
            if key and not isinstance(raw.payload, bytes):
                self._files.note(raw.payload, key)

    def _inspected(self, raw: RawSample) -> _Looked:
        """Its key and, where that was not seen yet, what it is; called in any thread."""
        body = raw.payload
        if not isinstance(body, bytes):
            key = self._files.key_of(body)
            if key is not None and self._has(key):
                return _Looked(key, None)
            body = body.read(self._limits.max_file_mib)
        if isinstance(body, Quarantined):
            return _Looked(b"", body)
        key = _DIGEST(body).digest()
        if self._has(key):
            return _Looked(key, None)
        judged = inspect_in_thread(body, self._limits)
        if isinstance(judged, Picture) and judged.luma is not None:
            luma = thinned(judged.luma)  # what waits is small
            judged = judged if luma is judged.luma else replace(judged, luma=luma)
        return _Looked(key, judged, body)

    def _has(self, key: bytes) -> bool:
        return key in self._seen or key in self._known

    def _digested(self, run: Iterable[Block]) -> Iterator[tuple[Block, _Digests]]:
        """Blocks with their digests, which threads make ahead of the one that takes them."""
        waiting: deque[tuple[Block, _Digests]] = deque()
        for block in run:
            digests = partial(block.digests, self._sizes)
            waiting.append((block, self._pool.submit(digests).result if self._pool else digests))
            if len(waiting) > MOST_THREADS:
                yield waiting.popleft()
        yield from waiting

    def _block(self, block: Block, digests: Mapping[int, bytes]) -> None:
        """Take its samples; where its bytes are known, so are their names.

        The last block of a file that grew begins as it was: no more than the rest is made.
        """
        start, count = self._taken, len(block.codes)
        there = max((n for n, digest in digests.items() if digest in self._blocks), default=0)
        if there == count:
            self._pack()
            self._packed.append(columns_of(block, self._blocks[digests[count]], self._group_of))
            self._taken += count
        elif there:
            self._block(block.cut(0, there), {there: digests[there]})
            rest = block.cut(there, count)
            self._block(rest, rest.digests(self._sizes))
        else:
            self._samples(block.samples())
        if self._taken - start == count:
            self._met.append(Met(digests[count], start, count, numbered=not block.called))

    def _add(self, raw: RawSample, key: bytes) -> None:
        group = raw.group if self._group_of is None else self._group_of(raw)
        self._keys.append(key)
        self._taken += 1
        self._rows.append((raw.label, group, raw.name, raw.part, raw.attributes))
        if len(self._keys) >= _BATCH_ROWS:
            self._pack()

    def _usable(self, raw: RawSample, looked: _Looked) -> bool:
        """Keep what was never seen; whether it can be used."""
        judged = looked.judged
        if isinstance(judged, Picture):
            self._seen.add(looked.key)
            self._shards.add(looked.key, looked.payload, judged)
            return True
        if isinstance(judged, Refusal):
            judged = Quarantined(judged.code, raw.name, judged.message, judged.remedy)
        if judged is not None:
            self._aside.append(judged)
        return False

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
        texts = zip(TEXTS, zip(*self._rows, strict=True), strict=True)
        columns = {name: text_of(column) for name, column in texts}
        columns |= {n: columns[n].dictionary_encode() for n in TEXTS if n != "name"}
        self._packed.append(pa.table({"key": keys.column(body), **columns}))
        self._keys, self._rows = [], []

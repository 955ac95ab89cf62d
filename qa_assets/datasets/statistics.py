"""Numbers that describe a snapshot, by class and as a whole, and how they came to be."""

import inspect
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_assets.core.attributes import ATTRIBUTES, attribute_columns, numbers_of
from qa_assets.core.digests import canonical_json, digest_json
from qa_assets.core.pictures import bars
from qa_assets.core.record import Earlier
from qa_assets.core.records.datasets import (
    CLASS_BARS,
    LOOKS,
    PREVIOUS,
    PREVIOUS_LOOKS,
    SAMPLES,
    SHARD_SKETCHES,
    SKETCHES,
    STATISTICS,
    DatasetSnapshot,
    DatasetStatistics,
    VersionNumbers,
)
from qa_assets.core.records.quality import QUALITY, SampleQuality
from qa_assets.core.tables import columns_bytes, read_columns, read_first, table_bytes
from qa_assets.datasets import keys, sketches
from qa_assets.datasets.class_table import by_class
from qa_assets.datasets.measured import shards_by_digest, thumbnails
from qa_assets.datasets.measures import MEASURES, SIDE
from qa_assets.datasets.merge import coded
from qa_assets.datasets.shards import measured_by
from qa_assets.datasets.sketches import (
    Sketch,
    as_json,
    from_json,
    of_numbers,
    of_words,
    words_of_counts,
)

if TYPE_CHECKING:
    import pandas as pd

LABEL = "label"
COLUMNS = (*MEASURES, "width", "height", "bytes")
MOST_SHARDS = 64
"""Shards whose sketches are kept for the next version, some 40 kB each."""
MOST_LOOKS = 3000
"""Thumbnails that are kept for a comparison with the next version."""
REMEMBERED = 50
"""Versions that the history holds."""
Sketches = Mapping[str, Sketch]


def statistics(
    snapshot: DatasetSnapshot, quality: SampleQuality, earlier: Earlier | None = None
) -> DatasetStatistics:
    """Summarise what was measured of each sample; opens no picture.

    Args:
        snapshot: The samples.
        quality: Their measures.
        earlier: Earlier statistics, for the history.
    """
    samples = _columns(snapshot, quality)
    classes = by_class(samples)
    counts = {str(c): int(n) for c, n in zip(classes["label"], classes["samples"], strict=True)}
    brightness = samples["brightness"].to_numpy(np.float64)
    before = _before(snapshot.version, earlier)
    usable = before if before is not None and before.measured_by == _code() else None
    by_shard = _by_shard(samples, snapshot, usable)
    files: dict[str, bytes] = {
        STATISTICS: table_bytes(classes),
        CLASS_BARS: bars(list(counts), list(counts.values())),
        SKETCHES: _written({**_of_words(samples), **_merged(by_shard.values())}),
        SHARD_SKETCHES: _kept_shards(by_shard),
        LOOKS: _looks(snapshot, usable),
    }
    if usable is not None:
        files |= _kept(usable, same=usable.version == snapshot.version)
    return DatasetStatistics(
        samples=len(samples),
        class_counts=counts,
        groups=len(set(samples["group"].cat.categories) - {""}),
        brightness_mean=float(np.mean(brightness)),
        brightness_std=float(np.std(brightness)),
        version=snapshot.version,
        measured_by=_code(),
        history=_history(snapshot.version, before),
        files=files,
    )


def _columns(snapshot: DatasetSnapshot, quality: SampleQuality) -> Any:
    """The columns that are summarised; few different words stand there once each."""
    import pyarrow as pa

    words, sizes = [LABEL, "group", ATTRIBUTES], ["width", "height", "bytes"]
    samples = read_columns(snapshot.files[SAMPLES], [*words, *sizes], words=words)
    measured = read_columns(quality.files[QUALITY], MEASURES)
    columns = {name: coded(samples[name]) for name in words}
    columns |= {name: samples[name] for name in sizes}
    columns |= {name: measured[name] for name in MEASURES}
    return pa.table(columns).to_pandas(split_blocks=True)


def _looks(snapshot: DatasetSnapshot, before: DatasetStatistics | None) -> bytes:
    """Thumbnails of the samples with the smallest digests, so any; most were there before."""
    ids = keys.of_column(read_first(snapshot.files[SAMPLES], "id", MOST_LOOKS))
    thumbs = np.zeros((len(ids), SIDE * SIDE), np.uint8)
    new = np.arange(len(ids))
    looks = None
    if before is not None and LOOKS in before.files:
        looks = read_columns(before.files[LOOKS], spelt=False)
    if looks is not None and looks["id"].type == keys.column(ids).type:  # else of another layout
        place = keys.locate(ids, keys.of_column(looks["id"]))
        there, new = np.flatnonzero(place >= 0), np.flatnonzero(place < 0)
        thumbs[there] = keys.of_column(looks["thumb"])[place[there]]
    thumbs[new] = thumbnails(snapshot, new)
    return columns_bytes({"id": keys.column(ids), "thumb": keys.column(thumbs)})


def _kept(before: DatasetStatistics, *, same: bool) -> dict[str, bytes]:
    """What the statistics before say of the version before this one."""
    pairs = ((PREVIOUS, SKETCHES), (PREVIOUS_LOOKS, LOOKS))
    past = {name: name if same else file for name, file in pairs}
    return {name: before.read(file) for name, file in past.items() if file in before.files}


def _by_shard(
    samples: "pd.DataFrame", snapshot: DatasetSnapshot, before: DatasetStatistics | None
) -> dict[str, Sketches]:
    """The sketches of what was measured, by the digest of the shard; those known are not redone."""
    known: dict[str, Any] = {}
    if before is not None and SHARD_SKETCHES in before.files:
        known = json.loads(before.read(SHARD_SKETCHES))
    found: dict[str, Sketches] = {}
    for digest, rows in shards_by_digest(snapshot).items():
        if digest in known:
            found[digest] = {n: from_json(body) for n, body in known[digest].items()}
        else:
            values = {n: samples[n].to_numpy()[rows] for n in COLUMNS}
            found[digest] = {n: of_numbers(v) for n, v in values.items()}
    return found


def _merged(shards: Iterable[Sketches]) -> Sketches:
    first, *rest = shards
    whole = dict(first)
    for shard in rest:
        whole = {name: whole[name].merge(shard[name]) for name in whole}  # pyright: ignore[reportArgumentType]
    return whole


def _kept_shards(by_shard: Mapping[str, Sketches]) -> bytes:
    """The sketches of the largest shards; small ones are soon made again."""
    order = sorted(by_shard, key=lambda d: (-by_shard[d][COLUMNS[0]].count, d))[:MOST_SHARDS]
    return canonical_json(
        {digest: {n: as_json(s) for n, s in by_shard[digest].items()} for digest in order}
    )


def sketch(samples: "pd.DataFrame") -> dict[str, Sketch]:
    """One sketch a column of the whole table, and one an attribute that the dataset gives."""
    found = {n: of_numbers(samples[n].to_numpy()) for n in COLUMNS if n in samples}
    return {**_of_words(samples), **found}


def _of_words(samples: "pd.DataFrame") -> dict[str, Sketch]:
    return {**_attributes(samples), LABEL: _of_categories(samples[LABEL])}


def _of_categories(column: Any) -> Sketch:
    """As of ``of_words``, counted by the numbers of the words."""
    coded = column.astype("category").cat
    codes = coded.codes.to_numpy()
    counts = np.bincount(codes[codes >= 0], minlength=len(coded.categories)).tolist()
    return words_of_counts(dict(zip(coded.categories, counts, strict=True)), int((codes < 0).sum()))


def _attributes(samples: "pd.DataFrame") -> dict[str, Sketch]:
    cells = list(samples[ATTRIBUTES]) if ATTRIBUTES in samples else []
    found: dict[str, Sketch] = {}
    for name, values in attribute_columns(cells).items():
        numbers = numbers_of(values)
        called = f"attribute {name}" if name in (LABEL, *COLUMNS) else name
        words = [value or None for value in values]
        found[called] = of_words(words) if numbers is None else of_numbers(numbers)
    return found


def read_sketches(record: DatasetStatistics, name: str) -> dict[str, Sketch]:
    """The sketches that statistics hold; none where there was no version before."""
    if name not in record.files:
        return {}
    body: Any = json.loads(record.read(name))
    return {column: from_json(value) for column, value in body.items()}


def _code() -> str:
    """Identity of the code that decides what the sketches mean: others are not compared."""
    return digest_json([measured_by(), inspect.getsource(sketches)])


def _written(found: Sketches) -> bytes:
    return canonical_json({name: as_json(s) for name, s in found.items()})


def _before(version: str, earlier: Earlier | None) -> DatasetStatistics | None:
    found = earlier("") if earlier else None
    return found if isinstance(found, DatasetStatistics) else None


def _history(version: str, before: DatasetStatistics | None) -> tuple[VersionNumbers, ...]:
    if before is None:
        return ()
    if before.version == version:
        return before.history
    latest = VersionNumbers(
        before.version,
        before.samples,
        len(before.class_counts),
        before.brightness_mean,
        before.brightness_std,
    )
    return (*before.history, latest)[-REMEMBERED:]

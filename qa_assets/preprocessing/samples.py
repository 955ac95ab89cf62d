"""The samples of one split, decoded: what training, evaluation, export and benchmarks read."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import ROWS, SAMPLES, DatasetSnapshot, DatasetSplits, Split
from qa_assets.core.tables import compute, read_columns, read_mapped, read_table
from qa_assets.preprocessing import image

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class LabelledSamples:
    """Decoded samples with their labels, sorted by id.

    Attributes:
        ids: Content digests.
        labels: Index into ``classes``, int64, shape (sample,).
        groups: Group of each sample, "" where none is known.
        pixels: uint8, shape (sample, height, width, channels).
        classes: Names of the classes.
        attributes: What else the dataset says of each, as ``core.attributes`` writes it; empty
            where it says nothing of any.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    groups: tuple[str, ...]
    pixels: NDArray[np.uint8]
    classes: tuple[str, ...]
    attributes: tuple[str, ...] = ()


def load_split(
    snapshot: DatasetSnapshot, splits: DatasetSplits, split: Split, spec: InputSpec
) -> LabelledSamples:
    """Decode every sample of ``split``, sorted by id."""
    return load_few(snapshot, splits, split, spec, None)


def load_few(
    snapshot: DatasetSnapshot,
    splits: DatasetSplits,
    split: Split,
    spec: InputSpec,
    most: int | None,
) -> LabelledSamples:
    """Decode at most so many samples of ``split``, evenly spaced by id, sorted by it."""
    chosen = read_table(splits, SAMPLES).query("split == @split").sort_values("id")
    if most is not None and len(chosen) > most:
        chosen = chosen.iloc[np.linspace(0, len(chosen) - 1, most).astype(int)]
    ids = tuple(chosen["id"])
    payloads = dict(read_payloads(snapshot, frozenset(ids)))
    pixels = np.empty((len(ids), *spec.shape), dtype=np.uint8)
    for row, sample in enumerate(ids):
        pixels[row] = image.decode(payloads[sample], spec)
    index = {name: i for i, name in enumerate(snapshot.classes)}
    labels = np.array([index[label] for label in chosen["label"]], dtype=np.int64)
    told = tuple(chosen["attributes"])
    attributes = told if any(told) else ()
    groups = tuple(chosen["group"])
    return LabelledSamples(ids, labels, groups, pixels, snapshot.classes, attributes)


def ids_of(splits: DatasetSplits, split: Split) -> tuple[str, ...]:
    """Ids of the samples of ``split``, sorted."""
    return tuple(sorted(read_table(splits, SAMPLES).query("split == @split")["id"]))


def labels_of(splits: DatasetSplits, split: Split) -> dict[str, tuple[str, str]]:
    """Label and group of each sample of ``split`` by id, sorted."""
    rows = read_table(splits, SAMPLES).query("split == @split").sort_values("id")
    pairs = zip(rows["label"], rows["group"], strict=True)
    return dict(zip(rows["id"], pairs, strict=True))


def read_payloads(
    snapshot: DatasetSnapshot,
    wanted: frozenset[str] | None = None,
    places: NDArray[np.integer] | None = None,
) -> "Iterator[tuple[str, bytes]]":
    """Id and raw bytes of each wanted sample (all of them by default), a few MiB in memory.

    They come in the order in which they were packed.

    Args:
        snapshot: Where they are.
        wanted: Their ids.
        places: Their rows of the sample table, instead of ids.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    there = places if wanted is None else _places(snapshot, wanted)
    rows = None if there is None else np.sort(packed_rows(snapshot)[there])
    before = 0
    for name in sorted(n for n in snapshot.files if n.startswith("payload-")):
        body = snapshot.files[name]
        source = pa.BufferReader(body) if isinstance(body, bytes) else body
        with pq.ParquetFile(source, memory_map=True) as shard:
            after = before + shard.metadata.num_rows
            here = np.arange(before, after) if rows is None else rows[
                np.searchsorted(rows, before) : np.searchsorted(rows, after)
            ]  # fmt: skip
            yield from _unpacked(shard, here - before)
            before = after


def packed_rows(snapshot: DatasetSnapshot) -> NDArray[np.integer]:
    """Row of each sample of the sample table among all payloads.

    A snapshot of another layout, such as one that was released long ago, is searched for its ids.
    """
    import pyarrow as pa

    if ROWS in snapshot.files:
        return read_mapped(snapshot.files[ROWS])["row"].to_numpy()
    names = sorted(n for n in snapshot.files if n.startswith("payload-"))
    packed = pa.concat_tables([read_columns(snapshot.files[n], ["id"]) for n in names])["id"]
    ids = read_columns(snapshot.files[SAMPLES], ["id"])["id"]
    return compute().index_in(ids, value_set=packed.combine_chunks()).to_numpy()


def _places(snapshot: DatasetSnapshot, wanted: frozenset[str]) -> NDArray[np.intp]:
    import pyarrow as pa

    ids = read_columns(snapshot.files[SAMPLES], ["id"])["id"]
    return np.flatnonzero(compute().is_in(ids, pa.array(sorted(wanted), pa.string())))


def _unpacked(shard: Any, rows: NDArray[np.integer]) -> "Iterator[tuple[str, bytes]]":
    """Some rows of one shard; groups of rows without one are not read."""
    if not len(rows):
        return
    groups = range(shard.num_row_groups)
    starts = np.cumsum([0, *(shard.metadata.row_group(n).num_rows for n in groups)])
    for number in np.unique(np.searchsorted(starts, rows, side="right") - 1).tolist():
        first, last = np.searchsorted(rows, starts[number : number + 2])
        group = shard.read_row_group(number, columns=["id", "payload"], use_threads=False)
        taken = group.take(rows[first:last] - starts[number])
        yield from zip(taken["id"].to_pylist(), taken["payload"].to_pylist(), strict=True)


def not_empty(**splits: LabelledSamples) -> None:
    """Nothing is fitted to, or measured on, no samples.

    Args:
        **splits: By the name of the split.

    Raises:
        InputRefused: ``SPLIT_EMPTY``: the first that is empty.
    """
    for name, samples in splits.items():
        if not samples.ids:
            raise InputRefused.of(
                "SPLIT_EMPTY", name, "holds no sample.", "Add data or change splits."
            )

"""Which samples of a snapshot look the same, continued from what was found in an earlier one."""

import inspect
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.digests import digest_json
from qa_assets.core.record import Record
from qa_assets.core.records.datasets import DatasetSnapshot
from qa_assets.core.records.quality import PAIRS, QUALITY, SampleQuality
from qa_assets.core.tables import compute, read_columns, spelt_digests
from qa_assets.datasets import buckets, jpeg_copies, near_duplicates, thumbs
from qa_assets.datasets.jpeg_copies import LARGEST, pairs_are_copies
from qa_assets.datasets.measured import added
from qa_assets.datasets.near_duplicates import Before, Confirm, Looks, Pairs, find
from qa_assets.datasets.shards import measured_by
from qa_assets.preprocessing.image import grey
from qa_assets.preprocessing.samples import read_payloads

_PAIRS = 1 << 14
"""Pairs whose pixels are compared at once."""
_ABOUT, _VERSION = b"compared", b"version"


def alike(
    snapshot: DatasetSnapshot, ids: Any, looks: Looks, earlier: Record | None = None
) -> Pairs:
    """Every pair of samples that may look the same, and whether it does.

    Args:
        snapshot: The samples.
        ids: Arrow column of their ids, as bytes, sorted.
        looks: What they are compared by, in that order.
        earlier: Judgement of an earlier snapshot: where this one holds all of its samples, only
            what is new is compared.
    """
    before = _before(earlier, snapshot, ids, looks) if isinstance(earlier, SampleQuality) else None
    return find(looks, _closer_look(snapshot, ids, looks.sizes), before)


def pairs_bytes(pairs: Pairs, looks: Looks, version: str) -> bytes:
    """The pairs as Parquet: first, second (rows of the sample table), tables, same.

    Args:
        pairs: They.
        looks: What was compared.
        version: Of the snapshot.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {
        "first": pa.array(pairs.first.astype(np.uint32)),
        "second": pa.array(pairs.second.astype(np.uint32)),
        "tables": pa.array(pairs.tables),
        "same": pa.array(pairs.same),
    }
    about = {_ABOUT: _compared_by(looks).encode(), _VERSION: version.encode()}
    table = pa.table(columns).replace_schema_metadata(about)
    out = pa.BufferOutputStream()
    pq.write_table(table, out, compression="zstd", use_dictionary=False)
    return out.getvalue().to_pybytes()


def _before(
    earlier: SampleQuality, snapshot: DatasetSnapshot, ids: Any, looks: Looks
) -> Before | None:
    """What an earlier judgement is worth: one by today's code, of samples that are all there."""
    if PAIRS not in earlier.files:
        return None
    table = read_columns(earlier.files[PAIRS])
    about: dict[bytes, bytes] = table.schema.metadata or {}
    if about.get(_ABOUT) != _compared_by(looks).encode():
        return None
    new = added(snapshot, about.get(_VERSION, b"").decode())
    new = _not_in(earlier, ids) if new is None else new
    if len(new) - new.sum() != earlier.samples:
        return None
    rows = np.flatnonzero(~new)  # both are sorted by id
    first, second = (rows[table[name].to_numpy()] for name in ("first", "second"))
    same = table["same"].to_numpy(zero_copy_only=False)
    return Before(Pairs(first, second, table["tables"].to_numpy().copy(), same), new)


def _not_in(earlier: SampleQuality, ids: Any) -> NDArray[np.bool_]:
    was = read_columns(earlier.files[QUALITY], ["id"])["id"].combine_chunks()
    return ~compute().is_in(spelt_digests(ids), was).to_numpy(zero_copy_only=False)


def _compared_by(looks: Looks) -> str:
    return digest_json([_code(), looks.tables])


@cache
def _code() -> str:
    """Identity of the code that decides which samples look the same."""
    modules = (buckets, jpeg_copies, near_duplicates, thumbs)
    return digest_json([measured_by(), np.__version__, *map(inspect.getsource, modules)])


def _closer_look(snapshot: DatasetSnapshot, ids: Any, sizes: NDArray[Any]) -> Confirm:
    """Pairs of small pictures of one size are compared pixel by pixel, a few thousand at a time."""

    def confirm(first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
        found = np.ones(len(first), np.bool_)
        same = (sizes[first] == sizes[second]).all(axis=1)
        unsure = np.flatnonzero(same & (sizes[first].min(axis=1) <= LARGEST))
        for at in range(0, len(unsure), _PAIRS):
            rows = unsure[at : at + _PAIRS]
            places = np.unique(np.concatenate([first[rows], second[rows]]))
            pixels = _pixels(snapshot, ids, places)
            found[rows] = pairs_are_copies(pixels, first[rows], second[rows])
        return found

    return confirm


def _pixels(
    snapshot: DatasetSnapshot, ids: Any, places: NDArray[np.intp]
) -> dict[int, NDArray[np.uint8]]:
    """Grey values of some samples by their place in the sample table."""
    named = (sample.hex() for sample in ids.take(places).to_pylist())
    wanted = dict(zip(named, places.tolist(), strict=True))
    bodies = read_payloads(snapshot, places=places)
    return {wanted[sample]: grey(body) for sample, body in bodies}

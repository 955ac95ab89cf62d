"""The measures of a snapshot judged: what looks the same, what is unlike its class."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.pictures import histogram
from qa_assets.core.record import Earlier, Record
from qa_assets.core.records.datasets import PARTS, SAMPLES, DatasetSnapshot
from qa_assets.core.records.quality import (
    ODDEST,
    PAIRS,
    QUALITY,
    AlikeGroup,
    OddSample,
    SampleQuality,
)
from qa_assets.core.tables import read_columns
from qa_assets.datasets.alike import alike, pairs_bytes
from qa_assets.datasets.class_table import sorted_by
from qa_assets.datasets.contact_sheet import sheet_of
from qa_assets.datasets.keys import one_array
from qa_assets.datasets.look_groups import groups
from qa_assets.datasets.measured import measured
from qa_assets.datasets.merge import coded
from qa_assets.datasets.near_duplicates import Looks, tables_of

PLAIN_ENTROPY, PLAIN_CONTRAST = 0.5, 0.01
"""Below either (bits; share of the range) a picture has too little to see to be compared."""
NAMED_GROUPS, NAMED_IN_GROUP, NAMED_ODD = 200, 20, 50
ODD_FROM = 6.0
"""Robust standard deviations from the median of its class beyond which a sample is odd."""
SIZES = ("width", "height")
_MAD = 1.4826
_WORDS, _NAMED = ("label", "part"), ("id", "name", "label")
_SLICE = 1 << 16
"""Rows that are written at once."""
Columns = Mapping[str, Any]
"""Arrow arrays of the sample table by name."""
_SHOWN = ("brightness", "contrast", "sharpness", "entropy")


def quality(snapshot: DatasetSnapshot, earlier: Earlier | None = None) -> SampleQuality:
    """Judge what was measured when the snapshot was taken; opens no picture but those it shows.

    Args:
        snapshot: The samples.
        earlier: Earlier judgements; pairs of samples that one of them compared are not compared
            again. The outcome is the same without.
    """
    samples = _samples(snapshot)
    sides = {name: samples[name].to_numpy() for name in SIZES}
    sizes = np.stack([*sides.values()], axis=1)
    look = measured(snapshot, tables_of(sizes))
    numbers: dict[str, NDArray[Any]] = {**look.numbers, **sides}
    plain = (numbers["entropy"] < PLAIN_ENTROPY) | (numbers["contrast"] < PLAIN_CONTRAST)
    looks = Looks(look.hashes, look.thumbs, look.buckets, plain, sizes)
    before = earlier("") if earlier else None
    pairs = alike(snapshot, samples["id"], looks, before)
    group = groups(pairs, len(plain))
    codes = samples["label"].indices.to_numpy(zero_copy_only=False)
    distance, which, typical = _oddness(numbers, codes)
    farthest = _farthest(distance)
    odd = _oddest(samples, numbers, distance, which, typical, farthest)
    counts = np.bincount(group[group >= 0]) if (group >= 0).any() else np.zeros(0, np.int64)
    mixed = _mixed(group, codes, len(counts))
    judged: dict[str, Any] = {
        "noticed": (look.noticed, look.codes),
        **numbers,
        "group": group,
        "oddness": distance.astype(np.float32),
        "odd_measure": (which, tuple(numbers)),
    }
    pictures = {f"{n}.svg": histogram(numbers[n], n) for n in _SHOWN}
    return SampleQuality(
        samples=len(group),
        means={n: float(np.mean(v, dtype=np.float64)) for n, v in numbers.items()},
        groups=_named_groups(samples, group, counts, mixed),
        group_count=len(counts),
        disagree=int(mixed.sum()),
        alike=int((group >= 0).sum()),
        blank=int((numbers["contrast"] == 0).sum()),
        oddest=odd,
        files={
            QUALITY: _written(samples, judged),
            PAIRS: pairs_bytes(pairs, looks, snapshot.version),
            **pictures,
            **_sheet(snapshot, odd, before, farthest),
        },
    )


def _sheet(
    snapshot: DatasetSnapshot,
    odd: Sequence[OddSample],
    before: Record | None,
    rows: NDArray[np.intp],
) -> Mapping[str, bytes]:
    shown = [(o.id, o.label) for o in odd]
    places = dict(zip((o.id for o in odd), rows.tolist(), strict=True))
    return {ODDEST: sheet_of(snapshot, shown, before, ODDEST, places)} if odd else {}


def _samples(snapshot: DatasetSnapshot) -> Columns:
    """The columns of the sample table that are judged or named, each as one array."""
    wanted: dict[str, Any] = {}
    for name, columns in ((SAMPLES, ["id", "name", "label", *SIZES]), (PARTS, ["part"])):
        words = [n for n in columns if n in _WORDS]
        found = read_columns(snapshot.files[name], columns, words=words, spelt=False)
        wanted |= {n: coded(found[n]) if n in words else one_array(found[n]) for n in columns}
    return wanted


def _written(samples: Columns, judged: Mapping[str, Any]) -> bytes:
    """The table of all samples as Parquet, written piece by piece; words are text to any reader."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {"id": samples["id"], **{n: samples[n] for n in _WORDS}}
    for name, values in judged.items():
        codes, words = values if isinstance(values, tuple) else (values, None)
        columns[name] = pa.array(codes)
        if words is not None:
            columns[name] = coded(pa.DictionaryArray.from_arrays(codes, pa.array(words)))
    table = pa.table(columns)
    options: Mapping[str, Any] = {
        "compression": {"id": "none", **dict.fromkeys((*_WORDS, *judged), "lz4")},
        "use_dictionary": [*_WORDS, "noticed", "group", "odd_measure"],
        "write_statistics": False,
        "store_schema": False,
    }
    out = io.BytesIO()
    with pq.ParquetWriter(out, table.schema, **options) as file:
        for start in range(0, len(table), _SLICE):
            file.write_table(table.slice(start, _SLICE))
    return out.getvalue()


def _oddness(
    numbers: Mapping[str, NDArray[Any]], codes: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.float64]]:
    """Largest robust distance of each sample from its class, in which measure, and the median."""
    by_class, starts = sorted_by(codes)
    ends = [*starts[1:].tolist(), len(codes)]
    distance, which = np.zeros(len(codes)), np.zeros(len(codes), np.int32)
    middles = np.zeros((len(numbers), len(starts)))
    for place, values in enumerate(numbers.values()):
        least = float(np.std(values)) / 2
        if not least:
            continue
        ordered = values[by_class]
        away = np.empty(len(ordered), np.result_type(ordered.dtype, np.float32))
        for number, (start, end) in enumerate(zip(starts.tolist(), ends, strict=True)):
            some = ordered[start:end]
            middle = middles[place, number] = _median(some)
            off = np.abs(some - middle)
            # where most of a class is alike, the spread of the whole set says what is far
            away[start:end] = off / max(_MAD * _median(off), least)
        farther = away > distance
        np.copyto(distance, away, where=farther)
        np.copyto(which, place, where=farther)
    typical = middles[which, np.repeat(np.arange(len(starts)), np.diff([*starts, len(codes)]))]
    back = np.empty_like(by_class)
    back[by_class] = np.arange(len(back))
    return distance[back], which[back], np.where(distance > 0, typical, 0)[back]


def _median(values: NDArray[Any]) -> float:
    """As NumPy's, whose search is slow where many values are the same."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _farthest(distance: NDArray[np.float64]) -> NDArray[np.intp]:
    odd = np.flatnonzero(distance > ODD_FROM)
    return odd[np.argsort(-distance[odd], kind="stable")][:NAMED_ODD]


def _oddest(
    samples: Columns,
    numbers: Mapping[str, NDArray[Any]],
    distance: NDArray[np.float64],
    which: NDArray[np.int32],
    typical: NDArray[np.float64],
    rows: NDArray[np.intp],
) -> tuple[OddSample, ...]:
    names = [*numbers]
    return tuple(
        OddSample(
            id=samples["id"][i].as_py().hex(),
            name=samples["name"][i].as_py(),
            label=samples["label"][i].as_py(),
            measure=names[which[i]],
            value=float(numbers[names[which[i]]][i]),
            typical=float(typical[i]),
            distance=float(distance[i]),
        )
        for i in rows.tolist()
    )


def _mixed(group: NDArray[np.int64], codes: NDArray[Any], count: int) -> NDArray[np.bool_]:
    """Which groups have more than one label."""
    alike_rows = group >= 0
    least, most = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(least, group[alike_rows], codes[alike_rows])
    np.maximum.at(most, group[alike_rows], codes[alike_rows])
    return least != most


def _named_groups(
    samples: Columns,
    group: NDArray[np.int64],
    counts: NDArray[np.int64],
    mixed: NDArray[np.bool_],
) -> tuple[AlikeGroup, ...]:
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(counts)))
    found: list[AlikeGroup] = []
    for number in np.lexsort((-counts, ~mixed))[:NAMED_GROUPS].tolist():
        rows = order[starts[number] : starts[number] + counts[number]]
        # every label is named, whatever is cut off
        named = {n: samples[n].take(rows[:NAMED_IN_GROUP]).to_pylist() for n in _NAMED}
        ids = tuple(sample.hex() for sample in named["id"])
        labels = set(samples["label"].take(rows).to_pylist()) - set(named["label"])
        found.append(AlikeGroup(ids, tuple(named["name"]), (*named["label"], *sorted(labels))))
    return tuple(found)

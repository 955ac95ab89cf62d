"""The measures of a snapshot judged: what looks the same, what is unlike its class."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.pictures import histogram
from qa_assets.core.records.datasets import MEASURED, SAMPLES, DatasetSnapshot
from qa_assets.core.records.quality import ODDEST, QUALITY, AlikeGroup, OddSample, SampleQuality
from qa_assets.datasets import near_duplicates
from qa_assets.datasets.contact_sheet import sheet_of
from qa_assets.datasets.measures import HASHES, MEASURES, THUMB

if TYPE_CHECKING:
    import pyarrow as pa

PLAIN_ENTROPY, PLAIN_CONTRAST = 0.5, 0.01
"""Below either (bits; share of the range) a picture has too little to see to be compared."""
NAMED_GROUPS, NAMED_IN_GROUP, NAMED_ODD = 200, 20, 50
ODD_FROM = 6.0
"""Robust standard deviations from the median of its class beyond which a sample is odd."""
SIZES = ("width", "height")
_MAD = 1.4826
_SHOWN = ("brightness", "contrast", "sharpness", "entropy")


def quality(snapshot: DatasetSnapshot) -> SampleQuality:
    """Judge what was measured when the snapshot was taken; opens no picture but those it shows."""
    import pyarrow as pa

    measured = _read(snapshot, MEASURED)
    samples = _read(snapshot, SAMPLES)
    numbers = {name: measured[name].to_numpy() for name in MEASURES}
    numbers |= {name: samples[name].to_numpy() for name in SIZES}
    group = _groups(measured, numbers)
    labels = samples["label"].combine_chunks().dictionary_encode()
    codes = labels.indices.to_numpy(zero_copy_only=False)
    distance, which, typical = _oddness(numbers, codes)
    columns: dict[str, Any] = {
        "id": samples["id"],
        "label": samples["label"],
        "part": measured["part"],
        "noticed": measured["noticed"],
        **numbers,
        "group": group,
        "oddness": distance.astype(np.float32),
        "odd_measure": pa.DictionaryArray.from_arrays(which, [*numbers]).cast(pa.string()),
    }
    odd = _oddest(samples, numbers, distance, which, typical)
    counts = np.bincount(group[group >= 0]) if (group >= 0).any() else np.zeros(0, np.int64)
    pictures = {f"{n}.svg": histogram(numbers[n], n) for n in _SHOWN}
    return SampleQuality(
        samples=len(samples),
        means={n: float(np.mean(v, dtype=np.float64)) for n, v in numbers.items()},
        groups=_named_groups(samples, group, counts),
        group_count=len(counts),
        alike=int((group >= 0).sum()),
        blank=int((numbers["contrast"] == 0).sum()),
        oddest=odd,
        files={
            QUALITY: _parquet(pa.table(columns)),
            **pictures,
            **({ODDEST: sheet_of(snapshot, [(o.id, o.label) for o in odd])} if odd else {}),
        },
    )


def _read(snapshot: DatasetSnapshot, name: str) -> "pa.Table":
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(snapshot.read(name)))


def _parquet(table: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def _groups(measured: "pa.Table", numbers: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    hashes = np.stack([measured[name].to_numpy() for name in HASHES], axis=1)
    thumbs = _thumbs(measured)
    plain = (numbers["entropy"] < PLAIN_ENTROPY) | (numbers["contrast"] < PLAIN_CONTRAST)
    return near_duplicates.groups(hashes, thumbs, plain)


def thumbnails(snapshot: DatasetSnapshot) -> NDArray[np.uint8]:
    """Mean grey of the blocks of each sample, in the order of the sample table."""
    return _thumbs(_read(snapshot, MEASURED))


def _thumbs(measured: "pa.Table") -> NDArray[np.uint8]:
    packed = measured[THUMB].combine_chunks()
    width = packed.type.byte_width
    buffer = np.frombuffer(packed.buffers()[1], np.uint8)
    start = packed.offset * width
    return buffer[start : start + len(packed) * width].reshape(len(packed), width)


def _oddness(
    numbers: Mapping[str, NDArray[Any]], codes: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.float64]]:
    """Largest robust distance of each sample from its class, in which measure, and the median."""
    distance = np.zeros(len(codes))
    which = np.zeros(len(codes), np.int32)
    typical = np.zeros(len(codes))
    for place, values in enumerate(numbers.values()):
        least = float(np.std(values)) / 2
        if not least:
            continue
        for code in range(int(codes.max(initial=-1)) + 1):
            rows = np.flatnonzero(codes == code)
            middle, spread = _spread(values[rows])
            # where most of a class is alike, the spread of the whole set says what is far
            away = np.abs(values[rows] - middle) / max(spread, least)
            farther = away > distance[rows]
            chosen = rows[farther]
            distance[chosen], which[chosen] = away[farther], place
            typical[chosen] = middle
    return distance, which, typical


def _spread(values: NDArray[Any]) -> tuple[float, float]:
    middle = float(np.median(values))
    return middle, _MAD * float(np.median(np.abs(values - middle)))


def _oddest(
    samples: "pa.Table",
    numbers: Mapping[str, NDArray[Any]],
    distance: NDArray[np.float64],
    which: NDArray[np.int32],
    typical: NDArray[np.float64],
) -> tuple[OddSample, ...]:
    names = [*numbers]
    order = np.argsort(-distance, kind="stable")[:NAMED_ODD]
    return tuple(
        OddSample(
            id=samples["id"][i].as_py(),
            name=samples["name"][i].as_py(),
            label=samples["label"][i].as_py(),
            measure=names[which[i]],
            value=float(numbers[names[which[i]]][i]),
            typical=float(typical[i]),
            distance=float(distance[i]),
        )
        for i in order.tolist()
        if distance[i] > ODD_FROM
    )


def _named_groups(
    samples: "pa.Table", group: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[AlikeGroup, ...]:
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(counts)))
    found: list[AlikeGroup] = []
    for number in np.argsort(-counts, kind="stable")[:NAMED_GROUPS].tolist():
        rows = order[starts[number] : starts[number] + counts[number]]
        # every label is named, whatever is cut off
        named = samples.take(rows[:NAMED_IN_GROUP])
        labels = set(samples["label"].take(rows).to_pylist()) - set(named["label"].to_pylist())
        found.append(
            AlikeGroup(
                tuple(named["id"].to_pylist()),
                tuple(named["name"].to_pylist()),
                (*named["label"].to_pylist(), *sorted(labels)),
            )
        )
    return tuple(found)

"""Numbers that describe a snapshot, by class and as a whole, and how they came to be."""

import inspect
import json
from collections.abc import Mapping
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
    SKETCHES,
    STATISTICS,
    DatasetSnapshot,
    DatasetStatistics,
    VersionNumbers,
)
from qa_assets.core.records.quality import QUALITY, SampleQuality
from qa_assets.core.tables import read_table, table_bytes
from qa_assets.datasets import sketches
from qa_assets.datasets.measured import thumbnails
from qa_assets.datasets.measures import MEASURES
from qa_assets.datasets.shards import measured_by
from qa_assets.datasets.sketches import Sketch, as_json, from_json, of_numbers, of_words

if TYPE_CHECKING:
    import pandas as pd

LABEL = "label"
COLUMNS = (*MEASURES, "width", "height", "bytes")
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
    by_class = _summarise(samples)
    counts = {str(c): int(n) for c, n in zip(by_class["label"], by_class["samples"], strict=True)}
    brightness = samples["brightness"].to_numpy(np.float64)
    before = _before(snapshot.version, earlier)
    files: dict[str, bytes] = {
        STATISTICS: table_bytes(by_class),
        CLASS_BARS: bars(list(counts), list(counts.values())),
        SKETCHES: _written(sketch(samples)),
        LOOKS: table_bytes(_looks(snapshot)),
    }
    if before is not None and before.measured_by == _code():
        files |= _kept(before, same=before.version == snapshot.version)
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
    words = [LABEL, "group", ATTRIBUTES]
    columns = [*words, "width", "height", "bytes"]
    samples: Any = read_table(snapshot, SAMPLES, columns, words=words)
    for name in words:
        ordered = sorted(samples[name].cat.categories)
        samples[name] = samples[name].cat.reorder_categories(ordered)
    measured = read_table(quality, QUALITY, MEASURES)
    for name in MEASURES:
        samples[name] = measured[name]
    return samples


def _looks(snapshot: DatasetSnapshot) -> "pd.DataFrame":
    """Thumbnails of the samples with the smallest digests, so any."""
    import pandas as pd

    thumbs = thumbnails(snapshot, MOST_LOOKS)
    ids = read_table(snapshot, SAMPLES, ["id"])["id"][:MOST_LOOKS]
    return pd.DataFrame({"id": ids, "thumb": [row.tobytes() for row in thumbs]})


def _kept(before: DatasetStatistics, *, same: bool) -> dict[str, bytes]:
    """What the statistics before say of the version before this one."""
    pairs = ((PREVIOUS, SKETCHES), (PREVIOUS_LOOKS, LOOKS))
    past = {name: name if same else file for name, file in pairs}
    return {name: before.read(file) for name, file in past.items() if file in before.files}


def sketch(samples: "pd.DataFrame") -> dict[str, Sketch]:
    """One sketch a column of the whole table, and one an attribute that the dataset gives."""
    found: dict[str, Sketch] = {
        n: of_numbers(samples[n].to_numpy()) for n in COLUMNS if n in samples
    }
    return {**_attributes(samples), LABEL: of_words(_words(samples[LABEL])), **found}


def _attributes(samples: "pd.DataFrame") -> dict[str, Sketch]:
    cells = list(samples[ATTRIBUTES]) if ATTRIBUTES in samples else []
    found: dict[str, Sketch] = {}
    for name, values in attribute_columns(cells).items():
        numbers = numbers_of(values)
        called = f"attribute {name}" if name in (LABEL, *COLUMNS) else name
        words = [value or None for value in values]
        found[called] = of_words(words) if numbers is None else of_numbers(numbers)
    return found


def _words(column: Any) -> list[str | None]:
    """The words of a column, whether each stands there once or in every row."""
    coded = column.astype("category").cat
    return np.asarray(coded.categories, object)[coded.codes.to_numpy()].tolist()


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


def _summarise(samples: "pd.DataFrame") -> "pd.DataFrame":
    """One row a class, sorted by label."""
    by_class = samples.groupby("label", sort=True, observed=True).agg(
        samples=("bytes", "size"),
        brightness_mean=("brightness", "mean"),
        brightness_std=("brightness", lambda values: float(np.std(values))),
        contrast_mean=("contrast", "mean"),
        width_min=("width", "min"),
        width_max=("width", "max"),
        height_min=("height", "min"),
        height_max=("height", "max"),
        bytes_mean=("bytes", "mean"),
    )
    by_class.insert(1, "share", by_class["samples"] / len(samples))
    return by_class.reset_index().astype({"label": "str"})

"""The comparisons of a pipeline's data: with the version before, with the release, test with train.

What the samples look like is compared through the released model where there is one, for it is what
has to cope with them; otherwise through their thumbnails.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.attributes import ATTRIBUTES
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.comparison import FirstRelease
from qa_assets.core.records.datasets import (
    LOOKS,
    PREVIOUS,
    PREVIOUS_LOOKS,
    SAMPLES,
    SKETCHES,
    DatasetSnapshot,
    DatasetSplits,
    DatasetStatistics,
)
from qa_assets.core.records.quality import QUALITY, Between, DriftReport, SampleQuality, Shift
from qa_assets.core.store import short
from qa_assets.core.tables import read_table
from qa_assets.datasets.drift import CONFIDENCE, drift
from qa_assets.datasets.measured import thumbnails
from qa_assets.datasets.released import ReleasedData
from qa_assets.datasets.sketches import Sketch
from qa_assets.datasets.statistics import read_sketches, sketch
from qa_assets.datasets.told_apart import MOST, told_apart
from qa_assets.preprocessing.samples import read_payloads

CONTENT = "look of the samples"
SEEN = "samples as the released model sees them"
_TOP = 255
Shifts = tuple[Shift, ...]


def drift_report(
    snapshot: DatasetSnapshot,
    statistics: DatasetStatistics,
    quality: SampleQuality,
    splits: DatasetSplits,
    *,
    released: ReleasedData | None = None,
    first_release: FirstRelease = "undecided",
) -> DriftReport:
    """Every comparison that can be made; what there is nothing to compare with is left out.

    Args:
        snapshot: The samples now.
        statistics: Their sketches, and those of the version before.
        quality: Their measures.
        splits: Their sides.
        released: What the released model was made from.
        first_release: What the pipeline declares for the time before any release.
    """
    released = released or ReleasedData()
    shifts: dict[Between, Shifts] = {"splits": _splits(snapshot, quality, splits)}
    references: dict[Between, str] = {"splits": "the train split"}
    now = read_sketches(statistics, SKETCHES)
    before = read_sketches(statistics, PREVIOUS)
    if before:
        shifts["versions"] = _ordered(drift(before, now), _looks(statistics))
        references["versions"] = f"version {_version_before(statistics)}"
    unreadable = released.unreadable
    if released.statistics and released.snapshot:
        try:
            shifts["released"] = _since_release(released, snapshot, now)
            references["released"] = released.name
        except InputRefused as error:
            unreadable = str(error)
    return DriftReport(
        confidence=CONFIDENCE,
        shifts=shifts,
        references=references,
        unreadable=f"{released.name}: {unreadable}" if unreadable else "",
        first_release=first_release,
    )


def _splits(snapshot: DatasetSnapshot, quality: SampleQuality, splits: DatasetSplits) -> Shifts:
    measured: Any = read_table(quality, QUALITY).set_index("id")
    told = read_table(snapshot, SAMPLES).set_index("id").get(ATTRIBUTES)
    if told is not None:
        measured[ATTRIBUTES] = told.reindex(measured.index)
    sides = read_table(splits, SAMPLES).set_index("id")["split"]
    side = sides.reindex(measured.index).to_numpy()
    train, test = (sketch(measured[side == name]) for name in ("train", "test"))
    looks = thumbnails(snapshot) / np.float32(_TOP)
    content = told_apart(looks[side == "train"], looks[side == "test"], column=CONTENT)
    return _ordered(drift(train, test), content)


def _since_release(
    released: ReleasedData, snapshot: DatasetSnapshot, now: Mapping[str, Sketch]
) -> Shifts:
    from qa_assets.datasets.embedding import embedding

    assert released.statistics
    assert released.snapshot
    cut = embedding(released.model)
    sets = [_some(released.snapshot), _some(snapshot)]
    known: dict[str, NDArray[np.float32]] = {}
    for bodies in sets:
        new = {i: body for i, body in bodies.items() if i not in known}
        known |= dict(zip(new, cut.of(new.values()), strict=True)) if new else {}
    ids = ([*sets[0]], [*sets[1]])
    then, today = (np.stack([known[i] for i in some]) for some in ids)
    content = told_apart(then, today, column=SEEN, ids=ids)
    return _ordered(drift(read_sketches(released.statistics, SKETCHES), now), content)


def _some(snapshot: DatasetSnapshot) -> dict[str, bytes]:
    """Payloads of the samples with the smallest digests, so any, by id."""
    ids = sorted(read_table(snapshot, SAMPLES)["id"])[:MOST]
    return dict(sorted(read_payloads(snapshot, frozenset(ids))))


def _looks(statistics: DatasetStatistics) -> Shift | None:
    """The thumbnails of the version before beside those of this one."""
    if not {LOOKS, PREVIOUS_LOOKS} <= statistics.files.keys():
        return None
    tables = [read_table(statistics, name) for name in (PREVIOUS_LOOKS, LOOKS)]
    then, today = (np.stack([np.frombuffer(b, np.uint8) for b in t["thumb"]]) for t in tables)
    ids = (list(tables[0]["id"]), list(tables[1]["id"]))
    return told_apart(then / _TOP, today / _TOP, column=CONTENT, ids=ids)


def _ordered(columns: Shifts, content: Shift | None) -> Shifts:
    return (content, *columns) if content else columns


def _version_before(statistics: DatasetStatistics) -> str:
    return short(statistics.history[-1].version) if statistics.history else "before"

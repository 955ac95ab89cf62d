"""What an earlier installation stored is read, or taken anew; nobody has to remove a store."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qa_assets.core.records.datasets import (
    LOOKS,
    SAMPLES,
    SKETCHES,
    DatasetSnapshot,
    DatasetStatistics,
)
from qa_assets.core.records.quality import PAIRS, QUALITY, SampleQuality
from qa_assets.core.tables import columns_bytes, read_columns, read_table, table_bytes
from qa_assets.datasets import alike
from qa_assets.datasets.drift_report import drift_report
from qa_assets.datasets.quality import quality
from qa_assets.datasets.settings import DatasetSettings, SplitSettings
from qa_assets.datasets.snapshot import snapshot
from qa_assets.datasets.splits import split
from qa_assets.datasets.statistics import statistics
from qa_assets.preprocessing.samples import read_payloads
from qa_assets_tests.datasets.samples import pets, picture, write

Made = tuple[DatasetSnapshot, SampleQuality, DatasetStatistics]


def made(root: Path, before: Made | None = None, scratch: str = "scratch") -> Made:
    (root / scratch).mkdir(exist_ok=True)
    one, two, three = before or (None, None, None)
    settings = DatasetSettings(path="data")
    taken = snapshot(settings, "s", root, root / scratch, (lambda _: one) if one else None)
    judged = quality(taken, (lambda _: two) if two else None)
    return taken, judged, statistics(taken, judged, (lambda _: three) if three else None)


def as_before(now: Made) -> Made:
    """As they were stored: ids as text, nothing as Arrow has it in memory."""
    taken, judged, told = now
    kept = {n: body for n, body in taken.files.items() if not n.endswith(".arrow")}
    samples = table_bytes(read_table(taken, SAMPLES))
    looks = {n: c.to_pylist() for n, c in _columns(told.read(LOOKS)).items()}
    return (
        replace(taken, files={**kept, SAMPLES: samples}),
        replace(judged, files={**judged.files, QUALITY: table_bytes(read_table(judged, QUALITY))}),
        replace(told, files={**told.files, LOOKS: columns_bytes(looks)}),
    )


def _columns(body: bytes) -> dict[str, object]:
    table = read_columns(body)
    return {name: table[name] for name in table.column_names}


@pytest.mark.parametrize("known", [True, False])
def test_a_set_that_grew_since_is_as_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    before = as_before(made(pets(tmp_path, 30)))
    write(tmp_path, {f"data/cat/new_{n}.png": picture(700 + n) for n in range(5)})
    if not known:  # which samples are new is then found by their ids
        monkeypatch.setattr(alike, "added", lambda *_: None)
    taken, judged, told = made(tmp_path, before)
    anew = made(tmp_path, scratch="other")
    assert taken == anew[0]
    assert (judged.read(PAIRS), judged.read(QUALITY)) == tuple(map(anew[1].read, (PAIRS, QUALITY)))
    assert (told.read(SKETCHES), told.read(LOOKS)) == tuple(map(anew[2].read, (SKETCHES, LOOKS)))
    assert told.history
    split_ = split(taken, SplitSettings(test=0.3, validation=0.2))
    assert "versions" in drift_report(taken, told, judged, split_).shifts


def test_payloads_are_found_in_a_snapshot_of_before(tmp_path: Path) -> None:
    now = made(pets(tmp_path, 9))
    old = as_before(now)[0]
    whole = dict(read_payloads(now[0]))
    assert dict(read_payloads(old)) == whole
    some = frozenset(sorted(whole)[::4])
    assert dict(read_payloads(old, some)) == {i: whole[i] for i in some}
    places = np.array([3, 0, 11])
    ids = read_table(old, SAMPLES)["id"]
    assert dict(read_payloads(old, places=places)) == {ids[n]: whole[ids[n]] for n in places}

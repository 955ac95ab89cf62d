"""Drift since the release: planted shifts are seen, halves of one set are not, however often."""

import io
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from PIL import Image

from qa_assets.checks.drift import data_like_released, versions_alike
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.records.quality import DriftReport
from qa_assets.core.tables import read_table
from qa_assets.datasets.drift_report import CONTENT, SEEN, drift_report
from qa_assets.datasets.embedding import Embedding, embedding
from qa_assets.datasets.quality import quality
from qa_assets.datasets.released import ReleasedData
from qa_assets.datasets.settings import SplitSettings
from qa_assets.datasets.splits import split
from qa_assets.datasets.statistics import statistics
from qa_assets.datasets.told_apart import told_apart
from qa_assets.preprocessing.samples import read_payloads
from qa_assets_tests.datasets.samples import digits, saved, take, write
from qa_assets_tests.datasets.trained import released_model

Change = Callable[[Image.Image], Image.Image]


def altered(body: bytes, change: Change) -> bytes:
    with Image.open(io.BytesIO(body)) as stored:
        return saved(change(stored), "PNG")


def folder_of(ids: list[str], change: Change | None = None, share: float = 1.0) -> DatasetSnapshot:
    """Some of the digits as a dataset of their own, the first share of them changed."""
    root, whole = Path(mkdtemp(prefix="qa-drift-")), digits()[0]
    labels = read_table(whole, SAMPLES).set_index("id")["label"]
    files: dict[str, bytes] = {}
    for place, (sample, body) in enumerate(read_payloads(whole, frozenset(ids))):
        named = f"data/{labels[sample]}/{sample[:16]}.png"
        chosen = place < share * len(ids)
        files[named] = altered(body, change) if change and chosen else body
    return take(write(root, files))


@pytest.fixture(scope="module")
def halves() -> tuple[list[str], list[str]]:
    ids = list(read_table(digits()[0], SAMPLES)["id"])
    order = np.random.default_rng(0).permutation(len(ids))
    return [ids[i] for i in order[: len(ids) // 2]], [ids[i] for i in order[len(ids) // 2 :]]


@pytest.fixture(scope="module")
def released(halves: tuple[list[str], list[str]]) -> ReleasedData:
    taken = folder_of(halves[0])
    numbers = statistics(taken, quality(taken))
    model = released_model(digits()[0], halves[0])
    return ReleasedData("release r1 on data version v1", numbers, taken, model)


def compared(taken: DatasetSnapshot, released: ReleasedData) -> DriftReport:
    measured = quality(taken)
    return drift_report(
        taken, statistics(taken, measured), measured, split(taken, SplitSettings()),
        released=released,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "share"),
    [
        (lambda p: p.point(lambda v: int(v * 0.6)), 0.5),
        (lambda p: p.rotate(25, Image.Resampling.BILINEAR), 1.0),
        (lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 1.0),
        (lambda p: p.resize((4, 4), Image.Resampling.BOX).resize((8, 8)), 0.7),
    ],
    ids=["dimmer", "turned", "mirrored", "coarse"],
)
def test_a_planted_shift_is_seen(
    halves: tuple[list[str], list[str]], released: ReleasedData, change: Change, share: float
) -> None:
    report = compared(folder_of(halves[1], change, share), released)
    found = data_like_released(report)
    assert (found.outcome, found.cause) == ("fail", "data.drifted_from_release")
    assert report.references["released"] in found.summary
    content = next(s for s in report.shifts["released"] if s.column == SEEN)
    assert content.low > 0.1  # what columns cannot see: a mirrored digit is as bright as before


@pytest.mark.slow
def test_the_other_half_and_a_grown_set_are_like_the_release(
    halves: tuple[list[str], list[str]], released: ReleasedData
) -> None:
    for ids in (halves[1], halves[0] + halves[1][:90]):
        found = data_like_released(compared(folder_of(ids), released))
        assert found.outcome == "pass", found.summary
        assert "release r1 on data version v1" in found.summary


@pytest.fixture(scope="module")
def seen(released: ReleasedData) -> Embedding:
    return embedding(released.model)


@pytest.mark.slow
def test_no_halves_of_twenty_seeds_alarm(seen: Embedding) -> None:
    features = seen.of(body for _, body in sorted(read_payloads(digits()[0])))
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(features))
        half = len(order) // 2
        found = told_apart(features[order[:half]], features[order[half:]], column=SEEN)
        assert found is not None
        assert found.low < 0.05


def test_samples_in_both_sets_do_not_hide_a_shift() -> None:
    """A copy on both sides must not teach the model to call its twin the other set."""
    random = np.random.default_rng(5)
    shared = random.normal(size=(300, 8))
    then = np.concatenate([shared, random.normal(size=(100, 8))])
    now = np.concatenate([shared, random.normal(2.0, 1, (100, 8))])
    ids = [f"s{i}" for i in range(300)]
    both = ([*ids, *(f"a{i}" for i in range(100))], [*ids, *(f"b{i}" for i in range(100))])
    naive = told_apart(then, now, column="x")
    found = told_apart(then, now, column="x", ids=both)
    assert naive is not None
    assert found is not None
    assert naive.effect < found.effect  # the twins pulled the naive one down
    assert found.low > 0.1
    same = told_apart(then, then, column="x", ids=(both[0], both[0]))
    assert same is not None
    assert same.effect == pytest.approx(0.0, abs=1e-9)


def test_the_look_of_the_version_before_is_compared(
    halves: tuple[list[str], list[str]],
) -> None:
    old = folder_of(halves[0][:300])
    before = statistics(old, quality(old))
    new = folder_of(halves[1][:300], lambda p: p.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
    measured = quality(new)
    now = statistics(new, measured, lambda _: before)
    report = drift_report(new, now, measured, split(new, SplitSettings()))
    content = next(s for s in report.shifts["versions"] if s.column == CONTENT)
    assert content.low > 0.1
    assert versions_alike(report).cause == "data.drifted"
    assert report.references["versions"] == f"version {before.version[:12]}"


def test_without_a_release_only_the_declaration_decides() -> None:
    nothing = DriftReport(confidence=0.99)
    assert data_like_released(nothing).outcome == "cannot tell"
    declared = DriftReport(confidence=0.99, first_release="absolute")
    assert data_like_released(declared).outcome == "pass"
    lost = DriftReport(confidence=0.99, first_release="absolute", unreadable="it is gone")
    assert data_like_released(lost).outcome == "cannot tell"

"""Drift against scipy, and the controls that must and must not alarm."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from qa_assets.checks.drift import splits_alike, versions_alike
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.quality import DriftReport
from qa_assets.datasets.drift import drift, uncompared
from qa_assets.datasets.drift_report import CONTENT, drift_report
from qa_assets.datasets.quality import quality
from qa_assets.datasets.sketches import of_numbers, of_words
from qa_assets.datasets.tables import sketch_batch, sketch_file, unsketched
from qa_assets.datasets.told_apart import area, told_apart
from qa_assets_tests.datasets.samples import digits


def test_the_effect_is_the_distance_of_kolmogorov_and_smirnov() -> None:
    random = np.random.default_rng(1)
    old, new = random.normal(5, 1, 4000), random.normal(5.5, 1.5, 3000)
    (found,) = drift({"x": of_numbers(old)}, {"x": of_numbers(new)})
    exact = stats.ks_2samp(old, new).statistic
    assert exact - 0.01 <= found.effect <= exact + 1e-12  # at the edges of buckets of 2 %
    assert found.low < found.effect < found.high


def test_the_effect_of_words_in_closed_form() -> None:
    old, new = of_words(["a"] * 600 + ["b"] * 400), of_words(["a"] * 200 + ["c"] * 800)
    (found,) = drift({"w": old}, {"w": new})
    assert found.effect == pytest.approx((0.4 + 0.4 + 0.8) / 2)
    assert found.low > 0.5


def test_the_area_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(2)
    low, high = random.integers(0, 9, 300).astype(float), random.integers(2, 11, 200).astype(float)
    labels = np.repeat([0, 1], [300, 200])
    assert area(low, high) == pytest.approx(roc_auc_score(labels, np.concatenate([low, high])))


@pytest.fixture(scope="module")
def hours(shared: Path) -> pa.Table:
    with zipfile.ZipFile(shared / "data/bike_sharing/bike_sharing_dataset.zip") as archive:
        table = pa_csv.read_csv(io.BytesIO(archive.read("hour.csv")))
    return table.drop_columns(["instant", "dteday"])


def year(hours: pa.Table, number: int) -> pa.Table:
    return hours.filter(pa.array(hours["yr"].to_numpy() == number)).drop_columns(["yr"])


def verdict(reference: pa.Table, current: pa.Table) -> str:
    shifts = drift(sketch_batch(reference), sketch_batch(current))
    return versions_alike(DriftReport(confidence=0.99, shifts={"versions": shifts})).outcome


def test_a_year_of_bike_rides_later_alarms_and_names_the_rides(hours: pa.Table) -> None:
    shifts = drift(sketch_batch(year(hours, 0)), sketch_batch(year(hours, 1)))
    found = versions_alike(DriftReport(confidence=0.99, shifts={"versions": shifts}))
    assert (found.outcome, found.cause) == ("fail", "data.drifted")
    assert "cnt" in found.where["columns"]


@pytest.mark.slow
def test_two_halves_of_one_year_never_alarm(hours: pa.Table) -> None:
    for number in (0, 1):
        whole = year(hours, number)
        for seed in range(20):
            order = np.random.default_rng(seed).permutation(whole.num_rows)
            half = len(order) // 2
            assert verdict(whole.take(order[:half]), whole.take(order[half:])) == "pass"


def test_seventy_thousand_rows_of_one_distribution_do_not_alarm() -> None:
    random = np.random.default_rng(3)
    table = pa.table({"x": random.normal(size=70_000), "w": random.choice(list("abcdef"), 70_000)})
    assert verdict(table.slice(0, 35_000), table.slice(35_000)) == "pass"


def test_the_writers_of_the_digits_are_told_apart_and_random_halves_are_not() -> None:
    snapshot, splits, statistics = digits()
    report = drift_report(snapshot, statistics, quality(snapshot), splits)
    found = splits_alike(report)
    assert (found.outcome, found.cause) == ("fail", "data.splits_differ")
    assert "look of the samples" in found.where["columns"]
    looks = np.random.default_rng(4).random((600, 16))
    same = told_apart(looks[:300], looks[300:], column=CONTENT)
    assert same is not None
    assert same.low == 0.0


def lost(values: np.ndarray, share: float) -> np.ndarray:
    """The same with a share of them missing at random, so that no other shape is left behind."""
    return np.where(np.random.default_rng(5).random(len(values)) < share, np.nan, values)


@pytest.mark.parametrize(("share", "outcome"), [(0.0, "pass"), (0.02, "pass"), (0.2, "fail")])
def test_values_that_are_missing_are_a_shift(share: float, outcome: str) -> None:
    old, new = np.random.default_rng(6).normal(size=(2, 3000))
    found = drift({"x": of_numbers(old)}, {"x": of_numbers(lost(new, share))})
    report = versions_alike(DriftReport(confidence=0.99, shifts={"versions": found}))
    assert report.outcome == outcome
    if share:
        (lack,) = (s for s in found if s.column == "x is missing")
        exact = stats.binomtest(int(np.isnan(lost(new, share)).sum()), 3000).statistic
        assert lack.effect == pytest.approx(exact)
        assert lack.low < lack.effect < lack.high


def test_halves_with_the_same_share_of_missing_values_never_alarm() -> None:
    for seed in range(20):
        values = lost(np.random.default_rng(seed).normal(size=2000), 0.3)
        np.random.default_rng(seed).shuffle(values)
        halves = ({"x": of_numbers(half)} for half in (values[:1000], values[1000:]))
        assert all(s.low == 0.0 for s in drift(*halves))


def test_a_column_that_is_gone_is_missing_throughout_and_a_new_one_is_no_shift() -> None:
    old = {"x": of_numbers(np.arange(500.0)), "site": of_words(["a"] * 400 + [None] * 100)}
    new = {"x": of_numbers(np.arange(500.0)), "other": of_words(["b"] * 500)}
    shifts = {s.column: s for s in drift(old, new)}
    assert shifts.keys() == {"x", "site is missing"}
    assert shifts["site is missing"].effect == pytest.approx(0.8)
    assert shifts["site is missing"].low > 0.7
    assert dict(uncompared(old, new)) == {"site": "is not there any more", "other": "is new"}


def test_a_column_without_any_value_is_of_any_kind() -> None:
    old, new = {"x": of_numbers(np.arange(500.0))}, {"x": of_words([None] * 500)}
    (found,) = drift(old, new)
    assert (found.column, found.effect, found.low > 0.9) == ("x is missing", 1.0, True)
    assert not list(uncompared(old, new))


def test_what_changed_its_kind_is_told_with_what_it_holds_now() -> None:
    old = {"temp": of_numbers(np.arange(9.0)), "id": of_words([str(n) for n in range(90_000)])}
    new = {"temp": of_words(["0,5"] * 8 + ["n/a"]), "id": old["id"]}
    told = dict(uncompared(old, new))
    assert "held numbers, holds words now: 0,5 88.9%" in told["temp"]
    assert told["id"] == "holds too many different words"


def test_too_few_samples_and_no_version_before_are_no_judgement() -> None:
    few = drift({"x": of_numbers(np.arange(50.0))}, {"x": of_numbers(np.arange(50.0) + 100)})
    assert versions_alike(DriftReport(confidence=0.99, shifts={"versions": few})).outcome == (
        "cannot tell"
    )
    assert versions_alike(DriftReport(confidence=0.99)).outcome == "cannot tell"
    assert splits_alike(DriftReport(confidence=0.99)).outcome == "cannot tell"


def test_a_file_is_sketched_in_batches_and_na_is_a_word(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("n,w\n1,NA\n2,b\n,\n")
    found = sketch_file(tmp_path / "t.csv")
    assert (found["n"].count, found["n"].missing) == (2, 1)
    assert dict(found["w"].counts) == {"NA": 1, "b": 1}  # type: ignore[union-attr]


def test_columns_of_a_table_that_are_neither_numbers_nor_words_are_named(tmp_path: Path) -> None:
    columns = {"n": [1, 2], "text": [b"a", b"b"], "raw": [b"\xff\xfe", b"\xff"], "box": [[1], []]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert set(sketch_file(tmp_path / "t.parquet")) == {"n", "text"}
    assert unsketched(tmp_path / "t.parquet") == {"raw": "binary", "box": "list<element: int64>"}
    pq.write_table(pa.table({"box": [[1], []]}), tmp_path / "boxes.parquet")
    with pytest.raises(InputRefused, match=r"CSV_NESTED.*list<element: int64>.*'box'"):
        sketch_file(tmp_path / "boxes.parquet")
    body = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "torn.parquet").write_bytes(body[: len(body) // 2])
    with pytest.raises(InputRefused, match="damaged: fetch it again"):
        sketch_file(tmp_path / "torn.parquet")
    (tmp_path / "t.csv").write_text("n\n1\n")
    assert unsketched(tmp_path / "t.csv") == {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_larger_than_the_bound_stays_below_it(tmp_path: Path, kind: str) -> None:
    """The stated bound is 256 MiB; the tables take more, as text and packed."""
    if not Path("/proc/self/status").is_file():
        pytest.skip("needs Linux' account of a process's own memory")
    random = np.random.default_rng(0)
    rows, parts = 100_000, 17 if kind == "csv" else 18
    table = pa.table({f"x{n}": random.random(rows) for n in range(10 if kind == "csv" else 20)})
    path = tmp_path / f"big.{kind}"
    make = pa_csv.CSVWriter if kind == "csv" else pq.ParquetWriter
    with make(path, table.schema) as writer:
        for _ in range(parts):
            writer.write_table(table)
    assert path.stat().st_size > 256 << 20
    code = (
        "import pathlib, re; from qa_assets.datasets.tables import sketch_file\n"
        f"found = sketch_file(pathlib.Path({str(path)!r}))\n"
        "own = pathlib.Path('/proc/self/status').read_text()\n"  # rusage has the parent's peak too
        "print(found['x0'].count, int(re.search(r'VmHWM:\\s+(\\d+)', own)[1]) >> 10)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, peak = map(int, done.stdout.split())
    assert count == rows * parts
    assert peak < 256

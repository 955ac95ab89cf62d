import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError
from scipy.stats import kstest

from qa_assets.checks.data_integrity import splits_disjoint
from qa_assets.checks.leakage import splits_share_no_look
from qa_assets.core.digests import digest_bytes
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.tables import read_table, table_bytes
from qa_assets.datasets.quality import quality
from qa_assets.datasets.settings import DatasetSettings, SplitSettings
from qa_assets.datasets.splits import place, side, split
from qa_assets_tests.datasets.samples import DIGITS_SPLITS, digits, picture, take, write


def snapshot_of(rows: list[tuple[str, str, str]]) -> DatasetSnapshot:
    frame = pd.DataFrame(sorted(rows), columns=["id", "label", "group"])
    classes = tuple(sorted(set(frame["label"])))
    return DatasetSnapshot(
        name="made", version="0", samples=len(frame), classes=classes,
        files={SAMPLES: table_bytes(frame)},
    )  # fmt: skip


def many(count: int, groups: int = 0) -> list[tuple[str, str, str]]:
    return [(f"{n:064x}", "ab"[n % 2], f"g{n % groups}" if groups else "") for n in range(count)]


def test_digits_hold_out_the_writers_that_are_named() -> None:
    taken, splits, _ = digits()
    table = read_table(splits, SAMPLES)
    assert splits.counts == {"train": 1200, "validation": 150, "test": 447}
    assert splits.groups == {"train": 8, "validation": 1, "test": 3}
    assert set(table.query("split == 'test'")["group"]) == set(DIGITS_SPLITS.test_groups)
    assert set(table.query("split == 'validation'")["group"]) == {"block08"}
    assert set(table["id"]) == set(read_table(taken, SAMPLES)["id"])
    for name, counts in splits.class_counts.items():
        expected = table.loc[table["split"] == name, "label"].value_counts().to_dict()
        assert dict(counts) == expected


def test_shares_are_met_and_groups_stay_together() -> None:
    splits = split(snapshot_of(many(6000, groups=600)), SplitSettings(test=0.2, validation=0.1))
    table = read_table(splits, SAMPLES)
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert splits.counts["test"] / 6000 == pytest.approx(0.2, abs=0.05)
    assert splits.counts["validation"] / 6000 == pytest.approx(0.1, abs=0.04)


def test_places_are_uniform_and_a_seed_is_another_draw() -> None:
    places = [place(f"group {n}", 0) for n in range(2000)]
    assert kstest(places, "uniform").pvalue > 0.01
    assert place("group 1", 0) != place("group 1", 1)


def test_the_assignment_is_pinned() -> None:
    """Data that was held out yesterday must not be trained on tomorrow, after an update."""
    assert place("group block00", 0) == pytest.approx(0.811749751100897)


@pytest.mark.slow
@settings(deadline=None)
@given(
    first=st.sets(st.integers(0, 10_000), min_size=80, max_size=120),
    more=st.sets(st.integers(0, 10_000), max_size=100),
    seed=st.integers(0, 2**32 - 1),
    groups=st.sampled_from([0, 40]),
)
def test_a_sample_never_changes_side_when_data_grows(
    first: set[int], more: set[int], seed: int, groups: int
) -> None:
    chosen = SplitSettings(test=0.25, validation=0.25, seed=seed)
    rows = {n: (f"{n:064x}", "ab"[n % 2], f"g{n % groups}" if groups else "") for n in first | more}

    def sides(numbers: set[int]) -> dict[str, str]:
        try:
            table = read_table(split(snapshot_of([rows[n] for n in numbers]), chosen), SAMPLES)
        except InputRefused:  # too unlucky a draw; the assignment itself is what matters
            return {rows[n][0]: side(rows[n][2], rows[n][0], chosen) for n in numbers}
        return dict(zip(table["id"], table["split"], strict=True))

    before, after = sides(first), sides(first | more)
    assert before == {sample: after[sample] for sample in before}


def test_named_groups_replace_the_share() -> None:
    chosen = SplitSettings(test=0.9, validation=0.5, test_groups=("g1",))
    table = read_table(split(snapshot_of(many(400, groups=40)), chosen), SAMPLES)
    assert set(table.query("split == 'test'")["group"]) == {"g1"}


def codes(rows: list[tuple[str, str, str]], **chosen: object) -> dict[str, str]:
    with pytest.raises(InputRefused) as caught:
        split(snapshot_of(rows), SplitSettings(**chosen))
    assert all(p.remedy for p in caught.value.problems)
    return {p.item: p.code for p in caught.value.problems}


def test_a_held_out_group_must_exist() -> None:
    found = codes(many(400, groups=4), test_groups=("g1", "g7"), validation_groups=("h",))
    assert found == {"g7": "SPLIT_GROUP_UNKNOWN", "h": "SPLIT_GROUP_UNKNOWN"}


def test_no_split_is_empty() -> None:
    assert codes(many(400), test=1e-9) == {"test": "SPLIT_EMPTY"}
    assert codes(many(400), validation=1e-9) == {"validation": "SPLIT_EMPTY"}


def test_every_class_is_trained_on() -> None:
    rows = [*many(400, groups=4), ("f" * 64, "rare", "g1")]
    found = codes(rows, test_groups=("g1",), validation_groups=("g2",))
    assert found == {"rare": "SPLIT_CLASS_MISSING"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"test": 0.6, "validation": 0.4},
        {"test": 1.0, "validation": 0.0},
        {"test": 0.0},
        {"validation": 0.0},
        {"test_groups": ("a",), "validation": 1.0},
        {"test_groups": ("a", "b"), "validation_groups": ("b",)},
        {"test_groups": ("",)},
        {"test": "0.2"},
        {"test": -0.1},
        {"seed": -1},
        {"by": "folders"},
        {"by": "source", "test_groups": ("a",)},
        {"tests": 0.1},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SplitSettings(**wrong)


@pytest.mark.parametrize("pattern", ["(", "block", "(a)(b)"])
def test_a_group_pattern_compiles_and_has_one_group(pattern: str) -> None:
    with pytest.raises(ValidationError, match="group_pattern"):
        DatasetSettings(path="data", group_pattern=pattern)


def jpeg(body: bytes) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(body)).save(out, "JPEG", quality=92)
    return out.getvalue()


def tree(root: Path, sides: Mapping[str, int], more: Mapping[str, bytes] | None = None) -> Path:
    """Two classes, so many pictures of each on each side; all of them differ."""
    files = dict(more or {})
    for side_, (name, count) in enumerate(sides.items()):
        for number in range(count):
            for label in ("cat", "dog"):
                seed = 1000 * side_ + 2 * number + (label == "dog")
                files[f"data/{name}/{label}/{number}.png"] = picture(seed)
    return write(root, files)


def test_the_sides_of_the_source_are_kept(tmp_path: Path) -> None:
    taken = take(tree(tmp_path, {"train": 6, "val": 2, "testing": 3}))
    splits = split(taken, SplitSettings(by="source"))
    assert (splits.counts, splits.by) == ({"train": 12, "validation": 4, "test": 6}, "source")
    named: Any = read_table(taken, SAMPLES).set_index("id")["name"]
    for sample, where in read_table(splits, SAMPLES)[["id", "split"]].to_numpy():
        folder = named[sample].split("/")[0]
        assert {"train": "train", "val": "validation", "testing": "test"}[folder] == where
    assert splits_disjoint(splits, taken).outcome == "pass"
    assert splits_share_no_look(splits, quality(taken), taken).outcome == "pass"
    ours = split(take(tree(tmp_path / "b", {"train": 40, "test": 3})), SplitSettings())
    assert (ours.by, ours.named) == ("content", {"test": 6, "train": 80})
    assert "by: source" in str(ours.metadata()["the source itself names"])


def test_a_side_that_is_not_named_is_cut_from_train_and_stays(tmp_path: Path) -> None:
    chosen = SplitSettings(by="source", validation=0.2)
    before = split(take(tree(tmp_path, {"train": 30, "test": 5})), chosen)
    assert before.counts["test"] == 10
    assert 2 < before.counts["validation"] < 25
    after = split(take(tree(tmp_path, {"train": 40, "test": 5})), chosen)
    then, now = (dict(read_table(s, SAMPLES)[["id", "split"]].to_numpy()) for s in (before, after))
    assert then == {sample: now[sample] for sample in then}


def test_leaks_between_the_sides_of_the_source_are_found_and_named(tmp_path: Path) -> None:
    body = picture(0, 32)
    leaks = {"data/train/cat/a.png": body, "data/test/cat/b.png": body}
    taken = take(tree(tmp_path, {"train": 20, "test": 5}, leaks))
    splits = split(taken, SplitSettings(by="source"))
    verdict = splits_disjoint(splits, taken)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.sample_leak")
    assert verdict.samples == (digest_bytes(body),)
    write(tmp_path, {"data/test/cat/b.png": b"", "data/test/cat/c.jpg": jpeg(body)})
    taken = take(tmp_path)
    splits = split(taken, SplitSettings(by="source"))
    assert splits_disjoint(splits, taken).outcome == "pass"
    verdict = splits_share_no_look(splits, quality(taken), taken)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.leaked")
    assert verdict.evidence["pairs"].rows[0][:2] == ("test/cat/c.jpg", "train/cat/a.png")
    grouped = take(tree(tmp_path, {"train": 20, "test": 5}), group_pattern="/(3)[.]png")
    verdict = splits_disjoint(split(grouped, SplitSettings(by="source")), grouped)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.group_leak")


def test_samples_on_no_side_are_refused_by_name(tmp_path: Path) -> None:
    write(
        tmp_path,
        {f"data/{c}/{n}.png": picture(n + 50 * len(c)) for c in ("a", "bb") for n in range(3)},
    )
    with pytest.raises(InputRefused, match="SPLIT_UNNAMED.*[.]png.*6 of 6"):
        split(take(tmp_path), SplitSettings(by="source"))


def test_a_source_without_train_has_nothing_to_cut_from(tmp_path: Path) -> None:
    taken = take(tree(tmp_path, {"val": 6, "test": 5}))
    with pytest.raises(InputRefused) as caught:
        split(taken, SplitSettings(by="source"))
    assert {p.code for p in caught.value.problems} == {"SPLIT_EMPTY", "SPLIT_CLASS_MISSING"}

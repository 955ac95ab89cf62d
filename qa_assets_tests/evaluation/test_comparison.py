"""Paired comparison: against closed forms, and on the real answers of fifteen public models."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qa_assets.checks.released import (
    negative_flips_few,
    not_worse_than_released,
    slices_not_worse_than_released,
)
from qa_assets.core.errors import InputRefused
from qa_assets.core.intervals import difference, paired_difference, share
from qa_assets.core.record import Estimate
from qa_assets.core.records.comparison import FLIPS, ReleaseBaseline, ReleaseComparison
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import Predictions
from qa_assets.core.tables import read_table, table_bytes
from qa_assets.evaluation.comparison import compare
from qa_assets_tests.evaluation.tables import answered

CLASSES = ("a", "b", "c")
LABELS = [0, 1, 2] * 100


def baseline(then: list[int], groups: list[str] | None = None) -> ReleaseBaseline:
    made = answered(CLASSES, LABELS, then, groups)
    return ReleaseBaseline(
        release="r", version="v", first_release="absolute", samples=300, files=made.files
    )


def wrong(*rows: int) -> list[int]:
    return [(y + 1) % 3 if i in rows else y for i, y in enumerate(LABELS)]


def compared(now: list[int], then: list[int]) -> ReleaseComparison:
    return compare(answered(CLASSES, LABELS, now), baseline(then))


def test_the_interval_covers_what_it_promises() -> None:
    """Simulated: of intervals at 95 %, few miss the true difference."""
    drawn, missed = np.random.default_rng(0), 0
    for _ in range(1000):
        cell = drawn.multinomial(300, [0.85, 0.06, 0.03, 0.06])
        found = paired_difference(int(cell[1]), int(cell[2]), 300)
        missed += not found.low <= 0.03 <= found.high
    assert missed <= 75


def test_flips_and_slices_are_counted() -> None:
    found = compared(wrong(2, 5, 8, 11), wrong(0, 1, 2))
    assert (found.negative_flips, found.positive_flips) == (3, 2)
    assert found.change is not None
    assert found.change.value == pytest.approx(-1 / 300)
    assert sorted(read_table(found, FLIPS)["label"]) == ["c"] * 3
    worst = min(found.slices, key=lambda s: s.change.value)
    assert (worst.name, worst.before, worst.now) == ("class c", 0.99, 0.96)


def test_the_same_model_is_not_worse() -> None:
    found = compared(wrong(1, 7), wrong(1, 7))
    verdicts = [
        c(found)
        for c in (not_worse_than_released, negative_flips_few, slices_not_worse_than_released)
    ]
    assert [v.outcome for v in verdicts] == ["pass"] * 3


def test_a_worse_model_is_named_with_its_samples() -> None:
    found = compared(wrong(*range(2, 60, 3)), wrong())
    worse, flips, slices = (
        c(found)
        for c in (not_worse_than_released, negative_flips_few, slices_not_worse_than_released)
    )
    assert worse.cause == "evaluation.worse_than_released"
    assert (flips.cause, len(flips.samples)) == ("evaluation.negative_flips", 20)
    assert (slices.cause, slices.where) == ("evaluation.slice_regression", {"slice": "class c"})


def test_equal_accuracy_hides_no_flips() -> None:
    found = compared(wrong(*range(0, 30)), wrong(*range(30, 60)))
    assert found.change is not None
    assert found.change.value == 0
    assert negative_flips_few(found).cause == "evaluation.negative_flips"


def test_a_sure_loss_is_allowed_as_far_as_another_seed_would_lose() -> None:
    same = compared(wrong(*range(0, 20)), wrong(*range(0, 20)))
    found = replace(same, change=Estimate(-0.01, -0.018, -0.002, 400))
    assert not_worse_than_released(found).cause == "evaluation.worse_than_released"
    assert not_worse_than_released(found, max_sure_loss=0.002).passed
    assert not not_worse_than_released(found, max_sure_loss=0.001).passed
    assert not not_worse_than_released(found, max_loss=0.009, max_sure_loss=0.5).passed


def test_too_few_samples_cannot_exclude_a_loss() -> None:
    found = compared(wrong(*range(0, 20)), wrong(*range(20, 40)))
    assert not_worse_than_released(found).outcome == "cannot tell"


@pytest.mark.parametrize(
    "check", [not_worse_than_released, negative_flips_few, slices_not_worse_than_released]
)
def test_without_a_release_the_declaration_decides(check) -> None:
    first = compare(answered(CLASSES, LABELS, LABELS), ReleaseBaseline(first_release="absolute"))
    assert check(first).passed
    assert check(replace(first, first_release="undecided")).outcome == "cannot tell"
    lost = ReleaseBaseline(release="r" * 64, unreadable="gone", first_release="absolute")
    assert check(compare(answered(CLASSES, LABELS, LABELS), lost)).outcome == "cannot tell"


def test_other_samples_are_refused() -> None:
    other = answered(CLASSES, LABELS[:299], LABELS[:299])
    with pytest.raises(InputRefused, match="SAMPLES_DIFFER"):
        compare(other, baseline(LABELS))


@pytest.fixture(scope="module")
def public(shared: Path) -> dict[str, np.ndarray]:
    found = np.load(
        shared / "data" / "cifar10_1_predictions" / "cifar10_1_half.npz", allow_pickle=False
    )
    return {name: found[name] for name in found.files}


def models(public: dict[str, np.ndarray]) -> list[str]:
    return [n.removesuffix("__original") for n in public if n.endswith("__original")]


@pytest.mark.parametrize("version", ["v4", "v6"])
def test_every_public_model_is_surely_worse_on_new_samples(
    public: dict[str, np.ndarray], version: str
) -> None:
    """Source: Recht et al. (2018), Do CIFAR-10 classifiers generalize to CIFAR-10?"""
    names = models(public)
    assert len(names) == 15
    for name in names:
        new, old = (
            public[f"{name}__{k}"] == public[f"y_{k if k != 'original' else 'orig'}"]
            for k in (version, "original")
        )
        drop = difference(share(int(old.sum()), len(old)), share(int(new.sum()), len(new)))
        assert 0.03 < drop.value < 0.16, name
        assert drop.low > 0, name


def as_predictions(answers: np.ndarray, labels: np.ndarray) -> Predictions:
    names = np.array([str(i) for i in range(10)], dtype=object)
    frame = pd.DataFrame(
        {
            "id": [f"{i:05d}" for i in range(len(labels))],
            "label": names[labels],
            "group": "",
            "predicted": names[answers],
            "confidence": 0.9,
        }
    )
    return Predictions(
        samples=len(labels),
        classes=tuple(names),
        weights_digest="w",
        files={SAMPLES: table_bytes(frame)},
    )


def test_public_models_are_called_different_only_when_they_are(
    public: dict[str, np.ndarray],
) -> None:
    """On the same 2,000 samples: whatever the check calls worse, McNemar's test agrees."""
    labels, called = public["y_v6"], 0
    for one, other in combinations(models(public), 2):
        now, then = (as_predictions(public[f"{m}__v6"], labels) for m in (one, other))
        base = ReleaseBaseline(release="r", version="v", first_release="absolute", files=then.files)
        found = compare(now, base)
        assert found.change is not None
        from scipy.stats import binomtest

        n = found.negative_flips + found.positive_flips
        p = binomtest(found.negative_flips, n).pvalue
        assert found.p_value == pytest.approx(p, rel=1e-6)
        if p > 0.06:
            assert found.change.low < 0 < found.change.high, (one, other)
            assert not_worse_than_released(found, max_loss=0.05).passed, (one, other)
        if p < 0.04:
            called += 1
            assert found.change.low > 0 or found.change.high < 0, (one, other)
    assert called > 50

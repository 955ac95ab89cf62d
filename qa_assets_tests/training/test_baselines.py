from dataclasses import replace

import numpy as np
import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.tables import read_table
from qa_assets.training.baselines import baselines, majority
from qa_assets_tests.training.digits import SPEC, digits

TRAIN, TEST = digits(0, 300), digits(1350, 1500)


def test_the_linear_baseline_is_scikit_learns() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    made = baselines(TRAIN, TEST, SPEC)
    flat = [s.pixels.reshape(len(s.ids), -1).astype(float) for s in (TRAIN, TEST)]
    scale = StandardScaler().fit(flat[0])
    model = LogisticRegression(max_iter=5000, tol=1e-8).fit(scale.transform(flat[0]), TRAIN.labels)
    agree = model.predict(scale.transform(flat[1])) == read_table(made, SAMPLES)["linear"].astype(
        int
    )
    assert agree.mean() > 0.99
    assert made.digest == baselines(TRAIN, TEST, SPEC).digest


def test_accuracies_are_those_of_the_table() -> None:
    made = baselines(TRAIN, TEST, SPEC)
    table = read_table(made, SAMPLES)
    assert list(table["id"]) == list(TEST.ids)
    for name in ("majority", "linear", "small network"):
        assert made.accuracies[name].value == (table[name] == table["label"]).mean()
        assert made.accuracies[name].n == len(TEST.ids)


def test_the_majority_is_the_most_frequent_and_first_of_equals() -> None:
    train = replace(TRAIN, labels=np.array([3, 1, 1, 3, 2]))
    assert set(majority(train, TEST)) == {1}


def test_caps_bound_the_work_without_a_warning() -> None:
    large = [replace(s, pixels=s.pixels.repeat(5, axis=1).repeat(5, axis=2)) for s in (TRAIN, TEST)]
    wide = SPEC.model_copy(update={"height": 40, "width": 40})
    made = baselines(*large, wide, max_samples=200, max_features=70, max_iterations=3)
    assert made.accuracies["linear"].value > 0.5
    same = baselines(TRAIN, TEST, SPEC, max_samples=200, max_iterations=3)
    assert read_table(made, SAMPLES)["linear"].equals(read_table(same, SAMPLES)["linear"])


def test_one_class_leaves_only_the_majority() -> None:
    train = replace(TRAIN, labels=np.full(len(TRAIN.ids), 7))
    assert set(read_table(baselines(train, TEST, SPEC), SAMPLES)["linear"]) == {"7"}


def test_an_empty_split_is_named() -> None:
    with pytest.raises(InputRefused, match="SPLIT_EMPTY test"):
        baselines(TRAIN, digits(0, 0), SPEC)

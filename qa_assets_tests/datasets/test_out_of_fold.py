"""Chances by models that did not see a sample, beside scikit-learn's own solver and folds."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import make_blobs
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict
from sklearn.svm import SVC

from qa_assets.datasets.out_of_fold import FOLDS, out_of_fold


@pytest.mark.parametrize("far", [0.0, 1000.0])
@pytest.mark.parametrize("classes", [2, 4])
def test_the_same_as_the_solver_with_its_own_kernel(classes: int, far: float) -> None:
    """Also of features far from zero, where the squares of single precision would cancel."""
    made = make_blobs(1300, n_features=7, centers=classes, cluster_std=6.0, random_state=3)
    features, labels = made[0] + far, made[1]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    raw = cross_val_predict(
        SVC(C=2.0), features, labels, cv=folds, method="decision_function"
    )  # fmt: skip
    wanted = softmax(np.stack([-raw, raw], axis=1) if classes == 2 else raw, axis=1)
    found = out_of_fold(features, labels, classes)
    np.testing.assert_allclose(found, wanted, atol=2e-4)


def test_what_belongs_together_is_held_out_together() -> None:
    """A copy of each sample with the other label: seen beside it, it would be called that."""
    rng = np.random.default_rng(5)
    one = rng.normal(size=(200, 3))
    features, labels = np.concatenate([one, one]), np.repeat([0, 1], 200)
    together = np.tile(np.arange(200), 2)
    held = out_of_fold(features, labels, 2, together)
    np.testing.assert_allclose(held[:200], held[200:], atol=1e-6)
    assert abs(held[:, 0].mean() - 0.5) < 0.02
    apart = out_of_fold(features, labels, 2)
    assert (apart.argmax(axis=1) != labels).mean() > 0.6, "not held out together it misleads"
    assert GroupKFold(FOLDS).get_n_splits(features, labels, together) == FOLDS


def test_features_without_any_spread_tell_nothing() -> None:
    labels = np.repeat([0, 1], 20)
    chances = out_of_fold(np.zeros((40, 1)), labels, 2)
    np.testing.assert_allclose(chances, 0.5, atol=1e-6)

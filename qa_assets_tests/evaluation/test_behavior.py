"""Behaviour of the exported digits model, of sabotaged ones, and of the sets themselves."""

import csv
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from qa_assets.checks.behavior import (
    as_robust_as_released,
    critical_cases_right,
    directions_hold,
    invariances_hold,
    ordinary_cases_right,
    unsure_where_it_should_be,
)
from qa_assets.core.config import InputSpec
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.comparison import ReleaseBaseline
from qa_assets.core.records.export import MODEL, OnnxModel
from qa_assets.datasets.embedded import grey_png
from qa_assets.evaluation.behavior import behavior
from qa_assets.evaluation.corruptions import CORRUPTIONS, corrupt, occluded
from qa_assets.evaluation.edge_cases import edge_cases
from qa_assets.evaluation.settings import BehaviorSettings
from qa_assets.export.onnx_file import export
from qa_assets.export.settings import ExportSettings
from qa_assets.preprocessing.hand_made import MANIFEST, fingerprint, read_manifest
from qa_assets.preprocessing.samples import LabelledSamples
from qa_assets.training.fit import fit
from qa_assets.training.network import restore
from qa_assets.training.settings import TrainingSettings
from qa_assets_tests.training.digits import CLASSES, SHIPPED, digits

SPEC = InputSpec(height=8, width=8, channels=1, mean=(0.305,), std=(0.376,))
CASES = SHIPPED.parent / "edge_cases"
NONE = ReleaseBaseline(first_release="absolute")
SETTINGS = BehaviorSettings(samples=100, invariances={"brightness": 1, "jpeg": 1})


def plain(samples: LabelledSamples) -> LabelledSamples:
    return samples


def labels_shifted(samples: LabelledSamples) -> LabelledSamples:
    return replace(samples, labels=(samples.labels + 1) % 10)


def transposed(samples: LabelledSamples) -> LabelledSamples:
    return replace(samples, pixels=np.ascontiguousarray(samples.pixels.swapaxes(1, 2)))


@cache
def exported(
    change: Callable[[LabelledSamples], LabelledSamples] = plain, epochs: int = 10
) -> OnnxModel:
    """A model that learned, on every split alike, from changed samples."""
    settings = TrainingSettings(epochs=epochs)
    train, held = change(digits(0, 1200)), change(digits(1200, 1350))
    weights = fit(train, held, SPEC, settings, SHIPPED)
    provenance = {
        "pipeline": "digits",
        "dataset_version": "v",
        "weights_digest": weights.weights_digest,
    }
    return export(restore(weights, SPEC, 10), held, SPEC, ExportSettings(), provenance)


def held_out() -> tuple[dict[str, tuple[str, str]], dict[str, bytes]]:
    samples = digits(1350, 1500)
    labels = {i: (CLASSES[y], "") for i, y in zip(samples.ids, samples.labels, strict=True)}
    return labels, {
        i: grey_png(p[..., 0]) for i, p in zip(samples.ids, samples.pixels, strict=True)
    }


@pytest.mark.slow
def test_the_shipped_set_is_answered() -> None:
    found = edge_cases(exported(), CASES)
    assert len(found.cases) >= 100
    assert critical_cases_right(found).passed, critical_cases_right(found).summary
    assert ordinary_cases_right(found).passed
    assert {c.name for c in found.cases if c.refused} == {"cut_off.png", "text.png", "empty.png"}
    assert found.digest == edge_cases(exported(), CASES).digest


@pytest.mark.parametrize(
    ("change", "cause"),
    [(labels_shifted, "data.labels_shifted"), (transposed, "preprocessing.images_transposed")],
)
@pytest.mark.slow
def test_what_the_whole_dataset_shares_is_named_by_hand_made_cases(
    change: Callable[[LabelledSamples], LabelledSamples], cause: str
) -> None:
    verdict = critical_cases_right(edge_cases(exported(change), CASES))
    assert (verdict.outcome, verdict.cause) == ("fail", cause)


@pytest.mark.slow
def test_an_untrained_model_fails_without_a_wrong_name() -> None:
    verdict = critical_cases_right(edge_cases(exported(plain, 1), CASES))
    assert (verdict.outcome, verdict.cause) == ("fail", "behavior.critical_case_wrong")


@pytest.mark.slow
def test_sure_of_nonsense_is_counted() -> None:
    found = edge_cases(exported(), CASES)
    verdict = unsure_where_it_should_be(found, max_confidence=0.0)
    assert (verdict.outcome, verdict.measured) == ("fail", 1.0)
    assert unsure_where_it_should_be(found, max_confidence=1.0).passed


def test_without_cases_nothing_can_be_told() -> None:
    found = edge_cases(exported(), None)
    for check in (critical_cases_right, ordinary_cases_right, unsure_where_it_should_be):
        assert check(found).outcome == "cannot tell"
    assert fingerprint(None) == ""


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("0_clean.png,class,ten,yes,", "CASES_LABEL"),
        ("0_clean.png,certain,0,yes,", "CASES_MANIFEST"),
        ("0_clean.png,class,0,perhaps,", "CASES_MANIFEST"),
        ("missing.png,class,0,yes,", "CASES_FILE"),
        ("../edge_cases/0_clean.png,class,0,yes,", "CASES_FILE"),
    ],
)
def test_a_wrong_line_of_the_manifest_is_named(tmp_path: Path, line: str, code: str) -> None:
    shutil.copytree(CASES, tmp_path / "cases")
    path = tmp_path / "cases" / MANIFEST
    path.write_text(f"file,expected,label,critical,note\n{line}\n", encoding="utf-8")
    with pytest.raises(InputRefused, match=rf"{code} .*manifest.csv:2"):
        read_manifest(tmp_path / "cases", CLASSES)


def test_every_file_of_the_set_is_in_its_manifest() -> None:
    with (CASES / MANIFEST).open(encoding="utf-8") as stream:
        named = [row["file"] for row in csv.DictReader(stream)]
    assert sorted(named) == sorted(p.name for p in CASES.iterdir() if p.name != MANIFEST)
    before = fingerprint(CASES)
    assert before == fingerprint(CASES) != ""


@pytest.mark.slow
def test_the_digits_model_behaves() -> None:
    found = behavior(exported(), NONE, *held_out(), SETTINGS)
    assert invariances_hold(found).passed
    assert directions_hold(found).passed
    assert as_robust_as_released(found).passed
    assert set(found.robustness) == set(SETTINGS.corruptions)
    assert all(len(row) == 5 for row in found.robustness.values())
    mean = np.array(list(found.robustness.values())).mean(axis=0)
    assert mean[0] > mean[-1], "more corruption, less accuracy"
    assert found.digest == behavior(exported(), NONE, *held_out(), SETTINGS).digest


@pytest.mark.slow
def test_a_model_that_is_not_invariant_is_named() -> None:
    settings = SETTINGS.model_copy(update={"invariances": {"rotate": 5}})
    verdict = invariances_hold(behavior(exported(), NONE, *held_out(), settings))
    assert (verdict.cause, verdict.where) == ("behavior.not_invariant", {"change": "rotate"})
    assert verdict.samples


@pytest.mark.slow
def test_less_robust_than_the_release_is_named() -> None:
    released = replace(NONE, release="r", version="v", files={MODEL: exported().read(MODEL)})
    same = behavior(exported(), released, *held_out(), SETTINGS)
    assert same.released == same.robustness
    assert as_robust_as_released(same).passed
    weaker = behavior(exported(plain, 1), released, *held_out(), SETTINGS)
    assert as_robust_as_released(weaker).cause == "behavior.less_robust"
    lost = replace(same, released={}, unreadable="gone")
    assert as_robust_as_released(lost).outcome == "cannot tell"


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_repeats_grows_and_keeps_the_shape(name: str) -> None:
    for pixels in (
        digits(0, 40).pixels,
        np.repeat(np.kron(digits(0, 9).pixels, np.ones((1, 4, 3, 1), np.uint8)), 3, axis=3),
    ):
        changed = [corrupt(name, pixels, s) for s in (1, 2, 3, 4, 5)]
        assert all(c.shape == pixels.shape and c.dtype == np.uint8 for c in changed)
        assert np.array_equal(changed[2], corrupt(name, pixels, 3))
        far = [np.abs(c.astype(float) - pixels).mean() for c in changed]
        assert far[4] > far[0]
        assert far[4] > 1


def test_occlusion_hides_the_middle_only() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1)).astype(np.uint8)
    hidden = occluded(pixels)
    assert len(np.unique(hidden[0, 2:6, 2:6])) == 1
    hidden[:, 2:6, 2:6] = pixels[:, 2:6, 2:6]
    assert np.array_equal(hidden, pixels)

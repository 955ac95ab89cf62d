"""What an exported model does with changed pictures: invariance, direction, robustness."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused
from qa_assets.core.intervals import share
from qa_assets.core.records.behavior import BehaviorReport, Expectation
from qa_assets.core.records.comparison import ReleaseBaseline
from qa_assets.core.records.export import MODEL, OnnxModel
from qa_assets.evaluation.corruptions import Pixels, corrupt, occluded
from qa_assets.evaluation.exported import ExportedModel
from qa_assets.evaluation.scores import softmax
from qa_assets.evaluation.settings import BehaviorSettings

SEVERITIES = (1, 2, 3, 4, 5)
BLUR = 3
"""Severity of the blur that must not raise confidence."""
SLACK = 0.02
"""Rise of a confidence that counts as none."""
Names = NDArray[np.object_]


def behavior(
    exported: OnnxModel,
    baseline: ReleaseBaseline,
    labels: Mapping[str, tuple[str, str]],
    payloads: Mapping[str, bytes],
    settings: BehaviorSettings,
) -> BehaviorReport:
    """Change pictures and ask again, through the exported file alone.

    Args:
        exported: The model.
        baseline: The release, for its robustness on the same pictures.
        labels: Label and group of the test samples by id.
        payloads: Raw bytes of the test samples by id.
        settings: What is tried.

    Raises:
        InputRefused: ``SPLIT_EMPTY``, ``ONNX_CORRUPT``.
    """
    if not payloads:
        raise InputRefused.of("SPLIT_EMPTY", "test", "holds no sample.", "Change the splits.")
    ids = sorted(payloads)
    rows = np.unique(np.linspace(0, len(ids) - 1, min(len(ids), settings.samples)).astype(int))
    chosen = {ids[i]: payloads[ids[i]] for i in rows}
    truth = np.array([labels[i][0] for i in chosen], dtype=object)
    model = ExportedModel(exported.read(MODEL))
    pixels = model.decode(chosen)
    right = _answers(model, pixels) == truth
    released: dict[str, tuple[float, ...]] = {}
    if MODEL in baseline.files:
        earlier = ExportedModel(baseline.read(MODEL))
        released = _robustness(earlier, earlier.decode(chosen), truth, settings)
    return BehaviorReport(
        model_sha256=exported.sha256,
        samples=len(chosen),
        clean=share(int(right.sum()), len(right)),
        expectations=tuple(_expectations(model, pixels, tuple(chosen), settings)),
        robustness=_robustness(model, pixels, truth, settings),
        released=released,
        unreadable=baseline.unreadable,
    )


def _expectations(
    model: ExportedModel, pixels: Pixels, ids: tuple[str, ...], settings: BehaviorSettings
) -> Iterator[Expectation]:
    scores = softmax(model.answer(pixels))
    top = scores.argmax(axis=1)
    for name, severity in settings.invariances.items():
        same = model.answer(corrupt(name, pixels, severity)).argmax(axis=1) == top
        yield _expectation("INV", name, severity, same, ids)
    changes = {
        "blur_lowers_confidence": lambda: corrupt("gaussian_blur", pixels, BLUR),
        "occlusion_lowers_confidence": lambda: occluded(pixels),
    }
    everyone = np.arange(len(top))
    for name in settings.directions:
        after = softmax(model.answer(changes[name]()))[everyone, top]
        held = after <= scores[everyone, top] + SLACK
        yield _expectation("DIR", name, BLUR, held, ids)


def _expectation(
    kind: "str", name: str, severity: int, held: NDArray[np.bool_], ids: tuple[str, ...]
) -> Expectation:
    broken = tuple(ids[i] for i in np.flatnonzero(~held)[:20])
    found = share(int(held.sum()), len(held))
    return Expectation("DIR" if kind == "DIR" else "INV", name, severity, found, broken)


def _robustness(
    model: ExportedModel, pixels: Pixels, truth: Names, settings: BehaviorSettings
) -> dict[str, tuple[float, ...]]:
    return {
        name: tuple(
            float((_answers(model, corrupt(name, pixels, severity)) == truth).mean())
            for severity in SEVERITIES
        )
        for name in settings.corruptions
    }


def _answers(model: ExportedModel, pixels: Pixels) -> Names:
    return np.array(model.labels, dtype=object)[model.answer(pixels).argmax(axis=1)]

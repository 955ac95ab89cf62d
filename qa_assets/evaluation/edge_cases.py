"""Hand-made samples through the exported file alone: no training code, no test split."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from qa_assets.core.records.behavior import EdgeCase, EdgeCases
from qa_assets.core.records.export import MODEL, OnnxModel
from qa_assets.evaluation.corruptions import Pixels
from qa_assets.evaluation.exported import ExportedModel
from qa_assets.evaluation.scores import softmax
from qa_assets.preprocessing.hand_made import read_manifest, turns


def edge_cases(exported: OnnxModel, folder: Path | None) -> EdgeCases:
    """Ask the exported model about every hand-made sample.

    Args:
        exported: The model.
        folder: Where the samples and their ``manifest.csv`` lie; None where there are none.

    Raises:
        InputRefused: ``CASES_MANIFEST``, ``CASES_FILE``, ``CASES_LABEL``: a line of the manifest.
    """
    model = ExportedModel(exported.read(MODEL))
    cases = read_manifest(folder, model.labels) if folder else ()
    bodies = {c.name: (folder / c.name).read_bytes() for c in cases} if folder else {}
    answered = tuple(_ask(model, case, bodies[case.name]) for case in cases)
    named = [c for c in answered if c.expected == "class" and not c.refused]
    turned: dict[str, float] = {}
    if named:
        pixels = model.decode({c.name: bodies[c.name] for c in named})
        labels = np.array([c.label for c in named], dtype=object)
        turned = {n: _right(model, turn, labels) for n, turn in turns(pixels).items()}
    return EdgeCases(
        model_sha256=exported.sha256, labels=model.labels, cases=answered, turned=turned
    )


def _ask(model: ExportedModel, case: EdgeCase, body: bytes) -> EdgeCase:
    from PIL import Image, UnidentifiedImageError

    try:
        pixels = model.decode({case.name: body})
    except (
        OSError,
        ValueError,
        SyntaxError,
        UnidentifiedImageError,
        Image.DecompressionBombError,
    ) as e:
        return replace(case, refused=f"{type(e).__name__}: {str(e)[:80].split(' at 0x')[0]}")
    scores = softmax(model.answer(pixels))[0]
    best = int(scores.argmax())
    return replace(case, answer=model.labels[best], confidence=float(scores[best]))


def _right(
    model: ExportedModel, pixels: Pixels, labels: "np.ndarray[tuple[int], np.dtype[np.object_]]"
) -> float:
    answers = model.answer(np.ascontiguousarray(pixels)).argmax(axis=1)
    return float((np.array(model.labels, dtype=object)[answers] == labels).mean())

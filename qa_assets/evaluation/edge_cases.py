"""Hand-made samples through the exported file alone: no training code, no test split."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from qa_assets.core.digests import digest_file, digest_json
from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records.behavior import EdgeCase, EdgeCases, Expected
from qa_assets.core.records.export import MODEL, OnnxModel
from qa_assets.evaluation.corruptions import Pixels
from qa_assets.evaluation.exported import ExportedModel
from qa_assets.evaluation.scores import softmax

MANIFEST = "manifest.csv"
COLUMNS = ("file", "expected", "label", "critical", "note")
_EXPECTED: Mapping[str, Expected] = {"class": "class", "unsure": "unsure", "refused": "refused"}
_YES = {"yes": True, "no": False}
_TURNS: Mapping[str, Callable[[Pixels], Pixels]] = {
    "as they are": lambda x: x,
    "transposed": lambda x: x.swapaxes(1, 2),
    "flipped left to right": lambda x: x[:, :, ::-1],
    "turned by 180 degrees": lambda x: x[:, ::-1, ::-1],
    "inverted": lambda x: 255 - x,
    "channels swapped": lambda x: x[..., ::-1],
}
MAX_BYTES = 10_000_000


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
        square = pixels.shape[1] == pixels.shape[2]
        turned = {
            name: _right(model, turn(pixels), labels)
            for name, turn in _TURNS.items()
            if square or name != "transposed"
        }
    return EdgeCases(
        model_sha256=exported.sha256, labels=model.labels, cases=answered, turned=turned
    )


def fingerprint(folder: Path | None) -> str:
    """Identity of all files of the set; "" without one."""
    if folder is None or not folder.is_dir():
        return ""
    return digest_json({p.name: digest_file(p) for p in sorted(folder.iterdir()) if p.is_file()})


def read_manifest(folder: Path, labels: tuple[str, ...]) -> tuple[EdgeCase, ...]:
    """Every line of the manifest.

    Raises:
        InputRefused: With each line that is wrong, and what would be right.
    """
    path = folder / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        right = f"A CSV file with the columns {', '.join(COLUMNS)}."
        raise InputRefused.of("CASES_MANIFEST", str(path), "cannot be read.", right) from error
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        message = f"has the columns {', '.join(reader.fieldnames or ())}."
        raise InputRefused.of("CASES_MANIFEST", str(path), message, f"Right: {', '.join(COLUMNS)}.")
    rows = list(enumerate(reader, start=2))
    faults = [f for line, row in rows for f in _faults(folder, f"{path}:{line}", row, labels)]
    if faults:
        raise InputRefused(*faults)
    return tuple(
        EdgeCase(
            row["file"],
            _EXPECTED[row["expected"]],
            row["label"],
            _YES[row["critical"]],
            row["note"],
        )
        for _, row in rows
    )


def _faults(
    folder: Path, where: str, row: Mapping[str, str], labels: tuple[str, ...]
) -> list[Problem]:
    name = row["file"] or ""
    found: list[Problem] = []
    if row["expected"] not in _EXPECTED or row["critical"] not in _YES:
        right = "expected is class, unsure or refused; critical is yes or no."
        found.append(Problem("CASES_MANIFEST", where, "is not understood.", right))
    elif row["expected"] == "class" and row["label"] not in labels:
        right = f"The classes are {', '.join(labels[:20])}."
        found.append(Problem("CASES_LABEL", where, f"{row['label']!r} is no class.", right))
    path = folder / name
    plain = name and "/" not in name and "\\" not in name and path.is_file()
    if not plain or path.is_symlink() or path.stat().st_size > MAX_BYTES:
        message = f"{name!r} is not a file of at most {MAX_BYTES} bytes beside the manifest."
        found.append(Problem("CASES_FILE", where, message, "Put it there."))
    return found


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

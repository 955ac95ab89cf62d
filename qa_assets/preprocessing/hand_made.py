"""The hand-made samples of a pipeline: their manifest, and the ways a picture can be turned."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec
from qa_assets.core.digests import digest_file, digest_json
from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records.behavior import EdgeCase, Expected
from qa_assets.preprocessing import image

Pixels = NDArray[np.uint8]
MANIFEST = "manifest.csv"
COLUMNS = ("file", "expected", "label", "critical", "note")
AS_THEY_ARE = "as they are"
TURNS: Mapping[str, Callable[[Pixels], Pixels]] = {
    AS_THEY_ARE: lambda x: x,
    "transposed": lambda x: x.swapaxes(1, 2),
    "flipped left to right": lambda x: x[:, :, ::-1],
    "turned by 180 degrees": lambda x: x[:, ::-1, ::-1],
    "inverted": lambda x: 255 - x,
    "channels swapped": lambda x: x[..., ::-1],
}
"""Mix-ups that a whole dataset may share; pixels are uint8 (sample, height, width, channels)."""
_EXPECTED: Mapping[str, Expected] = {"class": "class", "unsure": "unsure", "refused": "refused"}
_YES = {"yes": True, "no": False}
MAX_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class HandMade:
    """Critical samples of a class that can be read, sorted as the manifest is.

    Attributes:
        pixels: uint8, shape (sample, height, width, channels).
        labels: Index of the class, int64, shape (sample,).
    """

    pixels: Pixels
    labels: NDArray[np.int64]


def critical_samples(
    folder: Path | None, classes: tuple[str, ...], spec: InputSpec
) -> HandMade | None:
    """Decode the critical hand-made samples of a class; None where there are none.

    Raises:
        InputRefused: As :func:`read_manifest`.
    """
    cases = read_manifest(folder, classes) if folder else ()
    decoded: list[tuple[Pixels, int]] = []
    for case in cases:
        if folder and case.critical and case.expected == "class":
            try:
                pixels = image.decode((folder / case.name).read_bytes(), spec)
            except (OSError, ValueError, SyntaxError):
                continue  # a file that cannot be read is the exported model's to refuse
            decoded.append((pixels, classes.index(case.label)))
    if not decoded:
        return None
    labels = np.array([label for _, label in decoded], dtype=np.int64)
    return HandMade(np.stack([pixels for pixels, _ in decoded]), labels)


def turns(pixels: Pixels) -> "dict[str, Pixels]":
    """The pictures as they are, and turned in every way that fits their shape."""
    square, coloured = pixels.shape[1] == pixels.shape[2], pixels.shape[3] > 1
    left_out = {"transposed": not square, "channels swapped": not coloured}
    return {n: turn(pixels) for n, turn in TURNS.items() if not left_out.get(n)}


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

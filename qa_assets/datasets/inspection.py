"""One input judged by itself: what is usable, what is set aside, what should stop a release."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets import arrays
from qa_assets.datasets.class_names import with_odd_classes
from qa_assets.datasets.folders import ignored
from qa_assets.datasets.formats.idx import read_pair
from qa_assets.datasets.formats.manifest import labelled
from qa_assets.datasets.formats.npz import paired
from qa_assets.datasets.hints import hint, hinted, refuse_foreign
from qa_assets.datasets.labels import Labelled
from qa_assets.datasets.remedies import remedies, with_remedy
from qa_assets.datasets.settings import DatasetSettings, SampleLimits
from qa_assets.datasets.snapshot import collect
from qa_assets.datasets.source import FALLBACK, detect, visible
from qa_assets.datasets.table import inspect_table
from qa_assets.datasets.trees import is_archive

if TYPE_CHECKING:
    import pandas as pd

_TAKEN = "Give a folder or archive of pictures, IDX or NPZ; a table: qa inspect features."
LARGEST_RATIO = 20.0
"""Samples of the largest class over those of the smallest."""


@dataclass(frozen=True, slots=True)
class Options:
    """What an inspection is told beside the path.

    Attributes:
        limits: What is set aside before it is decoded.
        classes: The only labels that are right; any by default.
        columns: Columns a table of features must have; those it has by default.
        reference: A table of features that this one must look like.
        min_class: Samples that a class needs to be split.
    """

    limits: SampleLimits = field(default_factory=SampleLimits)
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    reference: Path | None = None
    min_class: int = 2


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found.

    Attributes:
        kept: Samples that can be used.
        bad: Samples that were set aside.
        problems: Everything that is wrong (errors) or odd (warnings).
    """

    kept: int
    bad: int
    problems: Sequence[Problem] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not any(p.severity == "error" for p in self.problems)


def inspect(kind: str, path: Path, options: Options) -> Inspection:
    """Look at one input.

    Args:
        kind: One of ``KINDS``.
        path: The input.
        options: What else is known about it.

    Raises:
        InputRefused: The input as a whole cannot be used.
    """
    if kind not in KINDS:
        raise InputRefused.of(
            "INSPECT_KIND", kind, "is no kind of input.", f"Known: {', '.join(KINDS)}."
        )
    with remedies(), hinted(path):
        found = KINDS[kind](path, options)
    return replace(found, problems=[with_remedy(p) for p in found.problems])


def inspect_dataset(path: Path, options: Options) -> Inspection:
    """A folder of pictures, in any of the formats."""
    kind = detect(path)
    if path.is_file() and kind == FALLBACK and not is_archive(path):
        refuse_foreign(path)
        raise InputRefused.of("SET_MISSING", str(path), "is a file, a folder was expected.", _TAKEN)
    path = path.absolute() if path.name != ".." else path.resolve()
    settings = DatasetSettings(path=path.name or ".", format=kind, limits=options.limits)
    with tempfile.TemporaryDirectory() as scratch:
        found = collect(settings, path.parent, Path(scratch))
    aside = found.taken.aside
    named = found.taken.found.select(["key", "name", "label"]).to_pandas()
    files = named.rename(columns={"key": "id"}).astype({"label": "str"})
    if files.empty:
        raise _nothing_left(path, aside)
    remarks, _ = with_odd_classes(found.noticed(), sorted(set(files["label"])))
    gates = [*_of_classes(path, files, options), *_conflicts(files)]
    leaks = [Problem(r.code, r.item, r.message) for r in remarks if r.code == "SET_LEAK"]
    odd = [_problem(r) for r in remarks if r.code != "SET_LEAK"]
    links = sum(
        (path / name).is_symlink() for name in files.loc[files.duplicated("id", keep=False), "name"]
    )
    return Inspection(len(files) - links, len(aside), [*map(_problem, aside), *gates, *leaks, *odd])


def inspect_archive(path: Path, options: Options) -> Inspection:
    """A zip or tar of such a folder."""
    if not path.is_file():
        raise InputRefused.of("SET_MISSING", str(path), "does not exist or is a folder.")
    if not is_archive(path):
        raise InputRefused.of("ARC_FORMAT", path.name, "is neither a zip nor a tar.")
    return inspect_dataset(path, options)


def inspect_labels(path: Path, options: Options) -> Inspection:
    """A table of labels with its pictures beside it; the pictures are not opened."""
    found = list(labelled(path, options.limits, options.classes))
    usable = [f for f in found if isinstance(f, Labelled)]
    aside = [f for f in found if isinstance(f, Quarantined)]
    odd = [f for f in found if isinstance(f, Remark)]
    bad = len({q.item for q in aside})  # rows that say one thing about one picture are one case
    counts = Counter(f.label for f in usable)
    wanted = dict.fromkeys(options.classes, 0) | counts
    gates = [
        _small(label, n) for label, n in wanted.items() if n < options.min_class and options.classes
    ]
    return Inspection(len(usable), bad, [*map(_problem, aside), *gates, *map(_problem, odd)])


def inspect_arrays(path: Path, options: Options) -> Inspection:
    """IDX pictures with their labels, or NPY and NPZ arrays."""
    if not path.is_file():
        raise InputRefused.of("SET_MISSING", str(path), "does not exist or is a folder.")
    name = path.name.removesuffix(".gz")
    if name.endswith(".npz"):
        found = paired(arrays.read_npz(path, options.limits), path)
        looks = [_finite(p.pixels.whole(), p.part) for p in found]
        problems = [problem for look in looks for problem in look.problems]
        return Inspection(sum(x.kept for x in looks), sum(x.bad for x in looks), problems)
    if name.endswith(".npy"):
        pixels = arrays.read_npy(path.read_bytes(), path.name)
        if not pixels.ndim or not len(pixels):
            raise InputRefused.of("SET_EMPTY", path.name, "holds no samples.")
        return _finite(pixels)
    labels = path.parent / name.replace("images", "labels").replace("idx3", "idx1")
    read = list(read_pair(path, labels))
    aside = [f for f in read if isinstance(f, Quarantined)]
    return Inspection(len(read) - len(aside), len(aside), [_problem(f) for f in aside])


def _finite(values: "NDArray[Any]", part: str = "") -> Inspection:
    flat = values.reshape(len(values), -1)
    good = np.isfinite(flat).all(axis=1) if values.dtype.kind == "f" else np.ones(len(flat), bool)
    problems = [
        Problem("FEAT_NONFINITE", f"{part} sample {i}".lstrip(), "has values that are not finite.")
        for i in np.flatnonzero(~good)
    ]
    return Inspection(int(good.sum()), int((~good).sum()), problems)


def inspect_features(path: Path, options: Options) -> Inspection:
    """A table of numbers with labels."""
    found = inspect_table(path, options.columns, options.reference)
    problems = [*map(_problem, found.aside), *found.problems, *map(_problem, found.odd)]
    return Inspection(len(found.rows), len(found.aside), problems)


KINDS: Mapping[str, Callable[[Path, Options], Inspection]] = {
    "dataset": inspect_dataset,
    "archive": inspect_archive,
    "labels": inspect_labels,
    "arrays": inspect_arrays,
    "features": inspect_features,
}
"""How each kind of input is looked at, by name."""


def _of_classes(path: Path, files: "pd.DataFrame", options: Options) -> Iterable[Problem]:
    counts = Counter(files.drop_duplicates(["id", "label"])["label"])
    empty = [c for c in _class_folders(path) if c not in counts]
    for label in (*options.classes, *empty):
        if label not in counts:
            yield Problem("SET_CLASS_EMPTY", visible(label), "is a class without samples.")
    for label, count in counts.items():
        if count < options.min_class:
            yield _small(label, count)
    if len(counts) == 1:
        only, what = visible(next(iter(counts))), "is the only class; nothing can be told apart."
        yield Problem("SET_ONE_CLASS", only, what, hint(path))
    largest, smallest = max(counts.values()), min(counts.values())
    if largest > LARGEST_RATIO * smallest:
        label = min(counts, key=counts.__getitem__)
        what = f"has {smallest} samples, the largest {largest}: at most {LARGEST_RATIO:g} to 1."
        yield Problem("SET_IMBALANCE", visible(label), what)


def _class_folders(path: Path) -> list[str]:
    if not path.is_dir():
        return []
    plain = (p for p in path.iterdir() if p.is_dir() and not p.is_symlink())
    may_be_read = (p for p in plain if not ignored(p.name) and os.access(p, os.R_OK | os.X_OK))
    return [p.name for p in may_be_read if not any(p.iterdir())]


def _conflicts(files: Any) -> Iterable[Problem]:
    twice = files[files["id"].duplicated(keep=False)]
    for _, same in twice.groupby("id"):
        if same["label"].nunique() > 1:
            names = ", ".join(map(visible, same["name"]))
            yield Problem("SET_LABEL_CONFLICT", names, "are the same bytes under different labels.")


def _small(label: str, count: int) -> Problem:
    what = f"is a class with {count} samples; it cannot be split."
    return Problem("SET_CLASS_SMALL", visible(label), what)


def _nothing_left(path: Path, aside: Sequence[Quarantined]) -> InputRefused:
    what = (
        f"holds no usable sample; {len(aside)} were set aside."
        if aside
        else "holds nothing that could be a sample."
    )
    named = ", ".join(visible(q.item) for q in aside[:20])
    return InputRefused(
        Problem("SET_EMPTY", str(path), f"{what} {named}".strip()), *map(_problem, aside)
    )


def _problem(finding: Quarantined | Remark) -> Problem:
    severity = "error" if isinstance(finding, Quarantined) else "warning"
    item, message = visible(finding.item), visible(finding.message)
    return Problem(finding.code, item, message, visible(finding.remedy), severity)

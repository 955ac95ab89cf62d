"""Accuracy where it may hide: classes, groups, buckets of quality, and weak segments found."""

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.digests import digest_bytes
from qa_assets.core.intervals import share
from qa_assets.core.records.evaluation import Slice

Rows = NDArray[np.bool_]
QUARTERS = ("lowest", "low", "high", "highest")


def slices(
    columns: Mapping[str, NDArray[np.object_]],
    measures: Mapping[str, NDArray[np.float64]],
    right: Rows,
    ids: NDArray[np.object_],
    *,
    min_samples: int = 10,
    most: int = 200,
    found: int = 3,
) -> tuple[Slice, ...]:
    """Accuracy of every slice with enough samples, and of the weakest segments.

    Segments (two slices at once) are searched on one half of the samples and measured on the
    other, so that what was searched for does not flatter or blacken its own measurement.

    Args:
        columns: Values by attribute (``class``, ``group``), each of shape (sample,).
        measures: Numbers by name (``brightness``); cut into quarters.
        right: Whether each answer is right.
        ids: Content digests: they decide the halves.
        min_samples: Smallest slice.
        most: Slices at most, the largest first.
        found: Segments at most.

    Returns:
        The worst first; intervals are corrected for the number of slices (Bonferroni).
    """
    parts = {
        name: rows for name, rows in _parts(columns, measures) if int(rows.sum()) >= min_samples
    }
    kept = sorted(parts, key=lambda name: (-int(parts[name].sum()), name))[:most]
    segments = dict(_weakest({n: parts[n] for n in kept}, right, ids, min_samples, found))
    tests = len(kept) + len(segments)
    chosen = [(n, parts[n], False) for n in kept] + [(n, r, True) for n, r in segments.items()]
    made = [
        Slice(name, share(int(right[rows].sum()), int(rows.sum()), confidence=_level(tests)), was)
        for name, rows, was in chosen
    ]
    return tuple(sorted(made, key=lambda s: (s.accuracy.value, s.name)))


def _level(tests: int) -> float:
    return 1 - 0.05 / max(tests, 1)


def _parts(
    columns: Mapping[str, NDArray[np.object_]], measures: Mapping[str, NDArray[np.float64]]
) -> Iterator[tuple[str, Rows]]:
    for name, values in columns.items():
        for value in sorted(set(values) - {""}):
            yield f"{name} {value}", values == value
    for name, numbers in measures.items():
        cuts = np.quantile(numbers, [0.25, 0.5, 0.75])
        place = np.searchsorted(cuts, numbers, side="right")
        for quarter, word in enumerate(QUARTERS):
            yield f"{name} {word} quarter", place == quarter


def _weakest(
    parts: Mapping[str, Rows],
    right: Rows,
    ids: NDArray[np.object_],
    min_samples: int,
    most: int,
) -> Iterator[tuple[str, Rows]]:
    half = np.array([int(digest_bytes(str(i).encode())[:2], 16) % 2 == 0 for i in ids], dtype=bool)
    names = list(parts)[:60]
    scored: list[tuple[float, str, Rows]] = []
    for one, other in combinations(names, 2):
        if one.split(" ")[0] == other.split(" ")[0]:
            continue
        rows = parts[one] & parts[other]
        seen = rows & half
        if int(seen.sum()) >= min_samples and int((rows & ~half).sum()) >= min_samples:
            scored.append((float(right[seen].mean()), f"{one} and {other}", rows & ~half))
    for _, name, rows in sorted(scored, key=lambda s: (s[0], s[1]))[:most]:
        yield name, rows

"""Two models on the same samples: what one lost that the other knew, and where."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.attributes import attributes_in
from qa_assets.core.errors import InputRefused
from qa_assets.core.intervals import mcnemar, paired_difference, share
from qa_assets.core.records.comparison import (
    FLIPS,
    ReleaseBaseline,
    ReleaseComparison,
    SliceChange,
)
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import Predictions
from qa_assets.core.tables import read_table, table_bytes

if TYPE_CHECKING:
    import pandas as pd

Right = NDArray[np.bool_]


def compare(
    predictions: Predictions, baseline: ReleaseBaseline, *, min_samples: int = 10, most: int = 200
) -> ReleaseComparison:
    """Hold a candidate's answers against the release's, sample by sample.

    Args:
        predictions: The candidate's answers.
        baseline: The release's, or why there are none.
        min_samples: Smallest slice that is looked at.
        most: Slices that are looked at, the largest first.

    Raises:
        InputRefused: ``SAMPLES_DIFFER``: they did not answer the same samples.
    """
    said = {"first_release": baseline.first_release, "version": baseline.version}
    if not baseline.release or baseline.unreadable:
        version = baseline.version or baseline.release
        return ReleaseComparison(
            first_release=baseline.first_release, version=version, unreadable=baseline.unreadable
        )
    now = read_table(predictions, SAMPLES).sort_values("id", ignore_index=True)
    then = read_table(baseline, SAMPLES).sort_values("id", ignore_index=True)
    if list(now["id"]) != list(then["id"]) or list(now["label"]) != list(then["label"]):
        message = "was asked other samples than the candidate."
        raise InputRefused.of("SAMPLES_DIFFER", "release_baseline", message, "Make it again.")
    right, before = (np.asarray(t["predicted"] == t["label"]) for t in (now, then))
    better, worse = int((right & ~before).sum()), int((~right & before).sum())
    return ReleaseComparison(
        **said,  # type: ignore[arg-type]
        before=share(int(before.sum()), len(before)),
        now=share(int(right.sum()), len(right)),
        change=paired_difference(better, worse, len(right)),
        p_value=mcnemar(better, worse),
        negative_flips=worse,
        positive_flips=better,
        slices=_slices(now, right, before, min_samples, most),
        files={FLIPS: _flips(now, then, before & ~right)},
    )


def _slices(
    table: "pd.DataFrame", right: Right, before: Right, min_samples: int, most: int
) -> tuple[SliceChange, ...]:
    chosen = [(name, rows) for name, rows in _parts(table) if rows.sum() >= min_samples]
    chosen = sorted(chosen, key=lambda part: (-int(part[1].sum()), part[0]))[:most]
    confidence = 1 - 0.05 / max(len(chosen), 1)  # Bonferroni: so many are looked at
    return tuple(
        SliceChange(
            name,
            float(before[rows].mean()),
            float(right[rows].mean()),
            paired_difference(
                int((right & ~before & rows).sum()),
                int((~right & before & rows).sum()),
                int(rows.sum()),
                confidence=confidence,
            ),
        )
        for name, rows in chosen
    )


def _parts(table: "pd.DataFrame") -> Iterator[tuple[str, Right]]:
    told = {w: np.asarray(table[c], object) for c, w in (("label", "class"), ("group", "group"))}
    names, _ = attributes_in(table)
    for word, values in {**told, **names}.items():
        for value in sorted(set(values) - {""}):
            yield f"{word} {value}", values == value


def _flips(now: "pd.DataFrame", then: "pd.DataFrame", lost: Right) -> bytes:
    import pandas as pd

    columns = {
        "id": now["id"],
        "label": now["label"],
        "before": then["predicted"],
        "now": now["predicted"],
        "confidence": now["confidence"],
    }
    found = pd.DataFrame({name: np.asarray(values)[lost] for name, values in columns.items()})
    surest = np.lexsort((found["id"], -found["confidence"].to_numpy(dtype=np.float64)))
    return table_bytes(found.iloc[surest].reset_index(drop=True))

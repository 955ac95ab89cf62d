"""The numbers of each class, from whole columns sorted by class."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def sorted_by(codes: NDArray[np.integer]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows sorted by a small number each, the first first; and where each number starts.

    Args:
        codes: Numbers from 0.
    """
    few = int(codes.max(initial=0)) <= np.iinfo(np.int16).max  # sorted in one pass or two
    order = np.argsort(codes.astype(np.int16) if few else codes, kind="stable")
    return order, np.flatnonzero(np.diff(codes[order], prepend=-1))


def by_class(samples: "pd.DataFrame") -> "pd.DataFrame":
    """One row a class, sorted by label."""
    import pandas as pd

    label: Any = samples["label"].astype("category").cat
    codes = label.codes.to_numpy().astype(np.intp)
    rows, starts = sorted_by(codes)
    counts = np.diff(np.append(starts, len(rows)))

    def sorted_values(name: str) -> NDArray[np.float64]:
        return samples[name].to_numpy()[rows].astype(np.float64)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.add.reduceat(values, starts) / counts

    light = sorted_values("brightness")
    middle = mean(light)
    columns: dict[str, Any] = {
        "label": pd.array(np.asarray(label.categories, object)[codes[rows[starts]]], "str"),
        "share": counts / len(samples),
        "samples": counts,
        "brightness_mean": middle,
        "brightness_std": np.sqrt(mean((light - np.repeat(middle, counts)) ** 2)),
        "contrast_mean": mean(sorted_values("contrast")),
    }
    for name in ("width", "height"):
        values = samples[name].to_numpy()[rows]
        columns[f"{name}_min"] = np.minimum.reduceat(values, starts)
        columns[f"{name}_max"] = np.maximum.reduceat(values, starts)
    columns["bytes_mean"] = mean(sorted_values("bytes"))
    return pd.DataFrame(columns)

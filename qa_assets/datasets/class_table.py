"""The numbers of each class, from whole columns sorted by class."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def by_class(samples: "pd.DataFrame") -> "pd.DataFrame":
    """One row a class, sorted by label."""
    import pandas as pd

    label: Any = samples["label"].astype("category").cat
    codes = label.codes.to_numpy().astype(np.intp)
    rows = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[rows], prepend=-1))
    counts = np.diff(np.append(starts, len(rows)))

    def sorted_values(name: str) -> NDArray[np.float64]:
        return samples[name].to_numpy()[rows].astype(np.float64)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.add.reduceat(values, starts) / counts

    light = sorted_values("brightness")
    middle = mean(light)
    columns: dict[str, Any] = {
        "label": np.asarray(label.categories, object)[codes[rows[starts]]],
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
    return pd.DataFrame(columns).astype({"label": "str"})

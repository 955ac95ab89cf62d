"""What a dataset says of a sample beside its label and group: the camera, the site, the shift.

In tables it is one column of canonical JSON, an object of text by name, "" where there is none.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

ATTRIBUTES = "attributes"
"""The column."""
FEWEST_TO_MEASURE = 20
"""Different numbers from which an attribute is a measure, cut into quarters, and no name."""


def attributes_text(values: Mapping[str, str]) -> str:
    """The cell that stands for these attributes; empty ones are left out."""
    told = {name: value for name, value in values.items() if value}
    return json.dumps(told, sort_keys=True, ensure_ascii=False) if told else ""


def attribute_columns(cells: Sequence[str]) -> dict[str, NDArray[np.object_]]:
    """One column an attribute, "" where a sample has none.

    Args:
        cells: As ``attributes_text`` writes them, one a sample.

    Returns:
        Text by name, each of shape (sample,), names sorted.
    """
    read = {cell: json.loads(cell) if cell else {} for cell in set(cells)}
    names = sorted({name for values in read.values() for name in values})
    return {
        name: np.array([read[cell].get(name, "") for cell in cells], dtype=object) for name in names
    }


def attributes_in(
    table: "pd.DataFrame",
) -> tuple[dict[str, NDArray[np.object_]], dict[str, NDArray[np.float64]]]:
    """Those of a table with such a column, by kind; none of any other."""
    return split_by_kind(attribute_columns(list(table[ATTRIBUTES]) if ATTRIBUTES in table else []))


def split_by_kind(
    columns: Mapping[str, NDArray[np.object_]],
) -> tuple[dict[str, NDArray[np.object_]], dict[str, NDArray[np.float64]]]:
    """Attributes that name something, and those that measure it.

    A measure is a number for every sample, with at least ``FEWEST_TO_MEASURE`` different values.
    """
    names: dict[str, NDArray[np.object_]] = {}
    measures: dict[str, NDArray[np.float64]] = {}
    for name, values in columns.items():
        numbers = numbers_of(values)
        if (
            numbers is None
            or np.isnan(numbers).any()
            or len(np.unique(numbers)) < FEWEST_TO_MEASURE
        ):
            names[name] = values
        else:
            measures[name] = numbers
    return names, measures


def numbers_of(values: NDArray[np.object_]) -> NDArray[np.float64] | None:
    """The attribute as numbers, NaN where a sample has none; nothing where it is no number."""
    given = values != ""
    numbers = np.full(len(values), np.nan)
    try:
        numbers[given] = values[given].astype(np.float64)
    except ValueError:
        return None
    return numbers if np.isfinite(numbers[given]).all() else None

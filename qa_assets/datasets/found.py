"""What was found in a source as columns: one row a usable file."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from qa_assets.datasets import keys
from qa_assets.datasets.blocks import Block
from qa_assets.datasets.source import RawSample, shown

if TYPE_CHECKING:
    import pyarrow as pa

FOUND = ("key", "label", "group", "name", "part", "attributes")
"""Columns of what was found: one row a usable file."""
TEXTS = ("label", "group", "name", "part", "attributes")


def text_of(column: Sequence[str]) -> "pa.Array":
    """Names as a column of text; one that is not UTF-8 as it is shown."""
    import pyarrow as pa

    try:
        return pa.array(column, pa.string())
    except UnicodeEncodeError:  # a name that is not UTF-8
        return pa.array([shown(text) for text in column], pa.string())


def columns_of(
    block: Block, known: keys.Keys, group_of: Callable[[RawSample], str] | None
) -> "pa.Table":
    """Columns ``FOUND`` of a block whose keys are known."""
    import pyarrow as pa

    count = len(known)
    zeros = pa.array(np.zeros(count, np.int32))
    none = pa.DictionaryArray.from_arrays(zeros, pa.array([""], pa.string()), safe=False)
    words = pa.array(block.words, pa.string())
    part = pa.array([block.part], pa.string())
    groups = none
    if group_of is not None:
        groups = text_of([group_of(raw) for raw in block.named()]).dictionary_encode()
    columns = {
        "key": keys.column(known),
        "label": pa.DictionaryArray.from_arrays(block.codes.astype(np.int32), words),
        "group": groups,
        "name": block.names(),
        "part": pa.DictionaryArray.from_arrays(zeros, part, safe=False),
        "attributes": none,
    }
    return pa.table({name: columns[name] for name in FOUND})

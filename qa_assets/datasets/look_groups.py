"""Pictures that look the same, one by way of another: union-find over pairs."""

import numpy as np
from numpy.typing import NDArray

from qa_assets.datasets.near_duplicates import Pairs


def groups(pairs: Pairs, count: int) -> NDArray[np.int64]:
    """Number of the group of each of ``count`` pictures, -1 where it looks like no other."""
    parent = np.arange(count)
    _join(parent, pairs.first[pairs.same], pairs.second[pairs.same])
    return _numbered(parent)


def _join(parent: NDArray[np.intp], first: NDArray[np.intp], second: NDArray[np.intp]) -> None:
    """Union-find, path halving."""
    for one, two in zip(first.tolist(), second.tolist(), strict=True):
        a, b = _root(parent, one), _root(parent, two)
        if a != b:
            parent[max(a, b)] = min(a, b)


def _root(parent: NDArray[np.intp], place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = int(parent[place])
    return place


def _numbered(parent: NDArray[np.intp]) -> NDArray[np.int64]:
    while (parent[parent] != parent).any():
        parent = parent[parent]
    counts = np.bincount(parent, minlength=len(parent))
    numbers = np.cumsum(counts > 1) - 1
    return np.where(counts[parent] > 1, numbers[parent], -1).astype(np.int64)

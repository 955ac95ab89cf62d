"""A tensor as a file has it, and how a file that has none is refused."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.errors import InputRefused


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor as the file has it.

    Attributes:
        dtype: In NumPy's names, and ``bfloat16``.
        shape: Its sizes.
        body: Its numbers; empty where a view of them is stored.
    """

    dtype: str
    shape: tuple[int, ...]
    body: bytes

    def numbers(self) -> "NDArray[np.floating] | None":
        """Its values where they are floating-point numbers, flat; None otherwise."""
        if self.dtype == "bfloat16":
            return (np.frombuffer(self.body, np.uint16).astype(np.uint32) << 16).view(np.float32)
        if self.dtype in ("float64", "float32", "float16"):
            return np.frombuffer(self.body, np.dtype(self.dtype))
        return None


def corrupt(name: str, what: str) -> InputRefused:
    """``W_CORRUPT``: damaged, or what it says of itself cannot be."""
    return refused("W_CORRUPT", name, f"{what}.", "Copy or save it again.")


def refused(code: str, name: str, what: str, remedy: str) -> InputRefused:
    """Refuse a file of weights."""
    return InputRefused.of(code, name, what, remedy)

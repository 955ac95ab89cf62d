"""Whether weights that came from elsewhere are those of a network, whole, finite and trained."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from qa_assets.core.errors import InputRefused, Problem
from qa_assets.training.weight_files import read_weights
from qa_assets.training.weight_tensors import StoredTensor

MAX_MIB = 16384
_MIB = 1 << 20
_SQUARE_OVERFLOWS = 1e19
"""From here on two of them multiplied are no float32 any more."""
_VANISHED = float(np.finfo(np.float32).tiny)
_DIGEST = re.compile(r"([0-9a-f]{64}) [ *](.+)")
Tensors = Mapping[str, StoredTensor]


def inspect_weights(
    path: Path, reference: Path | None = None, initial: Path | None = None
) -> tuple[int, list[Problem]]:
    """Read a file of weights, run nothing in it, and hold it against a network.

    Args:
        path: The file; ``PATH.sha256`` beside it says what it must be.
        reference: Weights of the same network: its names, shapes and types are the right ones.
        initial: The weights that the training began with.

    Returns:
        Number of tensors, and what should fail a gate.

    Raises:
        InputRefused: ``W_*``: with everything that is wrong with the file.
    """
    body = _body(path)
    try:
        tensors: Tensors = read_weights(body, path.name)
    except InputRefused as refused:
        raise InputRefused(*refused.problems, *_digest(path, body)) from refused
    problems = [*_digest(path, body), *_not_finite(tensors)]
    if reference is not None:
        problems += _unlike(tensors, read_weights(_body(reference), reference.name))
    if problems:
        raise InputRefused(*problems)
    before = read_weights(_body(initial), initial.name) if initial else {}
    return len(tensors), [*_lost(tensors), *_unmoved(tensors, before)]


def _body(path: Path) -> bytes:
    if not path.is_file():
        raise InputRefused.of("W_MISSING", path.name, "is no file.", "Name a file of weights.")
    if path.stat().st_size > MAX_MIB * _MIB:
        raise InputRefused.of("W_SIZE", path.name, f"is larger than {MAX_MIB} MiB.")
    return path.read_bytes()


def _digest(path: Path, body: bytes) -> Iterator[Problem]:
    beside = path.with_name(f"{path.name}.sha256")
    right = f"Write it with sha256sum {path.name} > {beside.name} where the weights are made."
    try:
        text = beside.read_text(encoding="utf-8")[:4096]
    except (OSError, UnicodeDecodeError):
        yield Problem("W_DIGEST", path.name, f"has no {beside.name} beside it.", right)
        return
    found = _DIGEST.fullmatch(text.strip())
    if found is None or found[2] != path.name:
        what = f"is of {found[2][:80]!r}" if found else "holds no digest"
        yield Problem("W_DIGEST", beside.name, f"{what}, not of {path.name}.", right)
    elif found[1] != hashlib.sha256(body).hexdigest():
        yield Problem("W_DIGEST", path.name, "is not what its digest says.", "Copy it again.")


def _not_finite(tensors: Tensors) -> Iterator[Problem]:
    for name, tensor in tensors.items():
        numbers = tensor.numbers()
        if numbers is not None and not np.isfinite(numbers).all():
            nans = int(np.isnan(numbers).sum())
            what = f"holds {nans} NaN and {int(np.isinf(numbers).sum())} infinities."
            yield Problem("W_NONFINITE", name, what, "Train it again.")


def _unlike(tensors: Tensors, right: Tensors) -> Iterator[Problem]:
    found, needed = ", ".join(list(tensors)[:20]), ", ".join(list(right)[:20])
    for name in right.keys() - tensors.keys():
        yield Problem("W_KEYS", name, f"is missing; there are: {found}.", f"Needed: {needed}.")
    for name in tensors.keys() - right.keys():
        wrapped = name.startswith("module.") and name.removeprefix("module.") in right
        hint = " (saved from a parallel wrapper)" if wrapped else ""
        yield Problem("W_KEYS", name, f"is not of this network{hint}.", f"Needed: {needed}.")
    for name, tensor in tensors.items():
        if name not in right:
            continue
        if tensor.shape != right[name].shape:
            wanted = f"{list(right[name].shape)} is right; nothing is reshaped."
            yield Problem("W_SHAPE", name, f"is {list(tensor.shape)}, {wanted}")
        if tensor.dtype != right[name].dtype:
            wanted = f"{right[name].dtype} is right; nothing is cast."
            yield Problem("W_DTYPE", name, f"is {tensor.dtype}, {wanted}")


def _lost(tensors: Tensors) -> Iterator[Problem]:
    for name, tensor in tensors.items():
        numbers = tensor.numbers()
        if numbers is None or not numbers.size or len(tensor.shape) < 2:
            continue
        largest = float(np.abs(numbers.astype(np.float64)).max())
        if largest == 0:
            yield Problem("M_CONSTANT", name, "is zero: it was never trained, or lost.")
        elif largest < _VANISHED:
            yield Problem("W_VANISHED", name, f"vanishes: nothing in it exceeds {largest:.2g}.")
        elif largest > _SQUARE_OVERFLOWS:
            what = f"holds {largest:.2g}: two such layers are beyond float32."
            yield Problem("M_NONFINITE", name, what)


def _unmoved(tensors: Tensors, before: Tensors) -> Iterator[Problem]:
    """Nothing was learnt; some tensors may be frozen, not all of them."""
    same = [n for n, tensor in tensors.items() if n in before and tensor.body == before[n].body]
    for name in same if len(same) == len(tensors) else ():
        yield Problem("TRAIN_NO_UPDATE", name, "is as it was before the training.")

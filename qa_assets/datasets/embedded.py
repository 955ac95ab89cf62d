"""Datasets that come with a dependency, written as the folder a user would have."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qa_assets.core.errors import EnvironmentFault, InputRefused
from qa_assets.core.folders import sync_folder
from qa_assets.datasets.stored_png import png_of

ROWS_PER_BLOCK = 150
"""Rows of scikit-learn's digits are in writer order, so a block of rows is a group of writers."""
DIGITS_TOP = 16
"""Largest value of a digits pixel."""


def make(source: str, folder: Path) -> int:
    """Write an embedded dataset as a class-per-folder tree; the same bytes on every machine.

    The tree is written beside ``folder`` and renamed: it appears whole or not at all. Where it is
    there already it stays as it is.

    Returns:
        Files that were written.

    Raises:
        InputRefused: ``SET_EMBEDDED``: no such source.
        EnvironmentFault: The disk or its permissions do not allow it.
    """
    if source not in _SOURCES:
        raise InputRefused.of(
            "SET_EMBEDDED", source, "is no embedded dataset.", f"Known: {', '.join(_SOURCES)}."
        )
    if folder.exists():
        return 0
    try:
        return _write_tree(_SOURCES[source](), folder)
    except OSError as error:
        raise EnvironmentFault.of(
            "ENV_PERMISSION" if error.errno in (errno.EACCES, errno.EPERM) else "ENV_DISK_FULL",
            str(folder),
            f"cannot be written: {error.strerror}.",
            "Check the folder's owner and the free space.",
        ) from error


grey_png = png_of


def _sklearn_digits() -> Iterator[tuple[str, bytes]]:
    from sklearn.datasets import load_digits  # 1.1 s, once in the life of a project

    digits: Any = load_digits()
    grey = np.rint(np.asarray(digits.images) * (np.iinfo(np.uint8).max / DIGITS_TOP))
    for row, (pixels, label) in enumerate(zip(grey.astype(np.uint8), digits.target, strict=True)):
        yield f"{label}/block{row // ROWS_PER_BLOCK:02d}_row{row:04d}.png", grey_png(pixels)


_SOURCES: Mapping[str, Callable[[], Iterator[tuple[str, bytes]]]] = {
    "sklearn_digits": _sklearn_digits
}


def _write_tree(files: Iterator[tuple[str, bytes]], folder: Path) -> int:
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    count = 0
    try:
        for name, body in files:
            place = draft / name
            place.parent.mkdir(exist_ok=True)
            with place.open("wb") as stream:
                stream.write(body)
                stream.flush()
                os.fsync(stream.fileno())
            count += 1
        for made in {p.parent for p in draft.rglob("*")}:
            sync_folder(made)
        draft.chmod(0o755)
        draft.rename(folder)
        sync_folder(folder.parent)
    except OSError:
        if not folder.is_dir():  # otherwise another process was faster and wrote the same
            raise
        return 0
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return count

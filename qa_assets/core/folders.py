"""Folders: what lies in them, and what makes that durable."""

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Whatever is in a folder and is no folder itself, links among it: POSIX name and path."""
    for inside, folders, names in os.walk(folder):
        below = inside[len(str(folder)) :].lstrip(os.sep).replace(os.sep, "/")
        links = (name for name in folders if Path(inside, name).is_symlink())
        for name in (*names, *links):
            yield f"{below}/{name}" if below else name, Path(inside, name)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable (a no-op where folders cannot be opened: Windows)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make the bytes of a file durable."""
    with path.open("r+b") as stream:  # Windows asks for the right to write it
        os.fsync(stream.fileno())

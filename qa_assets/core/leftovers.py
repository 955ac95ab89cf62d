"""What a killed process left behind: drafts carry its number, and go when it is gone."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

_OWNER = re.compile(r"^\.?draft-(\d+)-|^scratch-(\d+)-|\.(\d+)\.draft$")


def draft_prefix() -> str:
    """Start of the name of a folder that this process is still writing."""
    return f".draft-{os.getpid()}-"


def scratch_prefix() -> str:
    """Start of the name of a working folder of this process."""
    return f"scratch-{os.getpid()}-"


def draft_file(path: Path) -> Path:
    """Where this process writes the file that is to replace ``path``."""
    return path.with_name(f".{path.name}.{os.getpid()}.draft")


def sweep(root: Path) -> list[str]:
    """Remove every draft and scratch folder below ``root`` whose process is gone.

    Returns:
        Names of what was removed.
    """
    removed: list[str] = []
    for path, owner in list(_drafts(root)):
        if not _alive(owner):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            removed.append(path.name)
    return removed


def at_work(root: Path) -> list[int]:
    """Numbers of the processes that are making something in the scratch folder of a store."""
    owners = {owner for path, owner in _drafts(root / "scratch") if path.exists()}
    return sorted(owner for owner in owners if owner != os.getpid() and _alive(owner))


def _drafts(root: Path) -> Iterator[tuple[Path, int]]:
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            found = _OWNER.search(name)
            if found:
                yield Path(folder, name), int(next(g for g in found.groups() if g))
        folders[:] = [f for f in folders if not _OWNER.search(f) and len(f) < 64]


def _alive(process: int) -> bool:
    """Whether the process runs; where that cannot be asked without harm (Windows), it does."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

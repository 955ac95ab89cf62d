"""Images a second: our snapshot, quality, duplicates and statistics against CleanVision.

Both look at the same PNG files in the same run, each in a process of its own, in turn.
Usage: python -m benchmarks.data FOLDER [FOLDER ...]
"""

import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import PIL.Image

ROUNDS = 3


def ours(folder: Path) -> None:
    """Everything the first three assets of the graph do."""
    from qa_assets.datasets.quality import quality
    from qa_assets.datasets.settings import DatasetSettings
    from qa_assets.datasets.snapshot import snapshot
    from qa_assets.datasets.statistics import statistics

    with tempfile.TemporaryDirectory() as scratch:
        settings = DatasetSettings(path=folder.name)
        taken = snapshot(settings, "bench", folder.parent, Path(scratch))
        statistics(taken, quality(taken))


def theirs(folder: Path) -> None:
    """What CleanVision finds with its defaults, exact and near duplicates among it."""
    from cleanvision import Imagelab  # pyright: ignore[reportMissingImports]

    Imagelab(data_path=str(folder)).find_issues(verbose=False)


SIDES: dict[str, Callable[[Path], None]] = {"qa_assets": ours, "CleanVision": theirs}


def measure(side: str, folder: Path) -> dict[str, float]:
    """Seconds and peak memory of one side, in a process of its own; imports are not counted."""
    code = (
        "import sys, json, time, resource; from pathlib import Path\n"
        "from benchmarks.data import SIDES, warm\n"
        "side, folder = SIDES[sys.argv[1]], Path(sys.argv[2]); warm(sys.argv[1])\n"
        "began = time.perf_counter(); side(folder); took = time.perf_counter() - began\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "print(json.dumps({'seconds': took, 'mib': peak}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, side, str(folder)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def warm(side: str) -> None:
    """Import what a side needs, so that its time is that of the images."""
    if side == "qa_assets":
        names = ("pandas", "pyarrow.compute", "pyarrow.pandas_compat", "pyarrow.parquet")
        names += ("PIL.ImageDraw", "PIL.ImageOps", "qa_assets.core.strict_json")
        names += tuple(f"qa_assets.datasets.{r}" for r in ("snapshot", "quality", "statistics"))
    else:
        names = ("cleanvision",)
    for name in names:
        importlib.import_module(name)
    PIL.Image.preinit()  # imports its decoders
    if side == "qa_assets":
        from qa_assets.core.freed_memory import keep_freed_memory
        from qa_assets.datasets.source import FORMATS

        assert all(FORMATS), "imports the readers"
        keep_freed_memory()  # as a run does


def main(folders: list[str]) -> None:
    """Print one row a folder."""
    write = sys.stdout.write
    write(
        f"{'folder':20} {'images':>7} {'ours/s':>9} {'CleanVision/s':>14} {'ratio':>6} {'MiB':>6}\n"
    )
    for name in folders:
        folder = Path(name).resolve()
        images = sum(1 for p in folder.rglob("*.png"))
        rounds = ROUNDS if images < 10_000 else 1
        best: dict[str, dict[str, float]] = {}
        for _ in range(rounds):
            for side in SIDES:
                found = measure(side, folder)
                best[side] = min(best.get(side, found), found, key=lambda f: f["seconds"])
        mine, other = (images / best[side]["seconds"] for side in SIDES)
        write(
            f"{folder.name:20} {images:7} {mine:9.0f} {other:14.0f} {mine / other:6.1f}"
            f" {best['qa_assets']['mib']:6.0f}\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])

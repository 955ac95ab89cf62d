"""What a new version costs: snapshot, quality, duplicates, statistics of MNIST, then 1 % more each.

The assets are made as a run makes them: from a store, each record verified when it is read. Every
row is a process of its own; "with start" counts its start and its imports, "work" does not.
Usage: python -m benchmarks.growing FOLDER [LAYOUT] (with MNIST's four files, packed or not; as
``idx`` or as an ``image_folder`` of PNG files)
"""

import json
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

import qa_assets

MORE, TIMES = 0.01, 5
"""So much is added, so often."""
COLUMNS = ("cpu", "wall", "whole cpu", "whole wall")
ASSETS = ("dataset_snapshot", "sample_quality", "dataset_statistics")
Numbers = NDArray[np.uint8]


def read(folder: Path, name: str) -> Numbers:
    """Values of one of MNIST's files."""
    from qa_assets.datasets.idx_files import read_idx

    place = folder / name if (folder / name).exists() else folder / f"{name}.gz"
    return read_idx(place, 1 if "labels" in name else 3)


def write(folder: Path, pictures: Numbers, labels: Numbers, layout: str = "idx") -> None:
    """Two IDX files, or a file a picture; those that are there stay."""
    from qa_assets.datasets.stored_png import pngs_of

    folder.mkdir(parents=True, exist_ok=True)
    if layout == "image_folder":
        for number, (body, label) in enumerate(zip(pngs_of(pictures), labels, strict=True)):
            place = folder / str(label) / f"{number:07d}.png"
            if not place.exists():
                place.parent.mkdir(exist_ok=True)
                place.write_bytes(body)
        return
    for name, values in (("images-idx3", pictures), ("labels-idx1", labels)):
        head = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
        (folder / f"train-{name}-ubyte").write_bytes(head + values.tobytes())


def make(root: Path, layout: str = "idx") -> dict[str, float]:
    """Bring the three assets up to date; seconds by what was counted."""
    import pandas
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageOps
    import pyarrow.compute
    import pyarrow.dataset
    import pyarrow.parquet

    from qa_assets import artifacts
    from qa_assets.core.store import LocalStore
    from qa_assets.datasets import quality, snapshot, statistics
    from qa_assets.datasets.settings import DatasetSettings, SplitSettings
    from qa_assets.datasets.source import FORMATS
    from qa_assets.stages import data

    assert all((qa_assets, pandas, PIL, pyarrow, quality, snapshot, statistics, *FORMATS))
    PIL.Image.preinit()  # imports its decoders
    config = SimpleNamespace(
        dataset=DatasetSettings(path="set", format=layout), splits=SplitSettings()
    )
    pipeline = SimpleNamespace(name="growing", config=config, root=root)
    graph, store, digests = artifacts.Collector(), LocalStore(root / "store"), dict[str, str]()
    data.versions(graph, pipeline)  # pyright: ignore[reportArgumentType]
    wall, cpu, reused = time.perf_counter(), time.process_time(), 0
    for name in ASSETS:
        made = artifacts.obtain(graph.artifacts[name], digests, store)
        digests[name], reused = made.digest, reused + made.reused
    spent = time.process_time() - cpu
    return {"wall": time.perf_counter() - wall, "cpu": spent, "reused": reused}


def measure(root: Path, layout: str) -> dict[str, float]:
    """The same in a process of its own, with its start."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    code = (
        "import json, sys; from pathlib import Path; from benchmarks.growing import make\n"
        "print(json.dumps(make(Path(sys.argv[1]), sys.argv[2])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(root), layout], capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = json.loads(done.stdout.splitlines()[-1])
    return {**found, "whole wall": time.perf_counter() - began, "whole cpu": cpu}


def main(folder: Path, layout: str = "idx") -> None:
    """Print one row a version, and what part of the full time those with more took."""
    first, second = (
        tuple(read(folder, f"{side}-{n}-ubyte") for n in ("images-idx3", "labels-idx1"))
        for side in ("train", "t10k")
    )
    whole = [np.concatenate(pair) for pair in zip(first, second, strict=True)]
    count, new = len(first[0]), round(len(first[0]) * MORE)
    sizes = [count + new * n for n in range(1, TIMES + 1)]
    titles = "".join(f"{t:>15}" for t in ("work cpu", "work wall", "with start cpu", "wall"))
    sys.stdout.write(f"{'version':26}{titles}   seconds\n")
    with tempfile.TemporaryDirectory(prefix="qa-growing-") as made:
        steps = Path(made) / "steps"
        write(steps / "set", *(w[:count] for w in whole), layout)
        _told(f"{count} from nothing", measure(steps, layout))
        pairs: list[tuple[dict[str, float], dict[str, float]]] = []
        for size in sizes:  # side by side, since machines are not always as fast
            write(steps / "set", *(w[:size] for w in whole), layout)
            more = _told(f"{new} more: {size}", measure(steps, layout))
            full = Path(made) / f"full {size}"
            write(full / "set", *(w[:size] for w in whole), layout)
            pairs.append((more, _told(f"{size} from nothing", measure(full, layout))))
            shutil.rmtree(full)
        if _told("unchanged", measure(steps, layout))["reused"] != len(ASSETS):
            sys.exit("the unchanged version was made again")
    shares = [[more[c] / full[c] for more, full in pairs] for c in COLUMNS]
    for title, of in (("median", median), ("least", min), ("most", max)):
        figures = "".join(f"{of(share):15.1%}" for share in shares)
        sys.stdout.write(f"{f'{MORE:.0%} more, of all: {title}':26}{figures}\n")


def _told(name: str, found: dict[str, float]) -> dict[str, float]:
    figures = "".join(f"{found[c]:15.2f}" for c in COLUMNS)
    sys.stdout.write(f"{name:26}{figures}\n")
    sys.stdout.flush()
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

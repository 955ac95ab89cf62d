"""Peak memory and time of each data asset on a million small pictures, made up and written as IDX.

Each asset runs in a process of its own, with its inputs from the store, as in the graph.
Usage: python -m benchmarks.million [SAMPLES] [FOLDER]
"""

import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SIDE, CLASSES, BLOCK = 12, 10, 1 << 14
STEPS = ("dataset_snapshot", "sample_quality", "dataset_statistics", "dataset_splits")
CODE = """
import json, resource, sys, time
from pathlib import Path
from benchmarks.million import make
began = time.perf_counter()
digest = make(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([digest, time.perf_counter() - began, peak]))
"""


def write(folder: Path, samples: int) -> None:
    """Smooth random pictures, each of one of ten kinds, so that they look alike as real ones do."""
    draw = np.random.default_rng(0)
    kinds = draw.random((CLASSES, SIDE, SIDE)) * 160
    folder.mkdir(parents=True)
    shapes = {"images-idx3-ubyte": (3, (samples, SIDE, SIDE)), "labels-idx1-ubyte": (1, (samples,))}
    for name, (rank, shape) in shapes.items():
        head = struct.pack(f">HBB{rank}I", 0, 8, rank, *shape)
        (folder / name).write_bytes(head)
    pictures, labels = ((folder / name).open("ab") for name in shapes)
    with pictures, labels:
        for start in range(0, samples, BLOCK):
            kind = draw.integers(0, CLASSES, min(BLOCK, samples - start))
            noise = draw.random((len(kind), SIDE, SIDE)) * 95
            pictures.write((kinds[kind] + noise).astype(np.uint8).tobytes())
            labels.write(kind.astype(np.uint8).tobytes())


def make(step: str, folder: Path, inputs: dict[str, str]) -> str:
    """Make one asset from its stored inputs, and store it; its digest."""
    from qa_assets.core.records.datasets import DatasetSnapshot
    from qa_assets.core.records.quality import SampleQuality
    from qa_assets.core.store import LocalStore
    from qa_assets.datasets.quality import quality
    from qa_assets.datasets.settings import DatasetSettings, SplitSettings
    from qa_assets.datasets.snapshot import snapshot
    from qa_assets.datasets.splits import split
    from qa_assets.datasets.statistics import statistics

    store = LocalStore(folder / "store")
    with tempfile.TemporaryDirectory(dir=store.scratch()) as scratch:
        if step == "dataset_snapshot":
            settings = DatasetSettings(path="set", format="idx")
            return store.put(snapshot(settings, "m", folder, Path(scratch)).content())
        taken = DatasetSnapshot.load(store.get(inputs["dataset_snapshot"]))
        if step == "sample_quality":
            return store.put(quality(taken).content())
        if step == "dataset_splits":
            return store.put(split(taken, SplitSettings()).content())
        judged = SampleQuality.load(store.get(inputs["sample_quality"]))
        return store.put(statistics(taken, judged).content())


def main(samples: int, folder: Path) -> None:
    """Print one row an asset."""
    if not (folder / "set").exists():
        write(folder / "set", samples)
    inputs: dict[str, str] = {}
    sys.stdout.write(f"{'asset':20} {'samples':>9} {'seconds':>8} {'peak MiB':>9}\n")
    for step in STEPS:
        words = [sys.executable, "-c", CODE, step, str(folder), json.dumps(inputs)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        inputs[step], seconds, peak = json.loads(done.stdout.splitlines()[-1])
        sys.stdout.write(f"{step:20} {samples:9} {seconds:8.1f} {peak:9.0f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    if len(sys.argv) > 2:
        main(count, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory(prefix="qa-million-") as made:
            main(count, Path(made))

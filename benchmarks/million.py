"""Peak memory and time of each data asset on a million small pictures, made up.

Each asset runs in a process of its own, with its inputs from the store, as in the graph.
Usage: python -m benchmarks.million [SAMPLES] [LAYOUT], one of ``WRITE``
"""

import io
import json
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SIDE, CLASSES, CAMERAS, BLOCK = 12, 10, 3, 1 << 14
STEPS = ("dataset_snapshot", "sample_quality", "dataset_statistics", "dataset_splits")
CODE = """
import json, resource, sys, time
from pathlib import Path
from benchmarks.million import make
began = time.perf_counter()
digest = make(sys.argv[1], Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([digest, time.perf_counter() - began, peak]))
"""
Blocks = Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]


def pictures(samples: int) -> Blocks:
    """Smooth random pictures, each of one of ten kinds, so that they look alike as real ones do."""
    draw = np.random.default_rng(0)
    kinds = draw.random((CLASSES, SIDE, SIDE)) * 160
    for start in range(0, samples, BLOCK):
        kind = draw.integers(0, CLASSES, min(BLOCK, samples - start))
        noise = draw.random((len(kind), SIDE, SIDE)) * 95
        yield (kinds[kind] + noise).astype(np.uint8), kind.astype(np.uint8)


def write_idx(place: Path, samples: int) -> None:
    """Two files, as MNIST has them."""
    place.mkdir()
    shapes = {"images-idx3-ubyte": (3, (samples, SIDE, SIDE)), "labels-idx1-ubyte": (1, (samples,))}
    for name, (rank, shape) in shapes.items():
        head = struct.pack(f">HBB{rank}I", 0, 8, rank, *shape)
        (place / name).write_bytes(head)
    images, labels = ((place / name).open("ab") for name in shapes)
    with images, labels:
        for pixels, kind in pictures(samples):
            images.write(pixels.tobytes())
            labels.write(kind.tobytes())


def write_npz(place: Path, samples: int) -> None:
    """Arrays x and y, packed."""
    pixels, kinds = zip(*pictures(samples), strict=True)
    with place.open("wb") as out:
        np.savez_compressed(out, x=np.concatenate(pixels), y=np.concatenate(kinds))


def _files(samples: int) -> Iterator[tuple[int, int, bytes]]:
    """Number, class and PNG of each picture."""
    from qa_assets.datasets.stored_png import pngs_of

    number = 0
    for pixels, kinds in pictures(samples):
        for body, kind in zip(pngs_of(pixels), kinds.tolist(), strict=True):
            yield number, kind, body
            number += 1


def write_webdataset(place: Path, samples: int) -> None:
    """One tar of 0000000.png with 0000000.cls."""
    with tarfile.open(place, "w") as out:
        for number, kind, body in _files(samples):
            for ending, content in (("png", body), ("cls", str(kind).encode())):
                member = tarfile.TarInfo(f"{number:07d}.{ending}")
                member.size = len(content)
                out.addfile(member, io.BytesIO(content))


def write_image_folder(place: Path, samples: int) -> None:
    """A file a picture, a folder a class."""
    for kind in range(CLASSES):
        (place / str(kind)).mkdir(parents=True)
    for number, kind, body in _files(samples):
        (place / str(kind) / f"{number:07d}.png").write_bytes(body)


def write_zip(place: Path, samples: int) -> None:
    """One zip of such a folder."""
    with zipfile.ZipFile(place, "w") as out:
        for number, kind, body in _files(samples):
            out.writestr(f"{kind}/{number:07d}.png", body)


def write_manifest(place: Path, samples: int) -> None:
    """One zip of pictures in one folder, with a table of three columns."""
    rows = ["filename,label,camera"]
    with zipfile.ZipFile(place, "w") as out:
        for number, kind, body in _files(samples):
            out.writestr(f"images/{number:07d}.png", body)
            rows.append(f"images/{number:07d}.png,{kind},{number % CAMERAS}")
        out.writestr("labels.csv", "\n".join(rows))


def write_image_table(place: Path, samples: int) -> None:
    """One Parquet file of bytes and a class, a hundred rows a group, as hubs write them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("image", pa.binary()), ("label", pa.int64())])
    with pq.ParquetWriter(place, schema) as out:
        files = _files(samples)
        while few := [*islice(files, BLOCK)]:
            columns = {"image": [body for *_, body in few], "label": [kind for _, kind, _ in few]}
            out.write_table(pa.table(columns, schema), row_group_size=100)


WRITE: dict[str, Callable[[Path, int], None]] = {
    "idx": write_idx,
    "npz": write_npz,
    "webdataset": write_webdataset,
    "image_folder": write_image_folder,
    "zip": write_zip,
    "manifest": write_manifest,
    "image_table": write_image_table,
}


def make(step: str, folder: Path, layout: str, inputs: dict[str, str]) -> str:
    """Make one asset from its stored inputs, and store it; its digest."""
    from qa_assets.core.freed_memory import keep_freed_memory
    from qa_assets.core.records.datasets import DatasetSnapshot
    from qa_assets.core.records.quality import SampleQuality
    from qa_assets.core.store import LocalStore
    from qa_assets.datasets.quality import quality
    from qa_assets.datasets.settings import DatasetSettings, SplitSettings
    from qa_assets.datasets.snapshot import snapshot
    from qa_assets.datasets.splits import split
    from qa_assets.datasets.statistics import statistics

    keep_freed_memory()  # as a run does
    store = LocalStore(folder / "store")
    with tempfile.TemporaryDirectory(dir=store.scratch()) as scratch:
        if step == "dataset_snapshot":
            kind = "image_folder" if layout == "zip" else layout
            settings = DatasetSettings(path="set", format=kind)
            memory = store.root / "memory"
            taken = snapshot(settings, "m", folder, Path(scratch), memory=memory)
            return store.put(taken.content())
        taken = DatasetSnapshot.load(store.get(inputs["dataset_snapshot"]))
        if step == "sample_quality":
            return store.put(quality(taken).content())
        if step == "dataset_splits":
            return store.put(split(taken, SplitSettings()).content())
        judged = SampleQuality.load(store.get(inputs["sample_quality"]))
        return store.put(statistics(taken, judged).content())


def main(samples: int, layout: str, folder: Path) -> None:
    """Print one row an asset."""
    WRITE[layout](folder / "set", samples)
    inputs: dict[str, str] = {}
    sys.stdout.write(f"{layout:20} {'samples':>9} {'seconds':>8} {'peak MiB':>9}\n")
    for step in STEPS:
        words = [sys.executable, "-c", CODE, step, str(folder), layout, json.dumps(inputs)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        inputs[step], seconds, peak = json.loads(done.stdout.splitlines()[-1])
        sys.stdout.write(f"{step:20} {samples:9} {seconds:8.1f} {peak:9.0f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="qa-million-") as made:
        main(count, sys.argv[2] if len(sys.argv) > 2 else "idx", Path(made))

"""The self-test of the gates on MNIST cut to 10,000 samples: the same faults, other data.

``python -m benchmarks.mnist_selftest FOLDER PROJECT [CLEAN] [PART]`` reads MNIST's four files from
FOLDER, writes a pipeline of its own into PROJECT and plants every PART-th fault in copies of it,
beside CLEAN clean runs. Its expectation suites are those that ``qa suite propose`` writes.
"""

import gzip
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from qa_assets.artifacts import Made, obtain
from qa_assets.config import Pipeline, read_pipeline
from qa_assets.datasets.stored_png import png_of
from qa_assets.faults import matrix
from qa_assets.faults.asset import clean_store
from qa_assets.faults.harness import kept_in
from qa_assets.faults.selftest import chosen, selftest
from qa_assets.graph import build_graph
from qa_assets.suite_command import proposals, proposed_file

DIGITS = Path(__file__).resolve().parents[1] / "qa_assets" / "defs" / "digits"
TRAIN, TEST = 8500, 1500
HEADERS = {"images": 16, "labels": 8}
SETTINGS: dict[str, Any] = {
    "name": "mnist",
    "description": "Reads one handwritten digit from a 28x28 grey image.",
    "dataset": {
        "path": "data/pictures",
        "format": "image_folder",
        "group_pattern": "((?:train|test)[0-9]{2})_",
    },
    "splits": {"validation_groups": ["train00"], "test_groups": ["test00", "test01", "test02"]},
    "input": {
        "height": 28, "width": 28, "channels": 1, "scale": 255.0, "mean": [0.1307], "std": [0.3081],
    },
    "training": {
        "model": "model.py", "epochs": 4, "batch_size": 64, "learning_rate": 0.003,
        "schedule": "cosine",
    },
    "behavior": {
        "edge_cases": "edge_cases",
        "invariances": dict.fromkeys(
            ("brightness", "contrast", "gaussian_noise", "shot_noise", "jpeg"), 1
        )
    },
    "first_release": "absolute",
    "edge": {"targets": ["ort-cpu"]},
}  # fmt: skip
GATES: dict[str, Any] = {
    "class_recall_floor": {"min_recall": 0.85},
    "accuracy_sufficient": {"min_accuracy": 0.95},
    "epochs_completed": {"min_epochs": 4},
    "loss_settled": {"max_fall": 0.03},
    "few_suspicious_labels": {"max_share": 0.02},
}
"""Gates of digits whose thresholds are others here. That of the baselines is a monitor: on 1,500
test samples this network is not surely better than the small one it is compared with."""
MODEL = """from torch import nn


def network(spec, classes):
    pixels = (spec.height // 4) * (spec.width // 4)
    return nn.Sequential(
        nn.Conv2d(spec.channels, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(), nn.Linear(32 * pixels, classes),
    )
"""
"""A fifth of the work of digits' network at this size."""
NOT_HERE = (
    "expectations_hold", "critical_cases", "ordinary_cases", "unsure_where", "variants_agree",
)  # fmt: skip
"""Gates on digits' own suites, on answers to its hand-made cases (drawn for another set: here they
only say how the data are to be read), and on files that no target here takes."""


def pictures(source: Path, target: Path) -> None:
    """Write every so-manieth sample as a picture, one folder a class, in blocks of 500."""
    for side, prefix, count in (("train", "train", TRAIN), ("test", "t10k", TEST)):
        images, labels = (
            np.frombuffer(
                gzip.decompress(next(source.glob(f"{prefix}-{kind}*")).read_bytes()), np.uint8
            )[skip:]
            for kind, skip in HEADERS.items()
        )
        chosen_rows = np.linspace(0, len(labels) - 1, count).astype(int)
        for n, row in enumerate(chosen_rows):
            folder = target / str(labels[row])
            folder.mkdir(parents=True, exist_ok=True)
            pixels = images.reshape(len(labels), 28, 28)[row]
            (folder / f"{side}{n // 500:02d}_{n:05d}.png").write_bytes(png_of(pixels))


def hand_made(target: Path) -> None:
    """The drawings of digits, framed as MNIST's are: 20 by 20 in the middle of 28 by 28."""
    from PIL import Image, ImageOps

    shutil.copytree(DIGITS / "edge_cases", target, dirs_exist_ok=True)
    for path in target.glob("[0-9]_*.png"):
        with Image.open(path) as drawn:
            larger = drawn.convert("L").resize((20, 20), Image.Resampling.BICUBIC)
        ImageOps.expand(larger, border=4).save(path)


def settings() -> dict[str, Any]:
    """The gates of digits, with thresholds for this set."""
    digits = yaml.safe_load((DIGITS / "defs.yaml").read_text(encoding="utf-8"))["attributes"]
    kept = {
        where: {n: v for n, v in digits[where].items() if not n.startswith(NOT_HERE)}
        for where in ("gates", "monitors")
    }
    kept["gates"] |= GATES
    kept["monitors"]["beats_baselines"] = kept["gates"].pop("beats_baselines")
    return {"type": "qa_assets.component.QaPipeline", "attributes": {**SETTINGS, **kept}}


def suites(pipeline: Pipeline) -> dict[str, Any]:
    """Write the proposed suites beside the settings; the gates that hold them."""
    store, made = clean_store(pipeline), dict[str, Made]()
    with kept_in(store):
        artifacts, _ = build_graph(pipeline)
        for name in ("dataset_snapshot", "sample_quality", "dataset_statistics"):
            given = {read: made[read].digest for read in artifacts[name].reads}
            made[name] = obtain(artifacts[name], given, store)
    bodies = proposals(pipeline.name, {name: found.record for name, found in made.items()})
    for table, body in bodies.items():
        (pipeline.folder / proposed_file(table)).write_bytes(body)
    return {f"expectations_hold_on_{t}": {"suite": proposed_file(t)} for t in bodies}


def project(source: Path, root: Path) -> Pipeline:
    """The pipeline, its pictures made where they are absent, its suites from these pictures."""
    folder, chosen_settings = root / "defs" / "mnist", settings()
    if not (root / "data").exists():
        pictures(source, root / "data" / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    hand_made(folder / "edge_cases")
    chosen_settings["attributes"]["gates"] |= suites(_written(chosen_settings, folder, root))
    return _written(chosen_settings, folder, root)


def _written(chosen_settings: dict[str, Any], folder: Path, root: Path) -> Pipeline:
    text = yaml.safe_dump(chosen_settings, sort_keys=False)
    (folder / "defs.yaml").write_text(text, encoding="utf-8")
    return read_pipeline(folder, root)


def main(source: str, target: str, clean: str = "30", part: str = "1") -> None:
    """Make the project, plant the faults, print the matrix."""
    pipeline = project(Path(source), Path(target))
    faults = chosen(part=int(part))
    record = selftest(pipeline, clean_store(pipeline), faults, clean_runs=int(clean))
    sys.stdout.write(matrix.text(record))


if __name__ == "__main__":
    main(*sys.argv[1:])

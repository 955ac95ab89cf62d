"""Small but complete evidence of one pipeline: every record kind, every file a release needs."""

import struct
import zlib
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from qa_assets.core import pictures
from qa_assets.core.digests import digest_bytes
from qa_assets.core.intervals import paired_difference, share
from qa_assets.core.record import Estimate, Record
from qa_assets.core.records.behavior import BehaviorReport, EdgeCase, EdgeCases, Expectation
from qa_assets.core.records.comparison import FLIPS, ReleaseComparison, SliceChange
from qa_assets.core.records.datasets import (
    CONTACT_SHEET,
    ROWS,
    SAMPLES,
    DatasetSnapshot,
    DatasetSplits,
    DatasetStatistics,
    Quarantined,
)
from qa_assets.core.records.device import EdgeBenchmark
from qa_assets.core.records.evaluation import ClassMetrics, Evaluation, Predictions
from qa_assets.core.records.export import OnnxModel
from qa_assets.core.records.probe import LossTest, Place, Rate, TrainingProbe
from qa_assets.core.records.training import Baselines, Epoch, TrainedWeights
from qa_assets.core.tables import table_bytes, write_mapped
from qa_assets.core.verdict import Evidence, Verdict
from qa_assets.release.report import ReportedVerdict

CLASSES = tuple("0123456789")
WEIGHTS = digest_bytes(b"weights")
MODEL = b"onnx bytes"


def png(shade: int, *, side: int = 8) -> bytes:
    """A grey PNG with a diagonal, as small as a digit."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    rows = b"".join(
        b"\0" + bytes(255 if x == (y + shade) % side else shade * 20 for x in range(side))
        for y in range(side)
    )
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PAYLOADS = {digest_bytes(png(i)): png(i) for i in range(10)}
IDS = tuple(PAYLOADS)


def snapshot(classes: tuple[str, ...] = CLASSES, **changes: Any) -> DatasetSnapshot:
    rows = {
        "id": sorted(IDS),
        "label": [classes[i % len(classes)] for i in range(len(IDS))],
        "name": [f"row-{i}" for i in range(len(IDS))],
    }
    shard = {"id": sorted(IDS), "payload": [PAYLOADS[i] for i in sorted(IDS)]}
    made = DatasetSnapshot(
        name="digits",
        version=digest_bytes(b"data"),
        samples=1797,
        classes=classes,
        quarantined=(
            Quarantined(
                "IMG_TRUNCATED", "3/0117.png", "ends in the middle of row 5", "Copy again."
            ),
            Quarantined("IMG_EMPTY", "8/0420.png", "holds no bytes", "Remove it."),
        ),
        files={
            SAMPLES: table_bytes(pd.DataFrame(rows)),
            "payload-00000.parquet": table_bytes(pd.DataFrame(shard)),
            ROWS: mapped(pa.table({"row": range(len(IDS))})),
            CONTACT_SHEET: png(3, side=160),
        },
    )
    return replace(made, **changes)


def mapped(table: pa.Table) -> bytes:
    with TemporaryDirectory() as folder:
        write_mapped(Path(folder) / "table", table)
        return (Path(folder) / "table").read_bytes()


def evaluation(classes: tuple[str, ...] = CLASSES, *, wrong: int = 2) -> Evaluation:
    n = len(classes)
    counts = [[44 if i == j else wrong * (j == (i + 1) % n) for j in range(n)] for i in range(n)]
    right, total = 44 * n, sum(map(sum, counts))
    one = share(44, 44 + wrong)
    return Evaluation(
        classes=classes,
        accuracy=share(right, total),
        per_class=tuple(ClassMetrics(c, 44 + wrong, one, one, one) for c in classes),
        confusion=tuple(map(tuple, counts)),
        by_group={f"rows {i}00 to {i}99": share(95 - i, 100) for i in range(4)},
        gains={
            "majority": paired_difference(right - 44, 3, total),
            "linear": paired_difference(14, 9, total),
        },
        files={"confusion.svg": pictures.heatmap(classes, np.array(counts))},
    )


def weights(**changes: Any) -> TrainedWeights:
    history = tuple(
        Epoch(i, 2.3 * 0.6**i + 0.01, 2.2 * 0.62**i + 0.05, 1 - 0.7 * 0.6**i) for i in range(15)
    )
    curve = {
        "train loss": [e.train_loss for e in history],
        "validation loss": [e.validation_loss for e in history],
    }
    made = TrainedWeights(
        weights_digest=WEIGHTS,
        parameters=18_602,
        initial_loss=2.34,
        history=history,
        moved={"conv1.weight": 0.31, "fc.weight": 0.4},
        settings={"epochs": 15, "learning_rate": 0.003, "seed": 7, "threads": 1},
        environment={"torch": "2.13.0", "threads": "1", "device": "cpu"},
        files={
            "weights.safetensors": b"weights",
            "model.py": b"def build(): ...\n",
            "loss.svg": pictures.lines(curve),
        },
    )
    return replace(made, **changes)


def benchmark(target: str, **changes: Any) -> EdgeBenchmark:
    times = np.random.default_rng(len(target)).gamma(8, 0.012, 2000)
    made = EdgeBenchmark(
        target=target,
        outcome="OK",
        model_sha256=digest_bytes(MODEL),
        samples=450,
        latency_ms={f"p{q}": float(np.percentile(times, q)) for q in (50, 90, 99)},
        throughput=41_234.5,
        load_ms=12.4,
        first_ms=1.9,
        peak_rss_mib=71.3,
        size=80_123,
        machine={"processor": "x86-64", "cores": "2", "runtime": "onnxruntime 1.31.1"},
        files={"latency.svg": pictures.histogram(times, "ms")},
    )
    return replace(made, **changes)


def onnx(**changes: Any) -> OnnxModel:
    made = OnnxModel(
        sha256=digest_bytes(MODEL),
        size=80_123,
        opset=18,
        ir_version=8,
        operators={"Conv": 2, "Relu": 3, "Gemm": 2},
        inputs={"pixels": "uint8[batch, 8, 8, 1]"},
        outputs={"logits": "float32[batch, 10]"},
        properties={"labels": '["0","1"]', "provenance": '{"pipeline":"digits"}'},
        weights_digest=WEIGHTS,
        files={"model.onnx": MODEL},
    )
    return replace(made, **changes)


def records(classes: tuple[str, ...] = CLASSES) -> dict[str, Record]:
    answers = {"id": list(IDS), "predicted": ["5"] * len(IDS), "confidence": [0.98] * len(IDS)}
    counts = {c: 174 + 3 * (i % 4) for i, c in enumerate(classes)}
    return {
        "dataset_snapshot": snapshot(classes),
        "dataset_statistics": DatasetStatistics(
            samples=1797, class_counts=counts, groups=18, brightness_mean=0.3, brightness_std=0.37
        ),
        "dataset_splits": DatasetSplits(
            counts={"train": 1047, "validation": 300, "test": 450},
            groups={"train": 11, "validation": 3, "test": 4},
            class_counts={"train": counts},
        ),
        "baselines": Baselines(accuracies={"majority": share(45, 450), "linear": share(430, 450)}),
        "trained_weights": weights(),
        "predictions": Predictions(
            samples=450,
            classes=classes,
            weights_digest=WEIGHTS,
            files={SAMPLES: table_bytes(pd.DataFrame(answers)), "logits.npy": b""},
        ),
        "evaluation": evaluation(classes),
        "onnx_model": onnx(),
        "edge_benchmark/ort_cpu": benchmark("ort-cpu"),
    }


def assured() -> dict[str, Record]:
    """What a release manager looks for: probe, earlier release, behaviour, hand-made cases."""
    few = share(98, 100)
    sound = Place(0.0)
    flips = {
        "id": ["ab" * 32],
        "label": ["3"],
        "before": ["3"],
        "now": ["<b>8"],
        "confidence": [0.9],
    }
    lost = SliceChange("class 3", 1.0, 0.9, Estimate(-0.1, -0.2, -0.01, 45))
    return {
        "training_probe": TrainingProbe(
            classes=10, initial_loss=2.31, loss=LossTest(2.303, 0.0, 0, True, 1.0, 0.0, 0.0, True),
            parts={"layer own": "is not finite"}, parts_tested=("layer own", "augment"),
            input_is="declared", decoded_is="declared", input_mean=0.0, input_std=1.0,
            probabilities=False, not_finite=(), constant=(), gradients={"first.weight": 0.5},
            undeclared=(), unoptimised=(), loose=(), gradient_error=0.0, memory=0.0,
            rates=(Rate(1.0, 2.3, 0.4),), overfit=(2.3, 0.01), overfit_steps=60, random=sound,
            neighbours=sound, modes=sound, written=(), chance=0.11, learned=few, shuffled=few,
            repeats=True, samples=512,
        ),
        "release_comparison": ReleaseComparison(
            version="e" * 64, first_release="absolute", before=few, now=few,
            change=Estimate(-0.002, -0.01, 0.006, 450), p_value=0.5, negative_flips=1,
            slices=(lost,), files={FLIPS: table_bytes(pd.DataFrame(flips))},
        ),
        "behavior_report": BehaviorReport(
            model_sha256="c" * 64, samples=300, clean=few,
            expectations=(Expectation("INV", "jpeg", 1, few),),
            robustness={"fog": (0.9, 0.8, 0.7, 0.6, 0.5)}, released={"fog": (0.9,) * 5},
        ),
        "edge_cases": EdgeCases(
            model_sha256="c" * 64, labels=("3", "8"),
            cases=(
                EdgeCase("3_thin.png", "class", "3", True, "faint ink", "8", 0.61),
                EdgeCase("3_clean.png", "class", "3", True, "drawn by hand", "3", 0.99),
                EdgeCase("torn.png", "refused", "", True, "cut off", "8", 0.5),
                EdgeCase("blank.png", "unsure", "", False, "nothing at all", "8", 0.95),
            ),
        ),
    }  # fmt: skip


def passed(summary: str, **more: Any) -> Verdict:
    return Verdict(outcome="pass", summary=summary, **more)


def verdicts() -> list[ReportedVerdict]:
    """One verdict or more a stage, all passed; one of them is a monitor."""
    steps = Evidence(("class", "samples"), (("0", 178), ("1", 182)))

    def on(
        asset: str, check: str, text: str, verdict: Verdict, gate: bool = True
    ) -> ReportedVerdict:
        return ReportedVerdict(asset, check, f"{text}\n\nSource: the tests.", gate, verdict)

    balance = passed("ratio is 1.05, at most 3 is right", measured=1.05, limit=3.0)
    accuracy = passed(
        "the lower end of accuracy is 0.938, at least 0.9 is right",
        measured=0.9565,
        limit=0.9,
        interval=(0.938, 0.971),
    )
    return [
        on("dataset_snapshot", "samples_as_expected", "Every sample is usable.",
           passed("11 of 11 expectations hold", evidence={"expectations": steps})),
        on("dataset_statistics", "classes_balanced", "No class is much larger.", balance),
        on("dataset_splits", "splits_disjoint", "No sample is on two sides.", passed("no overlap")),
        on("trained_weights", "loss_decreases", "The loss falls.",
           passed("last over first loss is 0.011, at most 0.5", measured=0.011, limit=0.5)),
        on("evaluation", "accuracy_reached", "The model is good enough.", accuracy),
        on("evaluation", "groups_even", "No group is far behind.", passed("spread is 0.03"), False),
        on("onnx_model", "answers_agree", "Both choose the same class.",
           passed("0 of 450 answers differ", measured=0.0, limit=0.01)),
        on("edge_benchmark/ort_cpu", "latency_within_budget", "A call is fast enough.",
           passed("p99 is 0.21 ms, at most 50", measured=0.21, limit=50.0)),
    ]  # fmt: skip


def planted() -> list[ReportedVerdict]:
    """The same with a failed gate, one that cannot tell and a failed monitor."""
    found = verdicts()
    found[1] = replace(
        found[1],
        verdict=Verdict(
            outcome="fail",
            summary="the largest class is 3.8 times the smallest, at most 3 is right",
            measured=3.8,
            limit=3.0,
            cause="data.class_imbalance",
            where={"class": "8"},
            samples=IDS[:5],
            evidence={"samples per class": Evidence(("class", "samples"), (("8", 46), ("3", 183)))},
        ),
    )
    found[4] = replace(
        found[4],
        verdict=Verdict(
            outcome="fail",
            summary="the lower end of accuracy is 0.871, at least 0.9 is right",
            measured=0.904,
            limit=0.9,
            interval=(0.871, 0.93),
            cause="evaluation.accuracy_low",
        ),
    )
    found[5] = replace(
        found[5],
        verdict=Verdict(
            outcome="fail",
            summary="spread is 0.09",
            measured=0.09,
            limit=0.05,
            cause="evaluation.group_behind",
        ),
    )
    found[7] = replace(
        found[7],
        verdict=Verdict(outcome="cannot tell", summary="the machine was too busy to judge times"),
    )
    return found

"""The artifacts that flow along the graph: frozen, typed, described by numbers.

Names of files inside a record are part of its contract and stand as constants beside it. Tables are
Parquet, weights safetensors, models ONNX, arrays NumPy's own format (never with objects in it).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.record import Estimate, Markdown, Metadata, Record, table
from qa_assets.core.tables import read_array, read_table

Split = Literal["train", "validation", "test"]
SAMPLES = "samples.parquet"
MEASURED = "measures.parquet"
CONTACT_SHEET = "contact_sheet.png"
STATISTICS = "statistics.parquet"
CLASS_BARS = "classes.svg"
SKETCHES, PREVIOUS = "sketches.json", "previous.json"
LOGITS = "logits.npy"
MODEL = "model.onnx"
GOLDEN = "golden.parquet"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A sample that was set aside: why, where, and what would be right."""

    code: str
    item: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd about a sample that is used all the same: what, where, and the rule applied."""

    code: str
    item: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSnapshot(Record):
    """An immutable copy of one dataset version.

    Files: ``samples.parquet``: one row a sample, sorted by ``id``: id (SHA-256 of the payload),
    label, group, name (where it was found), copies (how often), bytes, format, width, height, mode.
    ``measures.parquet``: same rows: id, part (the side the source puts it on), noticed (codes), the
    numbers, hashes and thumbnail of ``qa_assets.datasets.measures``.
    ``payload-NNNNN.parquet``: id and payload (the raw bytes as they were found).
    ``contact_sheet.png``.

    Attributes:
        name: What people call the dataset; no part of its version.
        version: Digest of the ids, labels and groups.
        samples: Distinct contents.
        classes: Their labels, sorted.
        quarantined: What was set aside.
        remarks: What is odd about samples that are used: the first of each kind.
        remark_counts: How many there are of each kind.
    """

    name: str
    version: str
    samples: int
    classes: tuple[str, ...]
    quarantined: tuple[Quarantined, ...] = ()
    remarks: tuple[Remark, ...] = ()
    remark_counts: Mapping[str, int] = field(default_factory=dict[str, int])

    def metadata(self) -> Metadata:
        """Counts, what was set aside and why, what is odd, and some samples to look at."""
        shown = {
            "samples": self.samples,
            "classes": len(self.classes),
            "version": self.version[:12],
            "quarantined": len(self.quarantined),
        }
        if self.quarantined:
            rows = [(q.code, q.item, q.message) for q in self.quarantined]
            shown["set aside"] = table(("code", "item", "reason"), rows)  # pyright: ignore[reportArgumentType]
        if self.remarks:
            shown["odd but used"] = sum(self.remark_counts.values())
            rows = [(r.code, self.remark_counts[r.code], r.item, r.message) for r in self.remarks]
            shown["what is odd"] = table(("code", "times", "item", "rule"), rows)  # pyright: ignore[reportArgumentType]
        if CONTACT_SHEET in self.files:
            shown["contact sheet"] = self.picture(CONTACT_SHEET, "one row a class")  # pyright: ignore[reportArgumentType]
        return shown


@dataclass(frozen=True, slots=True)
class VersionNumbers:
    """What is remembered of a version of a dataset."""

    version: str
    samples: int
    classes: int
    brightness_mean: float
    brightness_std: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetStatistics(Record):
    """Numbers that describe a snapshot.

    Files: ``statistics.parquet``: one row a class: label, samples, share, and of the pixels in
    [0, 1] brightness_mean, brightness_std, contrast_mean, width_min, width_max, height_min,
    height_max, bytes_mean. ``classes.svg``: bars of the class counts. ``sketches.json``: one
    mergeable sketch a column, by class. ``previous.json``: those of the version before, if any.

    Attributes:
        version: Of the dataset.
        samples: How many there are.
        class_counts: Samples by class.
        groups: Distinct groups.
        brightness_mean: Over all samples, in [0, 1].
        brightness_std: Over all samples.
        history: The same for each version before, the oldest first.
    """

    samples: int
    class_counts: Mapping[str, int]
    groups: int
    brightness_mean: float
    brightness_std: float
    version: str = ""
    history: tuple[VersionNumbers, ...] = ()

    def metadata(self) -> Metadata:
        """The numbers, the class bars, and how it came to be."""
        shown = dict(Record.metadata(self))
        rows: list[tuple[object, ...]] = list(self.class_counts.items())
        shown["samples per class"] = table(("class", "samples"), rows)
        past: list[tuple[object, ...]] = [
            (v.version[:12], v.samples, v.classes, v.brightness_mean) for v in self.history
        ]
        if past:
            columns = ("version", "samples", "classes", "brightness")
            shown["versions before"] = table(columns, past)
        if CLASS_BARS in self.files:
            shown["classes"] = self.picture(CLASS_BARS, "samples per class")
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSplits(Record):
    """Which sample is used for what; a sample never changes side when data grows.

    Files: ``samples.parquet``: id, label, group, split (train, validation or test), sorted by id.
    """

    counts: Mapping[str, int]
    groups: Mapping[str, int]
    class_counts: Mapping[str, Mapping[str, int]]

    def metadata(self) -> Metadata:
        """Counts a split, and a split and class."""
        classes = sorted({c for counts in self.class_counts.values() for c in counts})
        rows: list[tuple[object, ...]] = [
            (s, n, self.groups.get(s, 0), *(self.class_counts[s].get(c, 0) for c in classes))
            for s, n in self.counts.items()
        ]
        return {**self.counts, "splits": table(("split", "samples", "groups", *classes), rows)}


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training split: mean losses, share of right answers."""

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedWeights(Record):
    """Weights, the history of the run that made them, and its exact settings.

    Files: ``weights.safetensors``. ``model.py``: the network's source. ``loss.svg``.

    Attributes:
        weights_digest: SHA-256 over every tensor's name, dtype, shape and bytes.
        parameters: Number of trainable values.
        initial_loss: Mean loss on the training split before the first step.
        history: One entry an epoch.
        moved: Relative change of each tensor since initialisation, L2(after - before) / L2(before).
        frozen: Names of the tensors that the model declares as not trained.
        kept_epoch: The epoch whose weights these are.
        not_finite: Names of the tensors, buffers too, that hold a NaN or an infinity.
        samples: How many there were by split.
        shared: Ids of validation samples that were trained on, by id or by equal pixels.
        majority: Share of the most frequent label of the validation split.
        metrics: The user's own metrics on the validation split.
        settings: The training settings as they were used.
        environment: What else the weights depend on: versions, threads, device.
    """

    weights_digest: str
    parameters: int
    initial_loss: float
    history: tuple[Epoch, ...]
    moved: Mapping[str, float]
    frozen: tuple[str, ...] = ()
    kept_epoch: int = 0
    not_finite: tuple[str, ...] = ()
    samples: Mapping[str, int] = field(default_factory=dict[str, int])
    shared: tuple[str, ...] = ()
    majority: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    settings: Mapping[str, str | int | float | bool | None]
    environment: Mapping[str, str]

    def metadata(self) -> Metadata:
        """Last losses and accuracy, the curve, the settings."""
        last = self.history[-1]
        shown: dict[str, str | int | float | bool | Markdown] = {
            "weights digest": self.weights_digest[:12],
            "parameters": self.parameters,
            "epochs": len(self.history),
            "train loss": last.train_loss,
            "validation loss": last.validation_loss,
            "validation accuracy": last.validation_accuracy,
            **{f"metric {name}": value for name, value in self.metrics.items()},
        }
        rows: list[tuple[object, ...]] = [*self.settings.items(), *self.environment.items()]
        shown["settings"] = table(("setting", "value"), rows)
        if "loss.svg" in self.files:
            shown["loss"] = self.picture("loss.svg", "loss over epochs")
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines(Record):
    """What simpler models reach on the same splits.

    Files: ``samples.parquet``: id, label, and one column of predicted labels a baseline.

    Attributes:
        accuracies: Accuracy on the test split by baseline (``majority``, ``linear``).
    """

    accuracies: Mapping[str, Estimate]

    def metadata(self) -> Metadata:
        """Each accuracy with its interval."""
        rows: list[tuple[object, ...]] = [(n, str(e)) for n, e in self.accuracies.items()]
        numbers = {f"{n} accuracy": e.value for n, e in self.accuracies.items()}
        return {**numbers, "baselines": table(("baseline", "accuracy"), rows)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions(Record):
    """The trained model's answers on the test split.

    Files: ``samples.parquet``: id, label, group, predicted, confidence, in the order of ``id``.
    ``logits.npy``: float32, shape (sample, class), same order; columns as ``classes``.
    """

    samples: int
    classes: tuple[str, ...]
    weights_digest: str


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """Precision, recall and F1 of one class on the test split."""

    label: str
    samples: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the test samples.

    Attributes:
        name: Such as ``class 3``, ``brightness lowest quarter`` or two of them together.
        accuracy: With an interval that is corrected for the number of slices.
        found: Searched for among many; measured on samples that the search did not see.
    """

    name: str
    accuracy: Estimate
    found: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(Record):
    """How good the answers are, each number with its confidence interval.

    Files: ``confusion.svg``.

    Attributes:
        accuracy: Share of right answers on the test split.
        per_class: One entry a class.
        confusion: Counts, rows true, columns predicted, in the order of ``classes``.
        by_group: Accuracy by group of the test split.
        gains: Paired difference in accuracy against each baseline on the same samples.
        undoubted: Accuracy without the samples whose label is doubted; None where nobody looked.
        calibration: Expected calibration error.
        auroc: Area under the ROC curve of each class against the others.
        average_precision: Of each class against the others.
        slices: Classes, groups, quarters of quality, weak segments; the worst first.
    """

    classes: tuple[str, ...]
    accuracy: Estimate
    per_class: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...]
    by_group: Mapping[str, Estimate] = field(default_factory=dict[str, Estimate])
    gains: Mapping[str, Estimate]
    undoubted: Estimate | None = None
    calibration: Estimate | None = None
    auroc: Mapping[str, float] = field(default_factory=dict[str, float])
    average_precision: Mapping[str, float] = field(default_factory=dict[str, float])
    slices: tuple[Slice, ...] = ()

    def metadata(self) -> Metadata:
        """Accuracy, classes, groups, baselines, confusion."""
        shown = dict(Record.metadata(self))
        per_class: list[tuple[object, ...]] = [
            (c.label, c.samples, str(c.precision), str(c.recall), str(c.f1)) for c in self.per_class
        ]
        groups: list[tuple[object, ...]] = [(g, str(e)) for g, e in self.by_group.items()]
        gains: list[tuple[object, ...]] = [(b, str(e)) for b, e in self.gains.items()]
        columns = ("class", "samples", "precision", "recall", "F1")
        shown["per class"] = table(columns, per_class)
        shown["per group"] = table(("group", "accuracy"), groups)
        weak: list[tuple[object, ...]] = [(s.name, str(s.accuracy)) for s in self.slices[:20]]
        if self.undoubted:
            shown["accuracy without doubted labels"] = self.undoubted.value
        shown["weakest slices"] = table(("slice", "accuracy"), weak)
        shown["gain over baselines"] = table(("baseline", "difference"), gains)
        if "confusion.svg" in self.files:
            shown["confusion"] = self.picture("confusion.svg", "rows true, columns predicted")
        return shown


VariantName = Literal["static", "int8", "fp16"]
VARIANTS: tuple[VariantName, ...] = ("static", "int8", "fp16")


@dataclass(frozen=True, slots=True)
class Variant:
    """A file made of the exported one, for targets that cannot take that as it is.

    Attributes:
        sha256: Digest of ``model.<variant>.onnx``.
        size: Its bytes.
        opset: Version of the default operator set.
        ir_version: Version of the file format.
        inputs: Name -> ``dtype[shape]`` of each input.
        faults: What the contract found wrong, in words.
    """

    sha256: str
    size: int
    opset: int
    ir_version: int
    inputs: Mapping[str, str]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxModel(Record):
    """One file that a device needs: network, preprocessing, labels, input spec, provenance.

    Files: ``model.onnx``. ``samples.parquet``: id of each test sample, in order. ``logits.npy``:
    the answers of the reference runtime on them, float32, shape (sample, class). For each variant
    ``model.<variant>.onnx`` and ``logits.<variant>.npy``. ``golden.parquet``: id and payload (raw
    bytes) of the test samples on which devices and runtimes are compared stage by stage.

    Attributes:
        sha256: Digest of ``model.onnx``.
        size: Its bytes.
        opset: Version of the default operator set.
        ir_version: Version of the file format.
        operators: How often each operator occurs; foreign domains as ``domain::name``.
        inputs: Name -> ``dtype[shape]`` of each input.
        outputs: Name -> ``dtype[shape]`` of each output.
        properties: What the file's own metadata says: labels, input_spec, provenance as JSON.
        faults: What the checker and the contract found wrong, in words; empty when well formed.
        external_files: Files that the model would need beside it.
        weights_digest: Of the weights inside.
        variants: What else was made of it, by name.
    """

    sha256: str
    size: int
    opset: int
    ir_version: int
    operators: Mapping[str, int]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    properties: Mapping[str, str]
    faults: tuple[str, ...] = ()
    external_files: tuple[str, ...] = ()
    weights_digest: str
    variants: Mapping[VariantName, Variant] = field(default_factory=dict[VariantName, Variant])

    def variant_body(self, variant: str) -> bytes:
        """The bytes of the file that a target takes; ``float`` is the exported one itself."""
        return self.read(MODEL if variant == "float" else f"model.{variant}.onnx")

    def variant_logits(self, variant: str) -> str:
        """Name of the file with the reference answers of that variant."""
        return LOGITS if variant == "float" else f"logits.{variant}.npy"

    def variant_ports(self, variant: str) -> Mapping[str, str]:
        """The inputs of the file that a target takes."""
        return next((v.inputs for n, v in self.variants.items() if n == variant), self.inputs)

    def variant_sha256(self, variant: str) -> str:
        """Digest of the file that a target takes."""
        return next((v.sha256 for n, v in self.variants.items() if n == variant), self.sha256)

    def metadata(self) -> Metadata:
        """Size, versions, inputs, outputs, operators."""
        shown = dict(Record.metadata(self))
        made: list[tuple[object, ...]] = [
            (n, v.size, v.opset, v.ir_version, v.inputs.get("pixels", ""), v.sha256[:12])
            for n, v in self.variants.items()
        ]
        if made:
            columns = ("variant", "bytes", "opset", "IR version", "pixels", "digest")
            shown["variants"] = table(columns, made)
        ports: list[tuple[object, ...]] = [
            *(("input", n, t) for n, t in self.inputs.items()),
            *(("output", n, t) for n, t in self.outputs.items()),
        ]
        operators: list[tuple[object, ...]] = list(self.operators.items())
        properties: list[tuple[object, ...]] = [(k, v[:200]) for k, v in self.properties.items()]
        shown["inputs and outputs"] = table(("port", "name", "type"), ports)
        shown["operators used"] = table(("operator", "times"), operators)
        shown["inside the file"] = table(("property", "value"), properties)
        return shown


def golden_logits(model: OnnxModel, variant: str) -> NDArray[np.generic]:
    """Reference answers of one of the model's files to its golden samples, in the order of ids."""
    rows = {name: row for row, name in enumerate(read_table(model, SAMPLES)["id"])}
    ids = sorted(read_table(model, GOLDEN)["id"])
    return read_array(model, model.variant_logits(variant))[[rows[i] for i in ids]]


TargetOutcome = Literal["OK", "REFUSED", "CRASH", "TIMEOUT", "NO-RESULT"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeBenchmark(Record):
    """What one target answered from raw bytes, and what it cost there.

    Files, when the outcome is OK: ``samples.parquet``: id of each sample, in order. ``logits.npy``:
    float32, shape (sample, class). ``latencies.npy``: float64, milliseconds a single-sample call.
    ``latency.svg``.

    Attributes:
        target: Name of the runtime or device.
        outcome: Whether it answered, and if not, how it failed.
        message: What it said when it failed.
        variant: Which of the exported files it takes: ``float`` is the exported one itself.
        model_sha256: Digest of that file.
        converted: The target's own tools made another file of it before it ran.
        emulated: Its answers count, its times mean nothing and are not kept.
        latency_ms: ``p50``, ``p90`` (from 64 calls on) and ``p99`` (from 662 calls on).
        throughput: Samples a second in the largest measured batch.
        load_ms: From the file to a session that can run.
        first_ms: First inference, which may still allocate and compile.
        decode_ms: From raw bytes to pixels, a sample.
        cpu_ms: Processor time of a single-sample call.
        cpu_share: Processor time a second in the timed loop; below one others were using it.
        peak_rss_mib: Largest resident memory of the worker.
        rss_growth_mib: How much resident memory grew over calls of varied batch sizes.
        rss_slope_kib: The same a call, as a robust slope.
        size: Bytes of the model file.
        machine: Fingerprint of where it ran: processor, cores, system, runtime, decoder.
        contended: The machine was too busy for the times to be judged.
    """

    target: str
    outcome: TargetOutcome
    message: str = ""
    variant: str = "float"
    model_sha256: str
    converted: bool = False
    emulated: bool = False
    samples: int = 0
    latency_ms: Mapping[str, float] = field(default_factory=dict[str, float])
    throughput: float = 0.0
    load_ms: float = 0.0
    first_ms: float = 0.0
    decode_ms: float = 0.0
    cpu_ms: float = 0.0
    cpu_share: float = 1.0
    peak_rss_mib: float = 0.0
    rss_growth_mib: float = math.nan
    rss_slope_kib: float = math.nan
    size: int
    machine: Mapping[str, str] = field(default_factory=dict[str, str])
    contended: bool = False

    def metadata(self) -> Metadata:
        """Outcome, times, memory, machine, histogram."""
        shown = dict(Record.metadata(self))
        shown |= {f"{name} ms": value for name, value in self.latency_ms.items()}
        rows: list[tuple[object, ...]] = list(self.machine.items())
        shown["machine"] = table(("property", "value"), rows)
        if "latency.svg" in self.files:
            shown["latency"] = self.picture("latency.svg", "latency of single calls")
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Record):
    """Everything that is shipped, and the evidence that allowed it.

    Files: ``model.onnx`` (and ``model.<variant>.onnx``), ``golden.parquet`` (id, payload) and
    ``golden_logits.npy`` (and ``golden_logits.<variant>.npy``), ``weights.safetensors``,
    ``model.py``, ``settings.json``,
    ``verdicts.json``, ``evidence/<asset>.json`` (each record's fields), ``RELEASE.md``.

    Attributes:
        pipeline: Its name.
        version: Digest of the evidence: equal evidence is the same release.
        evidence: Digest of each record the verdicts were recomputed from.
        gates: Every gate with what it measured, all passed.
    """

    pipeline: str
    version: str
    evidence: Mapping[str, str]
    gates: tuple[str, ...]

    def metadata(self) -> Metadata:
        """Version, gates, evidence."""
        rows: list[tuple[object, ...]] = [(a, d[:12]) for a, d in self.evidence.items()]
        gates: list[tuple[object, ...]] = [(g,) for g in self.gates]
        return {
            "version": self.version[:12],
            "gates passed": len(self.gates),
            "gates": table(("gate",), gates),
            "evidence": table(("asset", "record"), rows),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class QaReport(Record):
    """One page for people and one file for machines.

    Files: ``report.html`` (opens offline), ``report.json``.
    """

    pipeline: str
    passed: int
    failed: int
    undecided: int
    released: str = ""

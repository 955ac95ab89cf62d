"""A model's answers on the test split, and how good they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from qa_assets.core.record import Estimate, Metadata, Record, table

LOGITS = "logits.npy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions(Record):
    """The trained model's answers on the test split.

    Files: ``samples.parquet``: id, label, group, attributes, predicted, confidence, brightness,
    contrast, in the order of ``id``.
    ``logits.npy``: float32, shape (sample, class), same order; columns as ``classes``.

    Attributes:
        samples: How many.
        classes: Names, in the order of the columns.
        weights_digest: Of the network's weights.
        input_is: How what the network was given relates to the declared preprocessing:
            ``declared``, the name of what was done instead, ``departs`` where nothing known
            explains it; "" where nobody looked.
    """

    samples: int
    classes: tuple[str, ...]
    weights_digest: str
    input_is: str = ""


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
        steps: The same of each baseline, and then of the model, against the next simpler one.
        undoubted: Accuracy without the samples whose label is doubted; None where nobody looked.
        calibration: Expected calibration error.
        temperature: What the logits should be divided by; above 1 the answers are too sure.
        macro_f1: Mean F1 over the classes.
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
    steps: Mapping[str, Estimate] = field(default_factory=dict[str, Estimate])
    undoubted: Estimate | None = None
    calibration: Estimate | None = None
    temperature: Estimate | None = None
    macro_f1: Estimate | None = None
    auroc: Mapping[str, Estimate] = field(default_factory=dict[str, Estimate])
    average_precision: Mapping[str, Estimate] = field(default_factory=dict[str, Estimate])
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

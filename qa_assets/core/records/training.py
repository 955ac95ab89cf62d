"""What training leaves behind: weights with the history of their run, and plain baselines."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from qa_assets.core.record import Estimate, Markdown, Metadata, Record, table


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training split: mean losses, share of right answers.

    ``rate`` is the size of its steps as a share of the set learning rate.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    rate: float = 1.0


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
class DryRun(Record):
    """One epoch on a few samples went through every later stage.

    Attributes:
        samples: How many took part.
        stages: What they went through, in order.
    """

    samples: int
    stages: tuple[str, ...]

    def metadata(self) -> Metadata:
        """The stages."""
        return {"samples": self.samples, "stages": ", ".join(self.stages)}


@dataclass(frozen=True, slots=True)
class Reading:
    """A way to read the dataset, and how many hand-made samples it gets right.

    Attributes:
        name: ``as they are``, ``labels shifted by 1``, ``transposed``, ...
        right: Share of the hand-made samples that a model of the data answers right, read so.
        gain: The same less the share as they are, paired, corrected for the number of readings.
    """

    name: str
    right: Estimate
    gain: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines(Record):
    """What simpler models reach on the same splits, each less basic than the one before.

    Files: ``samples.parquet``: id, label, and one column of predicted labels a baseline.

    Attributes:
        accuracies: Accuracy on the test split by baseline: ``majority``, ``linear``,
            ``small network``.
        chance: Share of the most frequent label among the hand-made samples.
        readings: How the data read the hand-made samples, as they are first; empty without any.
    """

    accuracies: Mapping[str, Estimate]
    chance: float = 0.0
    readings: tuple[Reading, ...] = ()

    def metadata(self) -> Metadata:
        """Each accuracy with its interval, each reading of the hand-made samples."""
        rows: list[tuple[object, ...]] = [(n, str(e)) for n, e in self.accuracies.items()]
        numbers = {f"{n} accuracy": e.value for n, e in self.accuracies.items()}
        readings: list[tuple[object, ...]] = [(r.name, str(r.right)) for r in self.readings]
        return {
            **numbers,
            "baselines": table(("baseline", "accuracy"), rows),
            "hand-made samples": table(("read", "right"), readings),
        }

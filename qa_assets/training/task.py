"""What is trained, on what, and how: the same in one process and in several."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qa_assets.core.config import InputSpec
from qa_assets.preprocessing.samples import LabelledSamples
from qa_assets.training.settings import TrainingSettings

Report = Callable[[str, float], None]
"""Told how far it is: a text, and the share that is done."""


@dataclass(frozen=True, slots=True)
class Task:
    """One training.

    Attributes:
        train: What the weights are fitted to.
        validation: What the history is measured on.
        spec: How pixels are normalised.
        settings: Hyper-parameters, seed, threads, device, processes.
        model: The network's source.
        unfinished: Where the run is kept after each epoch, by the first process.
    """

    train: LabelledSamples
    validation: LabelledSamples
    spec: InputSpec
    settings: TrainingSettings
    model: Path
    unfinished: Path | None = None

"""The hyper-parameters of one training run, as they stand in ``defs.yaml``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from qa_assets.core.config import Frozen, Positive, Seed, Share


class TrainingSettings(Frozen):
    """Everything that decides the weights, beside the samples and the network's source."""

    model: Annotated[str, Field(pattern=r"^\w[\w.-]*\.py$", strict=True)] = "model.py"
    """File beside ``defs.yaml`` with the function ``network(spec, classes)``."""
    epochs: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 15
    """Passes over the training split."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 32
    """Samples a step."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """How a gradient becomes a step."""
    learning_rate: Positive = 0.002
    """Size of a step."""
    schedule: Literal["constant", "cosine"] = "constant"
    """How the size of a step goes over the epochs: as it is, or down to nothing along half a cosine
    (Loshchilov and Hutter 2017, without restarts); the last epochs then differ less by chance."""
    weight_decay: Annotated[float, Field(ge=0, strict=True)] = 0.0
    """Pull of every weight towards zero."""
    momentum: Share = 0.0
    """Share of the last step that is kept; for ``sgd`` only."""
    patience: Annotated[int, Field(ge=0, le=10_000, strict=True)] = 0
    """Stop after so many epochs without a lower validation loss and keep the best; 0: never."""
    seed: Seed = 0
    """Start of the random numbers: initial weights, order of the samples, dropout."""
    threads: Annotated[int, Field(ge=1, le=1024, strict=True)] = 1
    """Processor threads. Weights are bit-identical only at the same number of them."""
    processes: Annotated[int, Field(ge=1, le=1024, strict=True)] = 1
    """Processes that share every batch, with ``threads`` each; on GPUs, one a GPU. Weights are
    bit-identical only at the same number of them."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the network is trained."""

    @model_validator(mode="after")
    def _a_batch_can_be_shared(self) -> Self:
        if self.processes > 1 and self.batch_size < 2 * self.processes:
            needed = 2 * self.processes
            raise ValueError(f"batch_size: {self.processes} processes need {needed} or more")
        return self

    @model_validator(mode="after")
    def _momentum_has_an_effect(self) -> Self:
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(f"momentum: {self.optimizer} takes none; leave it out or use sgd")
        return self

"""A good settings file and its model; the tests plant one fault at a time into it."""

import math
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from qa_assets.core.config import Count, Frozen, Positive, Seed, Share

CONTROL = """\
dataset: data
classes: [cat, dog]
split: {train: 0.6, val: 0.2, test: 0.2}
seed: 7
train: {epochs: 2, batch_size: 4, lr: 0.01}
gates:
  accuracy_min: 0.90
  latency_ms_max: 50
  parity_max_abs: 0.001
"""


def inside(name: str) -> str:
    path = Path(name)
    strange = "\0" in name or "://" in name or name.startswith("-")
    if path.is_absolute() or ".." in path.parts or strange:
        raise PydanticCustomError("CONF_PATH", "must be a folder inside the project")
    return name


def distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is there twice")
    return names


class Parts(Frozen):
    train: Positive
    val: Positive
    test: Positive

    @model_validator(mode="after")
    def whole(self) -> Self:
        total = self.train + self.val + self.test
        if not math.isclose(total, 1):
            raise ValueError(f"the parts add up to {total:.4g}")
        return self


class Train(Frozen):
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Count
    lr: Positive
    optimiser: Literal["adam", "sgd"] = "adam"


class Gates(Frozen):
    accuracy_min: Share
    latency_ms_max: Positive
    parity_max_abs: Annotated[float, Field(ge=0)]


Name = Annotated[str, Field(min_length=1)]


class Control(Frozen):
    dataset: Annotated[str, AfterValidator(inside)]
    classes: Annotated[tuple[Name, ...], Field(min_length=2), AfterValidator(distinct)]
    split: Parts
    seed: Seed
    train: Train
    gates: Gates

"""Bases of every settings model, and the settings that more than one room reads."""

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

T = TypeVar("T")


class Strict(BaseModel):
    """A model that takes no unknown field, no infinity, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Frozen(Strict):
    """A settings model that a person writes: the text below each field is its help.

    Finding those texts costs about 10 ms a class, so models made from signatures are only
    :class:`Strict`.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)


class BesideDefs:
    """Marks a threshold that names a file beside ``defs.yaml``; gates hand over its full path."""


def _inside(name: str) -> str:
    windows = PureWindowsPath(name)
    if windows.drive or windows.root or ".." in windows.parts or "://" in name or "\0" in name:
        raise PydanticCustomError("CONF_PATH", "must be a path below the project's folder")
    return PurePosixPath(name).as_posix()


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    twice = sorted({str(v) for v in values if values.count(v) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)}: named twice")
    return values


Distinct = AfterValidator(_distinct)
"""Marks a list in which nothing may stand twice."""
InProject = Annotated[str, Field(min_length=1), AfterValidator(_inside)]
"""A folder or file below the project: no way out of it, no address, no drive."""
SuiteFile = Annotated[Path, BesideDefs()]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Positive = Annotated[float, Field(gt=0, strict=True)]
Count = Annotated[int, Field(ge=1, strict=True)]
AtLeastNone = Annotated[int, Field(ge=0, strict=True)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1, strict=True)]


class InputSpec(Frozen):
    """What the network takes, and how a sample's raw bytes become it: the preprocessing as data.

    The network sees ``(decoded / scale - mean) / std`` as float32, shape (batch, channel, height,
    width). Everything after the decoder is part of the exported model.
    """

    modality: Literal["image"] = "image"
    height: Count
    """Rows of the input, in pixels."""
    width: Count
    """Columns of the input, in pixels."""
    channels: Literal[1, 3] = 3
    """1: grey, 3: RGB in that order."""
    interpolation: Literal["nearest", "bilinear", "bicubic", "box"] = "bilinear"
    """How the decoder resizes a sample of another size."""
    scale: Positive = 255.0
    """What a stored value is divided by."""
    mean: tuple[float, ...] = (0.0,)
    """Subtracted after scaling: one value, or one a channel."""
    std: tuple[Positive, ...] = (1.0,)
    """Divided by after that: one value, or one a channel."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels: the shape of one decoded sample."""
        return self.height, self.width, self.channels

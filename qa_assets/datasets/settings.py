"""What a user says about a dataset: where it is, what is accepted, how it is split."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from qa_assets.core.config import (
    AtLeastNone,
    Count,
    Distinct,
    Frozen,
    InProject,
    Positive,
    Seed,
    Share,
)


def _one_group(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    if groups != 1:
        raise ValueError(f"needs exactly one (group), it has {groups}")
    return pattern


Group = Annotated[str, Field(min_length=1)]


class SampleLimits(Frozen):
    """What is set aside before anything is decoded; each bound is inclusive."""

    max_pixels: Count = 50_000_000
    """Width times height of one image, read from its header."""
    max_file_mib: Positive = 64.0
    """Size of one file, in MiB; a larger one is not opened."""
    min_side: Count = 2
    """Shorter side of an image, in pixels."""
    max_aspect: Annotated[float, Field(ge=1, strict=True)] = 100.0
    """Longer side over shorter side."""
    max_depth: Count = 16
    """Folders below the class folder."""
    max_members: Count = 10_000_000
    """Members of one archive, files of one manifest."""
    max_total_mib: Positive = 262_144.0
    """What an archive or a compressed array may hold unpacked, in MiB."""
    max_ratio: Annotated[float, Field(ge=1, strict=True)] = 200.0
    """Unpacked size over packed size, of anything above 1 MiB; real pictures stay far below."""


class DatasetSettings(Frozen):
    """Where the samples are and how they are read."""

    path: InProject
    """Folder or file of the samples, relative to the project."""
    format: str = "image_folder"
    """Name of the reader: a module of ``qa_assets.datasets.formats``."""
    embedded: Literal["sklearn_digits"] | None = None
    """A source that makes the folder where ``path`` is absent."""
    group_pattern: Annotated[str, AfterValidator(_one_group)] | None = None
    """Searched in a sample's name (``class/file``); its one group is the sample's group.

    Samples of one group (a writer, a patient, a recording) never land on two sides of a split.
    """
    limits: SampleLimits = SampleLimits()
    """What is set aside before it is decoded."""


class SplitSettings(Frozen):
    """Which share, or which groups, are held out, or that the source says so itself."""

    by: Literal["content", "source"] = "content"
    """``source``: the sides that the source itself names: folders ``train``, ``val``, ``test``, a
    column ``split``, ``x_train`` and ``x_test``. A side it does not name is cut from its train part
    by the share."""
    test: Share = 0.2
    """Share of the groups held out for the final judgement; unused where they are named."""
    validation: Share = 0.1
    """Share of the groups that training may look at; unused where they are named."""
    seed: Seed = 0
    """Another seed is another split."""
    test_groups: Annotated[tuple[Group, ...], Distinct] = ()
    """The test split is exactly these groups."""
    validation_groups: Annotated[tuple[Group, ...], Distinct] = ()
    """The validation split is exactly these groups."""

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        held_out = self.hashed_test + self.hashed_validation
        if held_out >= 1:
            what = f"test + validation is {held_out:g}, it must stay below 1"
            raise ValueError(f"{what}: nothing is left to train on")
        for name, groups in (("test", self.test_groups), ("validation", self.validation_groups)):
            if not groups and not getattr(self, name):
                raise ValueError(f"{name} is 0 and no group is named: nothing would be measured")
        if self.by == "source" and (self.test_groups or self.validation_groups):
            raise ValueError("by: source takes the sides from the source; name no groups")
        both = sorted(set(self.test_groups) & set(self.validation_groups))
        if both:
            raise ValueError(f"groups named for test and for validation: {', '.join(both)}")
        return self

    @property
    def hashed_test(self) -> float:
        """Share that the hash decides: none where the groups are named."""
        return 0.0 if self.test_groups else self.test

    @property
    def hashed_validation(self) -> float:
        """Share that the hash decides: none where the groups are named."""
        return 0.0 if self.validation_groups else self.validation


class SpotCheckSettings(Frozen):
    """How many samples a person is asked to look at."""

    seed: Seed = 0
    """Another seed shows other samples."""
    random: AtLeastNone = 28
    """Any samples, of each class in turn."""
    worst: AtLeastNone = 28
    """Those farthest from their class, if they are far enough to be odd."""
    suspicious: AtLeastNone = 28
    """Those whose label a model would hardly give."""
    rare: AtLeastNone = 14
    """Those that look like no other one."""

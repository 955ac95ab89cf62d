"""How the behaviour of a model is tried, as it stands in ``defs.yaml``."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from qa_assets.core.config import Count, Frozen

Severity = Annotated[int, Field(ge=1, le=5, strict=True)]
Corruption = Literal[
    "shot_noise", "impulse_noise", "gaussian_noise", "gaussian_blur", "motion_blur", "shear",
    "scale", "rotate", "translate", "brightness", "contrast", "stripe", "fog", "dotted_line",
    "jpeg",
]  # fmt: skip
"""Kinds of MNIST-C (Mu & Gilmer 2019) that fit any picture; JPEG and contrast of ImageNet-C."""
Direction = Literal["blur_lowers_confidence", "occlusion_lowers_confidence"]


class BehaviorSettings(Frozen):
    """What must not change an answer, what must lower its confidence, and what is only measured."""

    invariances: Mapping[Corruption, Severity] = {"brightness": 1, "gaussian_noise": 1}
    """INV: changes, with their severity in 1 to 5, that must not change the answer."""
    directions: tuple[Direction, ...] = ("blur_lowers_confidence", "occlusion_lowers_confidence")
    """DIR: changes that must not raise the confidence in the answer."""
    corruptions: tuple[Corruption, ...] = (
        "shot_noise", "impulse_noise", "gaussian_blur", "motion_blur", "shear", "scale", "rotate",
        "translate", "brightness", "contrast", "stripe", "fog", "dotted_line", "jpeg",
    )  # fmt: skip
    """Rows of the robustness table, each at five severities."""
    samples: Count = 300
    """Test samples that are tried at most, evenly spaced by id."""
    edge_cases: Annotated[str, Field(pattern=r"^(\w[\w.-]*)?$")] = ""
    """MFT: a folder beside ``defs.yaml`` with hand-made samples and their ``manifest.csv``."""

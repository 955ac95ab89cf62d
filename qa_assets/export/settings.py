"""Settings of the export, and the limits within which a model file is accepted."""

from typing import Annotated

from pydantic import Field

from qa_assets.core.config import Count, Frozen, Seed

Opset = Annotated[int, Field(ge=18, le=23, strict=True)]


class ContractLimits(Frozen):
    """What a model file may be; everything beyond it is a fault."""

    max_mib: Count = 2047
    """Largest file; protobuf ends at 2 GiB."""
    max_depth: Count = 32
    """Deepest nesting of graphs inside operators (If, Loop, Scan)."""
    max_functions: Count = 64
    """Most functions of the model's own: a long chain of them ends a runtime by stack overflow."""
    min_opset: Count = 7
    """Oldest operator set that today's runtimes promise to run."""
    domains: tuple[str, ...] = ("", "ai.onnx")
    """Operator domains that need no foreign library."""
    properties: tuple[str, ...] = ("input_spec", "labels", "preprocessing", "provenance")
    """Keys that the file's own metadata must have, each with JSON inside."""


class QuantisationSettings(Frozen):
    """How the int8 variant is made: QDQ, unsigned activations, signed weights."""

    samples: Count = 200
    """Training samples that it is calibrated on, of every class its share."""
    seed: Seed = 0
    """Which of them are taken."""
    batch: Count = 32
    """Samples a call while calibrating."""
    per_channel: bool = True
    """A scale for each output channel of the weights."""
    float_ends: bool = True
    """The first and the last layer with weights stay in floating point: they lose most and cost
    little. Off for accelerators that take integers only."""
    reduce_range: bool = True
    """Seven bits of weights: without it processors without VNNI overflow, and answer otherwise."""


class ExportSettings(Frozen):
    """How the trained network becomes one file."""

    opset: Opset = 18
    """Operator set; the exporter delivers none below 18, whatever it is asked for."""
    dynamic_batch: bool = True
    """Any number of samples a call; off: exactly one, as some targets want it."""
    batch: Count = 64
    """Samples a call of the reference runtime."""
    quantisation: QuantisationSettings = QuantisationSettings()
    """How the int8 variant is made, where a target wants it."""
    golden: Annotated[int, Field(ge=1, le=512, strict=True)] = 32
    """Test samples that are kept with the model, raw bytes and answers, to compare devices on."""
    contract: ContractLimits = ContractLimits()
    """What the finished file must keep to."""

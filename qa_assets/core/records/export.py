"""The file that is shipped to devices, and its variants."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.record import Metadata, Record, table
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.tables import read_array, read_table

MODEL = "model.onnx"
GOLDEN = "golden.parquet"
CALIBRATION = "calibration"
"""Metadata of a quantised file: how many samples, and the mean and deviation of their pixels."""


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
        departs: Layers of the network it was made of that are not found in it, the first ones;
            ``preprocessing`` where its input is not. Empty where it answers as the network does.
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
    departs: tuple[str, ...] = ()
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

"""One target against the reference, stage by stage from raw bytes, each given the same input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.device import EdgeBenchmark
from qa_assets.core.records.edge import (
    PIXELS,
    EdgeComparison,
    Finding,
    StageDifference,
)
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.records.export import GOLDEN, MODEL, OnnxModel
from qa_assets.core.tables import read_array, read_table
from qa_assets.edge import apart, parts, ports, quantised
from qa_assets.edge.inside import Inside, Sides
from qa_assets.edge.job import Answered, batch_of, run_job
from qa_assets.edge.pixels import explain_decode, explain_preprocess, side_by_side
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import EdgeTarget, find
from qa_assets.preprocessing.image import decode, normalise

if TYPE_CHECKING:
    import onnx

_PROBABILITIES = "probabilities"


def compare(
    target: str,
    onnx_model: OnnxModel,
    edge_benchmark: EdgeBenchmark,
    spec: InputSpec,
    settings: EdgeSettings,
    scratch: Path,
) -> EdgeComparison:
    """Hold a target's answers against the reference, and say where and why they depart.

    Args:
        target: Its registered name.
        onnx_model: The exported model, its variants and its golden samples.
        edge_benchmark: The target's answers.
        spec: The preprocessing that was agreed on.
        settings: Limits of a job, and from which difference on layers are compared.
        scratch: Where folders for jobs are made, and removed again.
    """
    device = find(target, settings)
    return compare_on(device, onnx_model, edge_benchmark, spec, settings=settings, scratch=scratch)


def compare_on(
    device: EdgeTarget,
    onnx_model: OnnxModel,
    edge_benchmark: EdgeBenchmark,
    spec: InputSpec,
    *,
    settings: EdgeSettings,
    scratch: Path,
) -> EdgeComparison:
    """As :func:`compare`, for a target that need not be registered."""
    return Comparison(device, onnx_model, edge_benchmark, spec, settings, scratch).record()


@dataclass
class Comparison:
    """What is compared, and what is known of it; each part is read when first needed."""

    device: EdgeTarget
    onnx_model: OnnxModel
    benchmark: EdgeBenchmark
    spec: InputSpec
    settings: EdgeSettings
    scratch: Path

    def record(self) -> EdgeComparison:
        """All of it."""
        base = EdgeComparison(
            target=self.benchmark.target,
            outcome=self.benchmark.outcome,
            message=self.benchmark.message,
            variant=self.device.variant,
            samples=len(self.ids),
        )
        if self.foreign is None:
            return self._unreadable(base)
        faults = ports.faults(self.exported, self.shipped)
        faults += quantised.calibration_faults(self.shipped, self.reference_pixels)
        if self.benchmark.outcome == "OK":
            return self._stages(replace(base, faults=tuple(faults)))
        faults = faults or ports.refused(self.shipped, self.ask, self.golden)
        return replace(base, faults=tuple(faults))

    @cached_property
    def golden(self) -> Mapping[str, bytes]:
        """Raw bytes of the golden samples by id."""
        table = read_table(self.onnx_model, GOLDEN)
        return dict(zip(table["id"], table["payload"], strict=True))

    @property
    def ids(self) -> tuple[str, ...]:
        """Their ids, in the order in which everything is compared."""
        return tuple(sorted(self.golden))

    @cached_property
    def model(self) -> "onnx.ModelProto":
        """The exported model, on which everything is judged."""
        return parts.read(self.onnx_model.read(MODEL))

    @cached_property
    def exported(self) -> "onnx.ModelProto":
        """The variant that was exported for the target."""
        return parts.read(self.onnx_model.variant_body(self.device.variant))

    @cached_property
    def foreign(self) -> "onnx.ModelProto | None":
        """What the target's own tools made of it; None where that is no ONNX that can be read."""
        body = self.onnx_model.variant_body(self.device.variant)
        return parts.read_foreign(self.device.convert(body) if self.device.convert else body)

    @property
    def shipped(self) -> "onnx.ModelProto":
        """The same, where it can be read."""
        assert self.foreign is not None
        return self.foreign

    @property
    def sides(self) -> Sides:
        """What the model stage needs to know."""
        return Sides(
            self.device, self.settings, self.golden, self.model, self.shipped, self.seen, self.ask
        )

    def ask(self, bodies: Sequence[bytes], payloads: Mapping[str, bytes]) -> Answered:
        """Run parts of a model on the target."""
        files = {f"part-{i}.onnx": body for i, body in enumerate(bodies)}
        batch = 1 if parts.fixed_batch(self.shipped) else batch_of(self.device, {})
        job = {"trace": len(bodies), "batch": batch}
        return run_job(
            self.device, files, payloads, job,
            spec=self.spec, settings=self.settings, scratch=self.scratch,
        )  # fmt: skip

    def _stages(self, base: EdgeComparison) -> EdgeComparison:
        made = {name for node in self.shipped.graph.node for name in node.output}
        wanted = [name for name in (self.seen, _PROBABILITIES) if name in made]
        answered = self.ask([parts.part(self.shipped, name) for name in wanted], self.golden)
        pixels = np.asarray(answered.arrays.get("pixels.npy", np.zeros(0)))
        if pixels.shape != self.reference_pixels.shape:
            what = f"pixels have the shape {pixels.shape[1:]} instead of {self.spec.shape}"
            fault = Finding("decode", "preprocessing.shape", answered.message or what)
            return replace(base, faults=(*base.faults, fault))
        pixels, told = pixels.astype(np.uint8), _told(answered, wanted)
        seen = told.get(self.seen)
        findings = [explain_decode([self.golden[i] for i in self.ids], pixels, self.spec)]
        differences = [apart.decoded(pixels, self.reference_pixels, self.ids)]
        if seen is not None:
            right = normalise(pixels, self.spec)
            differences.append(apart.preprocessed(right, seen, self.ids))
            findings.append(explain_preprocess(pixels, seen, self.spec))
        inside = Inside(self.sides, pixels, self._given(pixels, seen), self._logits())
        differences.append(apart.answered(inside.logits, inside.right, self.ids))
        if _PROBABILITIES in told:
            sound = all(f.stage != "postprocess" for f in base.faults)
            softened = told[_PROBABILITIES] if sound else None
            differences.append(apart.postprocessed(inside.logits, softened, self.ids))
        compared = replace(
            base,
            stages=tuple(differences),
            findings=tuple(f for f in findings if f is not None),
            files=self._picture(differences[0], pixels),
            **apart.decisions(inside.logits, inside.right),
        )
        return inside.compare(compared)

    def _unreadable(self, base: EdgeComparison) -> EdgeComparison:
        """A file that only the target can read is held against the reference by its answers."""
        if self.benchmark.outcome != "OK":
            what = "the target's file is damaged: it is no ONNX model that can be read"
            fault = Finding("model", "edge.file_damaged", what, measured=False)
            return replace(base, faults=(fault,))
        right = parts.values(self.model, ["logits"], self.reference_pixels)["logits"]
        logits = self._logits()
        answers = apart.answered(logits, right, self.ids)
        return replace(base, stages=(answers,), **apart.decisions(logits, right))

    def _given(
        self, pixels: NDArray[np.uint8], seen: NDArray[np.float32] | None
    ) -> "tuple[onnx.ModelProto, NDArray[np.generic]]":
        """The reference from where the target's own input to the network is known."""
        right = normalise(pixels, self.spec)
        if seen is None or seen.shape != right.shape or apart.near(seen, right):
            return self.model, pixels
        return parts.after(self.model, self.seen), seen

    def _picture(
        self, decoded: StageDifference, pixels: NDArray[np.uint8]
    ) -> dict[str, bytes | Path]:
        if not decoded.error:
            return {}
        i = self.ids.index(decoded.worst)
        return {PIXELS: side_by_side(self.reference_pixels[i], pixels[i])}

    @cached_property
    def reference_pixels(self) -> NDArray[np.uint8]:
        """The golden samples as they are to be decoded."""
        return np.stack([decode(self.golden[i], self.spec) for i in self.ids])

    @cached_property
    def seen(self) -> str:
        """Name of the tensor that is the preprocessed input; "" where none is."""
        right = normalise(self.reference_pixels, self.spec)
        names = parts.chain(self.model)
        made = parts.values(self.model, names, self.reference_pixels) if names else {}
        same = (n for n, v in made.items() if v.shape == right.shape and apart.near(v, right))
        return next(same, "")

    def _logits(self) -> NDArray[np.float64]:
        rows = {name: row for row, name in enumerate(read_table(self.benchmark, SAMPLES)["id"])}
        answers = read_array(self.benchmark, LOGITS)[[rows[i] for i in self.ids]]
        return np.asarray(answers, np.float64)


def _told(answered: Answered, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """What the target made of each part; what it refused is left out."""
    return {
        name: np.asarray(answered.arrays[f"trace-{i}.npy"], np.float32)
        for i, name in enumerate(names)
        if f"trace-{i}.npy" in answered.arrays
    }

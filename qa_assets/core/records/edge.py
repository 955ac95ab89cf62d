"""What devices are held against the reference: stage by stage, and release by release."""

from dataclasses import dataclass
from typing import Literal

from qa_assets.core.record import Estimate, Metadata, Record, table
from qa_assets.core.records.device import TargetOutcome

Stage = Literal["decode", "preprocess", "model", "postprocess"]
STAGES: tuple[Stage, ...] = ("decode", "preprocess", "model", "postprocess")
PIXELS = "pixels.png"
LAYERS = "layers.svg"


@dataclass(frozen=True, slots=True)
class StageDifference:
    """How far one stage of a target is from the reference, given the target's own input to it.

    Attributes:
        stage: Which.
        error: Largest difference of a sample. decode: mean of the pixels, in shares of 255.
            preprocess, model: in shares of the reference's range. postprocess: of probabilities.
        samples: Samples that were compared; 0 where the stage gave nothing to compare.
        worst: Id of the sample with that difference.
    """

    stage: Stage
    error: float
    samples: int
    worst: str = ""


@dataclass(frozen=True, slots=True)
class LayerDifference:
    """How far one tensor inside the model is from the reference.

    Attributes:
        layer: The operator that makes it, and its name.
        tensor: Its name.
        error: Largest difference, in shares of the reference's range.
    """

    layer: str
    tensor: str
    error: float


@dataclass(frozen=True, slots=True)
class Saturation:
    """A quantised tensor whose calibrated range does not hold what really comes.

    Attributes:
        tensor: Its name.
        low: Smallest value that the file can express.
        high: Largest one.
        seen_low: Smallest value of the reference.
        seen_high: Largest one.
        share: Share of the reference's values outside the range, in [0, 1].
    """

    tensor: str
    low: float
    high: float
    seen_low: float
    seen_high: float
    share: float


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause that explains a difference: a supposed fault was made here, and answers the same.

    Attributes:
        stage: Where.
        cause: Its stable code.
        what: In words.
        layer: Where inside the model.
        explained: Share of the difference that is gone when the fault is supposed, in [0, 1].
        measured: Whether it was found in the answers; otherwise it was read off the file.
    """

    stage: Stage
    cause: str
    what: str
    layer: str = ""
    explained: float = 1.0
    measured: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeComparison(Record):
    """One target against the reference, stage by stage from raw bytes, on the golden samples.

    Files: ``pixels.png``: of the sample whose pixels differ most the reference, the target and the
    difference, where any differ. ``layers.svg``: the error of each layer, where they were compared.

    Attributes:
        target: Name of the runtime or device.
        outcome: Whether it answered.
        message: What it said when it failed.
        variant: Which of the exported files it takes.
        samples: Golden samples.
        stages: One entry a stage that could be compared, in order.
        file_error: Relative logit error of the target's file, run here, to the exported model:
            what was lost before it reached the target.
        runtime_error: Relative logit error of the target to its own file, run here: what was lost
            on the target.
        flips: Samples that get another class than from the exported model.
        flip_margin: Largest margin of the reference, in shares of its range, among these.
        layers: One entry a tensor that was compared, in the order of the graph.
        first_layer: The first operator that departs.
        saturations: Of a quantised file, the tensors whose range is too small.
        faults: What the target's file lacks or has otherwise, or why it is taken nowhere.
        findings: What explains the differences.
    """

    target: str
    outcome: TargetOutcome
    message: str = ""
    variant: str = "float"
    samples: int = 0
    stages: tuple[StageDifference, ...] = ()
    file_error: float = 0.0
    runtime_error: float = 0.0
    flips: int = 0
    flip_margin: float = 0.0
    layers: tuple[LayerDifference, ...] = ()
    first_layer: str = ""
    saturations: tuple[Saturation, ...] = ()
    faults: tuple[Finding, ...] = ()
    findings: tuple[Finding, ...] = ()

    def metadata(self) -> Metadata:
        """Errors by stage, findings in words, layers, pictures."""
        shown = dict(Record.metadata(self))
        shown |= {f"{s.stage} error": s.error for s in self.stages}
        stages: list[tuple[object, ...]] = [
            (s.stage, s.error, s.samples, s.worst[:12]) for s in self.stages
        ]
        shown["stages"] = table(("stage", "largest error", "samples", "worst sample"), stages)
        findings: list[tuple[object, ...]] = [
            (f.stage, f.layer, f.cause, f.what, f.explained) for f in (*self.faults, *self.findings)
        ]
        if findings:
            columns = ("stage", "layer", "cause", "what", "explained")
            shown["findings"] = table(columns, findings)
        layers: list[tuple[object, ...]] = [(x.layer, x.tensor, x.error) for x in self.layers]
        if layers:
            shown["layers"] = table(("layer", "tensor", "error"), layers)
        if PIXELS in self.files:
            shown["pixels"] = self.picture(PIXELS, "reference, target, difference")
        if LAYERS in self.files:
            shown["error by layer"] = self.picture(LAYERS, "error by layer")
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyDuel(Record):
    """Two models on one target, timed in turns.

    Attributes:
        target: Name of the runtime or device.
        outcome: Whether it answered.
        message: What it said when it failed.
        ratio: How many times as long the model takes as the other one: median over the blocks.
        model_ms: Median milliseconds a call of the model.
        rival_ms: The same of the other one.
        excused: Why there is nothing to compare with, where the pipeline declares that to be right.
        missing: Why there is nothing to compare with, where that is not declared.
    """

    target: str
    outcome: TargetOutcome
    message: str = ""
    ratio: Estimate
    model_ms: float = 0.0
    rival_ms: float = 0.0
    excused: str = ""
    missing: str = ""

    def metadata(self) -> Metadata:
        """The ratio with its interval, and the times."""
        known = {} if self.ratio.n else {"ratio": "nothing to compare with", "ratio_low": ""}
        return {**Record.metadata(self), **known}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One release on one target: whether it loads there, and answers as when it was released.

    Attributes:
        release: Its version.
        target: Where it was replayed.
        runtime: Name and version of what answered; "" where nothing did.
        outcome: Whether the target answered.
        message: What it said when it failed.
        flips: Golden samples that get another class.
        error: Largest relative logit error; infinite where there is no answer.
        samples: Golden samples.
    """

    release: str
    target: str
    runtime: str = ""
    outcome: TargetOutcome
    message: str = ""
    flips: int = 0
    error: float = float("inf")
    samples: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal(Record):
    """Every release on every target, in today's environment or in a candidate one.

    Attributes:
        environment: What was asked for, such as ``onnxruntime==1.20.1``; "" for today's.
        replays: One entry a release and target, the oldest release first.
        left_out: What could not be replayed because the release never had it, in words.
    """

    environment: str
    replays: tuple[Replay, ...] = ()
    left_out: tuple[str, ...] = ()

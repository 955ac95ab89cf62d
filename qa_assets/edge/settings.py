"""Settings of the edge benchmarks: which targets, how many calls, within which limits."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from qa_assets.core.config import Count, Distinct, Frozen, Positive, Share

VariantChoice = Literal["float", "static", "int8", "fp16"]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@:-]*$")]


class Device(Frozen):
    """A real device that is reached over ssh, as the target ``ssh@NAME``."""

    host: Host
    """Its name or address, with ``user@`` where needed."""
    port: Count = 22
    """Where its ssh listens."""
    python: str = "python3"
    """The Python there: with NumPy and onnxruntime, and Pillow where samples are no PNG."""
    decoder: Literal["pillow", "png"] = "pillow"
    """Who decodes samples there; ``png`` needs no Pillow."""
    variant: VariantChoice = "float"
    """Which of the exported files it takes."""
    identity: str = ""
    """File of the private key; what ssh is configured to use by default."""
    known_hosts: str = ""
    """File of the known host keys; ssh's own by default."""


class OperatorProfile(Frozen):
    """What an accelerator can take, as the target ``op-profile@NAME``."""

    operators: tuple[str, ...]
    """Names of the ONNX operators it has."""
    max_opset: Count | None = None
    """Newest operator set; any by default."""
    dtypes: tuple[str, ...] | None = None
    """Element types of tensors, in NumPy's names; any by default."""
    max_rank: Count | None = None
    """Most dimensions of a tensor; any number by default."""
    static_shapes: bool = False
    """Whether every dimension must be a number."""
    variant: VariantChoice = "float"
    """Which of the exported files it takes."""


class EdgeSettings(Frozen):
    """How each target is run and measured."""

    targets: Annotated[tuple[str, ...], Field(min_length=1), Distinct] = ("ort-cpu",)
    """Names of the targets: each is a file in ``edge/targets/`` or comes with a plug-in. At least
    one, or the gates on targets would judge nothing."""
    devices: Mapping[str, Device] = {}
    """Real devices by name."""
    profiles: Mapping[str, OperatorProfile] = {}
    """Operator profiles of accelerators by name."""
    calls: Count = 700
    """Timed calls of one sample each: p90 needs 64 of them, p99 needs 662."""
    warm_up: Count = 20
    """Calls before the clock counts."""
    batches: tuple[Count, ...] = (8, 64)
    """Batch sizes whose throughput is measured, where the model takes more than one sample."""
    batch_seconds: Positive = 0.5
    """How long each batch size is measured, at least one call."""
    least_seconds: Positive = 0.2
    """How long the timed calls last at least: in less no one can tell whether others interfered."""
    leak_calls: Count = 480
    """Calls of varied batch sizes over which memory is watched."""
    timing_seconds: Positive = 20.0
    """When the timed calls end, even if not all are made: a slow model gets fewer."""
    duel_blocks: Count = 30
    """Blocks of calls in which a model is timed in turns with the released one."""
    duel_block_seconds: Positive = 0.03
    """How long each of the two is timed in a block."""
    trace_from: Positive = 1e-4
    """From this relative error on the target is compared layer by layer."""
    saturated_share: Share = 0.01
    """Above this share of values outside a quantised range the calibration is called bad."""
    threads: Count = 1
    """Threads of the runtime."""
    min_cpu_share: Share = 0.9
    """Below this share of processor time in the timed loop others were using the machine."""
    timeout_s: Positive = 120.0
    """When the target is ended, from start to answer."""
    max_memory_mib: Count = 4096
    """Address space of the target, where the system can limit it."""
    max_output_mib: Count = 512
    """Largest file that the target may write, where the system can limit it."""

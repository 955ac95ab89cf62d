"""Settings of the edge benchmarks: which targets, how many calls, within which limits."""

from qa_assets.core.config import Count, Frozen, Positive, Share


class EdgeSettings(Frozen):
    """How each target is run and measured."""

    targets: tuple[str, ...] = ("ort-cpu",)
    """Names of the targets; each is a file in ``edge/targets/`` or comes with a plug-in."""
    calls: Count = 700
    """Timed calls of one sample each: p90 needs 64 of them, p99 needs 662."""
    warm_up: Count = 20
    """Calls before the clock counts."""
    batches: tuple[Count, ...] = (8, 64)
    """Batch sizes whose throughput is measured, where the model takes more than one sample."""
    batch_seconds: Positive = 0.5
    """How long each batch size is measured, at least one call."""
    timing_seconds: Positive = 20.0
    """When the timed calls end, even if not all are made: a slow model gets fewer."""
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

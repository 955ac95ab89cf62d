"""What a device answers from raw bytes, and what it costs there."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from qa_assets.core.record import Metadata, Record, table

LATENCIES = "latencies.npy"
TargetOutcome = Literal["OK", "REFUSED", "CRASH", "TIMEOUT", "NO-RESULT"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeBenchmark(Record):
    """What one target answered from raw bytes, and what it cost there.

    Files, when the outcome is OK: ``samples.parquet``: id of each sample, in order. ``logits.npy``:
    float32, shape (sample, class). ``latencies.npy``: float64, milliseconds a single-sample call.
    ``latency.svg``.

    Attributes:
        target: Name of the runtime or device.
        outcome: Whether it answered, and if not, how it failed.
        message: What it said when it failed.
        variant: Which of the exported files it takes: ``float`` is the exported one itself.
        model_sha256: Digest of that file.
        converted: The target's own tools made another file of it before it ran.
        emulated: Its answers count, its times mean nothing and are not kept.
        latency_ms: ``p50``, ``p90`` (from 64 calls on) and ``p99`` (from 662 calls on).
        throughput: Samples a second in the largest measured batch.
        load_ms: From the file to a session that can run.
        first_ms: First inference, which may still allocate and compile.
        decode_ms: From raw bytes to pixels, a sample.
        cpu_ms: Processor time of a single-sample call.
        cpu_share: Processor time a second in the timed loop; below one others were using it.
        peak_rss_mib: Largest resident memory of the worker.
        rss_growth_mib: How much resident memory grew over calls of varied batch sizes.
        rss_slope_kib: The same a call, as a robust slope.
        size: Bytes of the model file.
        machine: Fingerprint of where it ran: processor, cores, system, runtime, decoder.
        contended: The machine was too busy for the times to be judged.
    """

    target: str
    outcome: TargetOutcome
    message: str = ""
    variant: str = "float"
    model_sha256: str
    converted: bool = False
    emulated: bool = False
    samples: int = 0
    latency_ms: Mapping[str, float] = field(default_factory=dict[str, float])
    throughput: float = 0.0
    load_ms: float = 0.0
    first_ms: float = 0.0
    decode_ms: float = 0.0
    cpu_ms: float = 0.0
    cpu_share: float = 1.0
    peak_rss_mib: float = 0.0
    rss_growth_mib: float = math.nan
    rss_slope_kib: float = math.nan
    size: int
    machine: Mapping[str, str] = field(default_factory=dict[str, str])
    contended: bool = False

    def metadata(self) -> Metadata:
        """Outcome, times, memory, machine, histogram."""
        shown = dict(Record.metadata(self))
        shown |= {f"{name} ms": value for name, value in self.latency_ms.items()}
        rows: list[tuple[object, ...]] = list(self.machine.items())
        shown["machine"] = table(("property", "value"), rows)
        if "latency.svg" in self.files:
            shown["latency"] = self.picture("latency.svg", "latency of single calls")
        return shown

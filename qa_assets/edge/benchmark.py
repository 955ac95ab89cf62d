"""What one target answers from raw bytes and what it costs there, whatever the target does."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec
from qa_assets.core.digests import digest_bytes
from qa_assets.core.intervals import theil_sen
from qa_assets.core.pictures import histogram
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.device import LATENCIES, EdgeBenchmark
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.records.export import MODEL, OnnxModel
from qa_assets.core.tables import array_bytes, table_bytes
from qa_assets.edge.job import Answered, batch_of, missing, run_job
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import EdgeTarget, find

NEEDED_CALLS = {"p50": 1, "p90": 64, "p99": 662}
"""Calls without which a percentile is not reported.

Source: distribution-free bounds; below them the upper confidence limit is the maximum.
"""


def benchmark(
    target: str,
    onnx_model: OnnxModel,
    payloads: Mapping[str, bytes],
    spec: InputSpec,
    settings: EdgeSettings,
    scratch: Path,
) -> EdgeBenchmark:
    """Run the model on ``target`` in a bounded process; its failure is a result, not an error.

    Args:
        target: Its registered name.
        onnx_model: What it is to run: the variant that the target takes.
        payloads: Raw bytes of each sample by id, as they were found.
        spec: Size and channels that the target's decoder must deliver.
        settings: Calls and limits.
        scratch: Where a folder for the worker is made, and removed again.

    Raises:
        InputRefused: ``CONF_UNKNOWN``: no such target.
    """
    return benchmark_on(
        find(target, settings),
        onnx_model,
        payloads,
        spec,
        settings=settings,
        scratch=scratch,
        name=target,
    )


def benchmark_on(
    device: EdgeTarget,
    onnx_model: OnnxModel,
    payloads: Mapping[str, bytes],
    spec: InputSpec,
    *,
    settings: EdgeSettings,
    scratch: Path,
    name: str,
) -> EdgeBenchmark:
    """As :func:`benchmark`, for a target that need not be registered."""
    exported = onnx_model.variant_body(device.variant)
    body = device.convert(exported) if device.convert else exported
    batch = batch_of(device, onnx_model.variant_ports(device.variant))
    job = {"model": MODEL, "batch": batch, "batches": [] if batch == 1 else settings.batches}
    if device.emulated:
        job |= {"calls": 1, "warm_up": 0, "batches": [], "least_seconds": 0.0, "leak_calls": 0}
    answered = run_job(
        device, {MODEL: body}, payloads, job, spec=spec, settings=settings, scratch=scratch
    )
    result = EdgeBenchmark(
        target=name,
        outcome=answered.outcome,
        message=answered.message,
        variant=device.variant,
        model_sha256=digest_bytes(exported),
        converted=device.convert is not None,
        emulated=device.emulated,
        size=len(body),
    )
    if answered.outcome != "OK":
        return result
    return _measured(result, answered, tuple(sorted(payloads)), settings)


def _measured(
    result: EdgeBenchmark, answered: Answered, ids: tuple[str, ...], settings: EdgeSettings
) -> EdgeBenchmark:
    import pandas as pd

    wrong = _not_usable(answered, len(ids))
    if wrong:
        return replace(result, outcome="NO-RESULT", message=wrong)
    report = answered.report
    logits = answered.arrays[LOGITS].astype(np.float32)
    times = answered.arrays[LATENCIES].astype(np.float64)
    growth, slope = leak(report.resident_mib, settings.leak_calls)
    timed = {} if result.emulated else percentiles(times)
    return replace(
        result,
        samples=len(ids),
        latency_ms=timed,
        throughput=report.throughput[max(report.throughput)] if report.throughput else 0.0,
        load_ms=report.load_ms,
        first_ms=report.first_ms,
        decode_ms=report.decode_ms,
        cpu_ms=report.cpu_ms,
        cpu_share=report.cpu_share,
        peak_rss_mib=math.nan if report.peak_rss_mib is None else report.peak_rss_mib,
        rss_growth_mib=growth,
        rss_slope_kib=slope,
        machine=report.machine,
        contended=report.cpu_share < settings.min_cpu_share,
        files={
            SAMPLES: table_bytes(pd.DataFrame({"id": list(ids)})),
            LOGITS: array_bytes(logits),
            LATENCIES: array_bytes(times),
            **({"latency.svg": histogram(times, "ms")} if timed else {}),
        },
    )


def _not_usable(answered: Answered, samples: int) -> str:
    if lacking := missing(answered.arrays, (LOGITS, LATENCIES)):
        return lacking
    logits, times = answered.arrays[LOGITS], answered.arrays[LATENCIES]
    if logits.dtype.kind != "f" or times.dtype.kind != "f":
        return f"its arrays are not readable: {logits.dtype} and {times.dtype} are no numbers"
    if logits.ndim != 2 or len(logits) != samples or times.ndim != 1 or not len(times):
        return f"answered {logits.shape} for {samples} samples"
    return "" if (times.astype(np.float64) > 0).all() else "answered in no time, or in less"


def percentiles(times: NDArray[np.float64]) -> dict[str, float]:
    """Milliseconds that 50, 90 and 99 % of the calls stay within, where there are enough calls."""
    return {
        name: float(np.percentile(times, int(name[1:])))
        for name, calls in NEEDED_CALLS.items()
        if len(times) >= calls
    }


def leak(resident_mib: "tuple[float, ...]", calls: int) -> tuple[float, float]:
    """Growth of the resident memory and its slope, once a runtime's arenas have filled.

    Args:
        resident_mib: Resident memory at even steps over ``calls`` calls.
        calls: How many there were.

    Returns:
        MiB from the first quarter to the end, and KiB a call by Theil and Sen; NaN where the
        system does not tell.
    """
    if len(resident_mib) < 8:  # a slope of fewer points is no slope
        return math.nan, math.nan
    settled = np.asarray(resident_mib[len(resident_mib) // 4 :])
    per_step = theil_sen(settled)
    return float(settled[-1] - settled[0]), per_step * 1024 * len(resident_mib) / calls

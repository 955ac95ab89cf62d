"""What one target answers from raw bytes and what it costs there, whatever the target does."""

import inspect
import io
import math
import os
import shutil
import tempfile
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from qa_assets import SILENT
from qa_assets.core.config import InputSpec
from qa_assets.core.digests import canonical_json
from qa_assets.core.pictures import histogram
from qa_assets.core.records import LOGITS, MODEL, SAMPLES, EdgeBenchmark, OnnxModel, TargetOutcome
from qa_assets.core.tables import array_bytes, table_bytes
from qa_assets.edge import worker
from qa_assets.edge.process import Ended, run_bounded
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import EdgeTarget, find

LATENCIES = "latencies.npy"
NEEDED_CALLS = {"p50": 1, "p90": 64, "p99": 662}
"""Calls without which a percentile is not reported.

Source: distribution-free bounds; below them the upper confidence limit is the maximum.
"""
_BATCH = 64
_WORDS = 600


class Report(BaseModel):
    """The worker's JSON line: what comes back from a device is input, and checked as such."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    outcome: Literal["OK", "REFUSED"]
    message: str = ""
    samples: int = 0
    load_ms: float = 0.0
    first_ms: float = 0.0
    throughput: dict[int, float] = {}
    cpu_share: float = 1.0
    peak_rss_mib: float | None = None
    machine: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class _Answer:
    outcome: TargetOutcome
    message: str = ""
    report: Report | None = None
    logits: NDArray[np.float32] | None = None
    times: NDArray[np.float64] | None = None


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
        onnx_model: What it is to run.
        payloads: Raw bytes of each sample by id, as they were found.
        spec: Size and channels that the target's decoder must deliver.
        settings: Calls and limits.
        scratch: Where a folder for the worker is made, and removed again.

    Raises:
        InputRefused: ``CONF_UNKNOWN``: no such target.
    """
    return benchmark_on(
        find(target),
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
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="edge-", dir=scratch))
    try:
        _prepare(folder, device, onnx_model, payloads, spec, settings)
        command = (*device.interpreter, "worker.py", "job.json")
        environment = _environment(device, folder, settings.threads)
        ended = run_bounded(command, environment, folder, settings.timeout_s)
        answer = _answer(ended, folder, len(payloads), settings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _record(name, onnx_model, tuple(sorted(payloads)), answer, settings)


def _prepare(
    folder: Path,
    device: EdgeTarget,
    onnx_model: OnnxModel,
    payloads: Mapping[str, bytes],
    spec: InputSpec,
    settings: EdgeSettings,
) -> None:
    single = not device.any_batch or onnx_model.inputs.get("pixels", "").startswith("uint8[1,")
    job = settings.model_dump(mode="json", exclude={"targets", "batches"}) | {
        "model": MODEL,
        "samples": len(payloads),
        "spec": spec.model_dump(mode="json"),
        "decoder": device.decoder,
        "options": {"threads": settings.threads, **device.options},
        "open": device.open.__name__ if device.open else None,
        "batch": 1 if single else _BATCH,
        "batches": [] if single else settings.batches,
        "parent": os.getpid(),
    }
    (folder / "job.json").write_bytes(canonical_json(job))
    (folder / MODEL).write_bytes(onnx_model.read(MODEL))
    shutil.copyfile(worker.__file__, folder / "worker.py")
    if device.open:
        (folder / "opener.py").write_text(textwrap.dedent(inspect.getsource(device.open)))
    (folder / "samples").mkdir()
    for i, sample in enumerate(sorted(payloads)):
        (folder / "samples" / str(i)).write_bytes(payloads[sample])


def _environment(device: EdgeTarget, folder: Path, threads: int) -> dict[str, str]:
    """Nothing of the caller's environment reaches the target: no secrets, no settings."""
    places = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "USERPROFILE"), str(folder))
    system = {k: os.environ[k] for k in ("PATH", "SYSTEMROOT") if k in os.environ}
    pools = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    return {**system, **places, **pools, **SILENT, "PYTHONUTF8": "1", **device.environment}


def _answer(ended: Ended, folder: Path, samples: int, settings: EdgeSettings) -> _Answer:
    """Everything that can have happened, as one of five outcomes."""
    said = ended.errors.strip()[-_WORDS:]
    if not ended.started:
        return _Answer("NO-RESULT", said)
    if ended.status is None:
        return _Answer("TIMEOUT", f"did not answer within {settings.timeout_s:g} s. {said}".strip())
    if ended.status != 0:
        return _Answer("CRASH", f"ended with {ended.how}. {said}".strip())
    try:
        report = Report.model_validate_json(ended.output.strip() or "null")
    except ValidationError:
        return _Answer("NO-RESULT", f"ended without an answer. {said}".strip())
    if report.outcome == "REFUSED":
        return _Answer("REFUSED", report.message)
    try:
        logits = _load(folder / LOGITS, settings).astype(np.float32, casting="same_kind")
        times = _load(folder / LATENCIES, settings).astype(np.float64, casting="same_kind")
    except (OSError, ValueError, TypeError, EOFError) as error:
        return _Answer("NO-RESULT", f"its arrays are not readable: {error}")
    if logits.ndim != 2 or len(logits) != samples or times.ndim != 1 or not len(times):
        return _Answer("NO-RESULT", f"answered {logits.shape} for {samples} samples")
    return _Answer("OK", "", report, logits, times)


def _load(path: Path, settings: EdgeSettings) -> "NDArray[np.generic]":
    if path.stat().st_size > settings.max_output_mib << 20:
        raise ValueError(f"{path.name} is larger than {settings.max_output_mib} MiB")
    return np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)


def _record(
    target: str,
    onnx_model: OnnxModel,
    ids: tuple[str, ...],
    answer: _Answer,
    settings: EdgeSettings,
) -> EdgeBenchmark:
    import pandas as pd

    report, times = answer.report, answer.times
    result = EdgeBenchmark(
        target=target,
        outcome=answer.outcome,
        message=answer.message,
        model_sha256=onnx_model.sha256,
        size=onnx_model.size,
    )
    if report is None or times is None or answer.logits is None:
        return result
    return replace(
        result,
        samples=len(ids),
        latency_ms=percentiles(times),
        throughput=report.throughput[max(report.throughput)] if report.throughput else 0.0,
        load_ms=report.load_ms,
        first_ms=report.first_ms,
        peak_rss_mib=math.nan if report.peak_rss_mib is None else report.peak_rss_mib,
        machine=report.machine,
        contended=report.cpu_share < settings.min_cpu_share,
        files={
            SAMPLES: table_bytes(pd.DataFrame({"id": list(ids)})),
            LOGITS: array_bytes(answer.logits),
            LATENCIES: array_bytes(times),
            "latency.svg": histogram(times, "ms"),
        },
    )


def percentiles(times: NDArray[np.float64]) -> dict[str, float]:
    """Milliseconds that 50, 90 and 99 % of the calls stay within, where there are enough calls."""
    return {
        name: float(np.percentile(times, int(name[1:])))
        for name, calls in NEEDED_CALLS.items()
        if len(times) >= calls
    }

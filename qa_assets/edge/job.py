"""One job on one target: a folder with all it takes, a bounded process, one of five outcomes."""

import inspect
import io
import os
import shutil
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from qa_assets import SILENT
from qa_assets.core.config import InputSpec
from qa_assets.core.digests import canonical_json
from qa_assets.core.errors import EnvironmentFault
from qa_assets.core.records.device import TargetOutcome
from qa_assets.edge import worker
from qa_assets.edge.process import Ended, run_bounded
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import EdgeTarget

_WORDS = 600
_BATCH = 64
_HEAD = "from __future__ import annotations\n\n\n"
"""Annotations in a source that is sent name what is imported here, and not there."""


class Report(BaseModel):
    """The worker's JSON line: what comes back from a device is input, and checked as such."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    outcome: Literal["OK", "REFUSED"]
    message: str = ""
    samples: int = 0
    load_ms: float = 0.0
    first_ms: float = 0.0
    decode_ms: float = 0.0
    cpu_ms: float = 0.0
    throughput: dict[int, float] = {}
    cpu_share: float = 1.0
    peak_rss_mib: float | None = None
    resident_mib: tuple[float, ...] = ()
    machine: dict[str, str] = {}
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a job.

    Attributes:
        outcome: Whether the target answered, and if not, how it failed.
        message: What it said when it failed.
        report: Its summary, when it answered.
        arrays: What it left behind, by file name.
    """

    outcome: TargetOutcome
    message: str = ""
    report: Report = field(default_factory=lambda: Report(outcome="OK"))
    arrays: Mapping[str, NDArray[np.generic]] = field(
        default_factory=dict[str, NDArray[np.generic]]
    )


def run_job(
    device: EdgeTarget,
    files: Mapping[str, bytes],
    payloads: Mapping[str, bytes],
    job: Mapping[str, Any],
    *,
    spec: InputSpec,
    settings: EdgeSettings,
    scratch: Path,
) -> Answered:
    """Run the worker on ``device`` in a bounded process; its failure is a result, not an error.

    Args:
        device: Where.
        files: Model files by name.
        payloads: Raw bytes of each sample by id; the target sees them in the order of the ids.
        job: What is asked, besides what every job says.
        spec: Size and channels that the target's decoder must deliver.
        settings: Calls and limits.
        scratch: Where a folder for the worker is made, and removed again.
    """
    try:
        command = (*device.command, "worker.py", "job.json")
    except EnvironmentFault as error:
        return Answered("NO-RESULT", f"it is not available here: {error.problems[0]}")
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="edge-", dir=scratch))
    try:
        for name, body in files.items():
            (folder / name).write_bytes(body)
        _prepare(folder, device, payloads, {**_common(device, spec, settings), **job})
        environment = _environment(device, folder, settings.threads)
        ended = run_bounded(command, environment, folder, settings.timeout_s)
        return _answer(ended, folder, settings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def batch_of(device: EdgeTarget, ports: Mapping[str, str]) -> int:
    """Samples a call: one where the target or the model takes no more."""
    single = not device.any_batch or ports.get("pixels", "").startswith("uint8[1,")
    return 1 if single else _BATCH


def _common(device: EdgeTarget, spec: InputSpec, settings: EdgeSettings) -> dict[str, Any]:
    own = device.decoder if callable(device.decoder) else None
    return settings.model_dump(
        mode="json", exclude={"targets", "batches", "devices", "profiles"}
    ) | {
        "spec": spec.model_dump(mode="json"),
        "decoder": None if own else device.decoder,
        "decode": own.__name__ if own else None,
        "options": {"threads": settings.threads, **device.options},
        "open": device.open.__name__ if device.open else None,
        "parent": os.getpid(),
    }


def _prepare(
    folder: Path, device: EdgeTarget, payloads: Mapping[str, bytes], job: Mapping[str, Any]
) -> None:
    (folder / "job.json").write_bytes(canonical_json({**job, "samples": len(payloads)}))
    shutil.copyfile(worker.__file__, folder / "worker.py")
    sources = {"opener.py": device.open, "decoder.py": device.decoder}
    for name, function in sources.items():
        if callable(function):
            source = textwrap.dedent(inspect.getsource(function))
            (folder / name).write_text(_HEAD + source, encoding="utf-8")
    (folder / "samples").mkdir()
    for i, sample in enumerate(sorted(payloads)):
        (folder / "samples" / str(i)).write_bytes(payloads[sample])


def _environment(device: EdgeTarget, folder: Path, threads: int) -> dict[str, str]:
    """Nothing of the caller's environment reaches the target: no secrets, no settings."""
    places = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "USERPROFILE"), str(folder))
    system = {k: os.environ[k] for k in ("PATH", "SYSTEMROOT") if k in os.environ}
    pools = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    return {**system, **places, **pools, **SILENT, "PYTHONUTF8": "1", **device.environment}


def _answer(ended: Ended, folder: Path, settings: EdgeSettings) -> Answered:
    """Everything that can have happened, as one of five outcomes."""
    said = ended.errors.strip()[-_WORDS:]
    if not ended.started:
        return Answered("NO-RESULT", said)
    if ended.status is None:
        late = f"did not answer within {settings.timeout_s:g} s. {said}"
        return Answered("TIMEOUT", late.strip())
    if ended.status != 0:
        return Answered("CRASH", f"ended with {ended.how}. {said}".strip())
    try:
        report = Report.model_validate_json(ended.output.strip() or "null")
    except ValidationError:
        return Answered("NO-RESULT", f"ended without an answer. {said}".strip())
    if report.outcome == "REFUSED":
        return Answered("REFUSED", report.message)
    try:
        arrays = {p.name: _load(p, settings) for p in sorted(folder.glob("*.npy"))}
    except (OSError, ValueError, TypeError, EOFError) as error:
        return Answered("NO-RESULT", f"its arrays are not readable: {error}")
    return Answered("OK", "", report, arrays)


def _load(path: Path, settings: EdgeSettings) -> "NDArray[np.generic]":
    if path.is_symlink() or path.stat().st_size > settings.max_output_mib << 20:
        raise ValueError(f"{path.name} is larger than {settings.max_output_mib} MiB, or a link")
    return np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)


def missing(arrays: Mapping[str, NDArray[np.generic]], names: Sequence[str]) -> str:
    """In words, which of the wanted arrays the target did not leave; "" where none lacks."""
    lacking = [name for name in names if name not in arrays]
    return f"its arrays are not readable: {', '.join(lacking)} is not there" if lacking else ""

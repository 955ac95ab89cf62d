"""A result file that a device sent back: held against what it was asked, never believed."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.strict_json import read_strict
from qa_assets.edge.benchmark import leak

SCHEMA = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MIB = 1 << 20
_EXACT = 1e-3
"""How far the scores of a sample may add up to something else than one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLimits:
    """What a result may be like.

    Attributes:
        max_mib: Largest file.
        min_calls: Fewest timed calls.
        max_outlier: Longest call, in times of the median one.
        min_busy: Least share of the time from start to finish that the calls add up to.
        max_growth_mib: Largest growth of the memory.
        max_ahead_s: How far the device's clock may be ahead of ours.
        devices: Registered devices; any by default.
        runtime: Version of the runtime that the export was checked with; any by default.
    """

    max_mib: float = 2.0
    min_calls: int = 5
    max_outlier: float = 20.0
    min_busy: float = 1e-4
    max_growth_mib: float = 8.0
    max_ahead_s: float = 300.0
    devices: tuple[str, ...] = ()
    runtime: str = ""


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Device(_Sent):
    id: str
    runtime: str
    runtime_version: str
    provider: str


class _Answer(_Sent):
    id: str
    probs: Sequence[float | None]


class _Result(_Sent):
    schema_: Annotated[int, Field(alias="schema")]
    run_id: str
    nonce: str
    device: _Device
    model_sha256: str
    started: str
    finished: str
    latency_ms: Sequence[float]
    rss_mb: Sequence[float]
    samples: Sequence[_Answer]


class Request(_Sent):
    """What the device was asked."""

    run_id: str
    nonce: str
    model_sha256: str
    samples: Sequence[str]
    sent: str


def read_request(path: Path) -> Request:
    """The request that a result answers.

    Raises:
        InputRefused: ``DEV_REQUEST``: there is none, or it is none.
    """
    try:
        return Request.model_validate(read_strict(path.read_text(encoding="utf-8"), path.name))
    except (OSError, UnicodeDecodeError, ValidationError, InputRefused) as error:
        right = "A result is judged with request.json beside it, or with --reference FILE."
        raise InputRefused.of("DEV_REQUEST", path.name, "is not readable.", right) from error


def inspect_result(path: Path, request: Request, limits: ResultLimits) -> list[Problem]:
    """Hold a result against its request.

    Args:
        path: The file that came back.
        request: What was asked.
        limits: What it may be like.

    Returns:
        What should fail a gate (errors) or is odd (warnings).

    Raises:
        InputRefused: It is not to be believed at all: with everything that is wrong.
    """
    result = _read(path, limits)
    refused = [*_identity(result, request, limits), *_times(result), *_answers(result, request)]
    if refused:
        raise InputRefused(*refused)
    return [*_gates(result, request, limits), *_clock(result, request, limits)]


def _read(path: Path, limits: ResultLimits) -> _Result:
    if not path.is_file() or path.is_symlink():
        raise InputRefused.of("DEV_MISSING", path.name, "is no file.", "Send the result again.")
    if path.stat().st_size > limits.max_mib * _MIB:
        what = f"is larger than {limits.max_mib:g} MiB."
        raise InputRefused.of("DEV_SIZE", path.name, what, "Send the answers alone.")
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputRefused.of("JSON_SYNTAX", path.name, "is not UTF-8.") from error
    found = read_strict(text, path.name)
    if isinstance(found, dict) and found.get("schema", SCHEMA) != SCHEMA:
        what = f"has the schema {found['schema']!r}, this version reads {SCHEMA}."
        raise InputRefused.of("DEV_SCHEMA", path.name, what)
    try:
        return _Result.model_validate(found)
    except ValidationError as error:
        raise InputRefused(*map(_schema, error.errors(include_url=False)[:20])) from error


def _schema(error: Any) -> Problem:
    where = ".".join(str(part) for part in error["loc"]) or "the result"
    return Problem("DEV_SCHEMA", where, f"{error['msg']}.", "See the schema of device results.")


def _identity(result: _Result, request: Request, limits: ResultLimits) -> Iterator[Problem]:
    device = result.device.id
    if not _NAME.fullmatch(device):
        right = "Letters, digits, dot, line and underscore only."
        yield Problem("DEV_ID", device[:80], "is no name of a device.", right)
    elif limits.devices and device not in limits.devices:
        right = f"Registered are: {', '.join(limits.devices)}."
        yield Problem("DEV_ID", device, "is not registered.", right)
    for code, name in (("DEV_REPLAY", "run_id"), ("DEV_REPLAY", "nonce"),
                       ("DEV_MODEL", "model_sha256")):  # fmt: skip
        told, asked = getattr(result, name), getattr(request, name)
        if told != asked:
            yield Problem(code, name, f"is {told[:64]!r}, {asked!r} was asked for.")


def _times(result: _Result) -> Iterator[Problem]:
    """Of numbers and clocks: what cannot have been measured."""
    if not result.latency_ms:
        yield Problem("DEV_RANGE", "latency_ms", "holds no timing: nothing is no pass.")
    for name, values in (("latency_ms", result.latency_ms), ("rss_mb", result.rss_mb)):
        wrong = [v for v in values if not (math.isfinite(v) and v > 0)]
        if wrong:
            yield Problem("DEV_RANGE", name, f"holds {wrong[0]}, a positive number is right.")
    began, ended = _moment(result.started), _moment(result.finished)
    for name, moment in (("started", began), ("finished", ended)):
        if moment is None:
            yield Problem("DEV_CLOCK", name, "is no time with a zone.", "ISO 8601 with offset.")
    if began and ended and ended < began:
        yield Problem("DEV_CLOCK", "finished", "lies before the start.")


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _answers(result: _Result, request: Request) -> Iterator[Problem]:
    """Of the answers: what nobody asked for, or what are no probabilities."""
    for sample, times in Counter(a.id for a in result.samples).items():
        if times > 1:
            yield Problem("DEV_SAMPLES", sample[:80], f"is answered {times} times.")
        if sample not in request.samples:
            yield Problem("DEV_SAMPLES", sample[:80], "was not asked for.")
    counts = Counter(len(a.probs) for a in result.samples)
    classes = counts.most_common(1)[0][0] if counts else 0
    for answer in result.samples:
        if len(answer.probs) != classes:
            what = f"has {len(answer.probs)} scores, the others have {classes}."
            yield Problem("DEV_SAMPLES", answer.id[:80], what)
        elif wrong := _no_probabilities(answer.probs):
            yield Problem("DEV_RANGE", answer.id[:80], f"probs {wrong}.")


def _no_probabilities(probs: Sequence[float | None]) -> str:
    if any(p is None or not math.isfinite(p) or not 0 <= p <= 1 for p in probs):
        return "hold what is outside 0 to 1"
    total = sum(p for p in probs if p is not None)
    return "" if abs(total - 1) <= _EXACT else f"add up to {total:.4g}"


def _gates(result: _Result, request: Request, limits: ResultLimits) -> Iterator[Problem]:
    """What is believed, and is not good enough."""
    answered = {a.id: tuple(a.probs) for a in result.samples}
    if lacking := [s for s in request.samples if s not in answered]:
        what = f"{', '.join(lacking[:20])} were asked for and not answered."
        yield Problem("DEV_SAMPLES", lacking[0], what, "All samples are scored, or none.")
    if len(answered) > 1 and len(set(answered.values())) == 1:
        yield Problem("M_CONSTANT", "probs", "are the same for every sample.")
    version = result.device.runtime_version
    if limits.runtime and version != limits.runtime:
        what = f"is the runtime, the export was checked with {limits.runtime}."
        yield Problem("DEV_RUNTIME", version[:80], what, "qa rehearse --with shows what breaks.")
    yield from _measured(result, limits)


def _measured(result: _Result, limits: ResultLimits) -> Iterator[Problem]:
    times = np.asarray(result.latency_ms, np.float64)
    if len(times) < limits.min_calls:
        what = f"holds {len(times)} timings, {limits.min_calls} are the least."
        yield Problem("DEV_FEW", "latency_ms", what)
        return
    middle, worst = float(np.median(times)), float(times.max())
    if worst > limits.max_outlier * middle:
        what = f"has a call of {worst:g} ms beside a median of {middle:g} ms."
        yield Problem("DEV_LATENCY", "latency_ms", what)
    began, ended = _moment(result.started), _moment(result.finished)
    passed = (ended - began).total_seconds() * 1000 if began and ended else 0.0
    if times.sum() > max(passed, 1.0) * 1.5 or times.sum() < limits.min_busy * passed:
        what = f"adds up to {times.sum():.3g} ms of {passed:g} ms from start to finish."
        yield Problem("DEV_UNITS", "latency_ms", what, "Times are in milliseconds.")
    growth, slope = leak(tuple(result.rss_mb), len(result.rss_mb))
    if growth > limits.max_growth_mib and slope > 0:
        yield Problem("DEV_LEAK", "rss_mb", f"grows by {growth:.3g} MiB.")


def _clock(result: _Result, request: Request, limits: ResultLimits) -> Iterator[Problem]:
    began, sent = _moment(result.started), _moment(request.sent)
    ahead = (began - datetime.now(UTC)).total_seconds() if began else 0.0
    odd = "lies before the request was sent" if began and sent and began < sent else ""
    odd = "lies in the future" if ahead > limits.max_ahead_s else odd
    if odd:
        what = f"{odd}: results are ordered by when they came."
        yield Problem("DEV_CLOCK", "started", what, "Set the device's clock.", "warning")

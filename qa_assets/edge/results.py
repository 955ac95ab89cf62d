"""A result file that a device sent back: held against what it was asked, never believed."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from qa_assets.core.errors import InputRefused, Problem
from qa_assets.edge.benchmark import leak
from qa_assets.edge.result_file import Request, Result, ResultLimits, read_result

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EXACT = 1e-3
"""How far the scores of a sample may add up to something else than one."""


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
    result = read_result(path, limits)
    refused = [*_identity(result, request, limits), *_times(result), *_answers(result, request)]
    if refused:
        raise InputRefused(*refused)
    return [*_gates(result, request, limits), *_clock(result, request, limits)]


def _identity(result: Result, request: Request, limits: ResultLimits) -> Iterator[Problem]:
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


def _times(result: Result) -> Iterator[Problem]:
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


def _answers(result: Result, request: Request) -> Iterator[Problem]:
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


def _gates(result: Result, request: Request, limits: ResultLimits) -> Iterator[Problem]:
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


def _measured(result: Result, limits: ResultLimits) -> Iterator[Problem]:
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


def _clock(result: Result, request: Request, limits: ResultLimits) -> Iterator[Problem]:
    began, sent = _moment(result.started), _moment(request.sent)
    ahead = (began - datetime.now(UTC)).total_seconds() if began else 0.0
    odd = "lies before the request was sent" if began and sent and began < sent else ""
    odd = "lies in the future" if ahead > limits.max_ahead_s else odd
    if odd:
        what = f"{odd}: results are ordered by when they came."
        yield Problem("DEV_CLOCK", "started", what, "Set the device's clock.", "warning")

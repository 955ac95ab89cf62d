"""A model of unknown origin on trial: run within limits on inputs of many sizes, then judged."""

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa_assets import SILENT
from qa_assets.core.errors import Problem
from qa_assets.core.records.export import MODEL
from qa_assets.edge import trial_worker
from qa_assets.edge.process import Ended, run_bounded

Answers = Mapping[str, NDArray[np.generic]]
_PORT = re.compile(r"(\w+)\[(.*)\]")
_SIZES = (0.0, 0.1, 0.5, 1.0, 3.0, 20.0, 255.0)
"""How large the numbers of an input are: normalised, scaled, raw pixels."""
_EACH = 4
_MADE_UP = ("float16", "float32", "float64", "uint8", "int8")
"""Types of inputs; an index of another type may only be what the model knows."""
_ROWS = len(_SIZES) * _EACH
_ONE = 1e-3
"""How far probabilities may add up to something else than one."""
_OWN = 1e-4
"""How far a sample's answer may depend on its neighbours, or on the call, in shares of the range.
"""


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """What a trial may cost, and how near the answers must be.

    Attributes:
        seconds: From start to end.
        memory_mib: Address space.
        max_difference: Largest difference to the reference, in shares of its range.
    """

    seconds: float = 10.0
    memory_mib: int = 2048
    max_difference: float = 1e-3


@dataclass(frozen=True, slots=True)
class Tried:
    """What a model answered.

    Attributes:
        rounds: Answers by port: ``single``, ``again``, and ``all`` where it takes any batch.
        problem: How it failed; None where it answered.
    """

    rounds: Mapping[str, Answers]
    problem: Problem | None = None


def judge(model: bytes, inputs: Mapping[str, str], reference: bytes | None,
          limits: TrialLimits) -> list[Problem]:  # fmt: skip
    """Run a model whose file was inspected before, and say what is wrong with its answers.

    Args:
        model: The file.
        inputs: Its inputs: name -> ``dtype[shape]``.
        reference: A model that answers right.
        limits: What the trial may cost.
    """
    given = made_up(inputs)
    if given is None:
        what = "takes an input that nothing can be made up for"
        return [Problem("M_REFUSED", MODEL, f"{what}: {dict(inputs)}.", "", "warning")]
    batches = not any(port.partition("[")[2].startswith("1,") for port in inputs.values())
    tried = attempt(model, given, limits, batches=batches)
    if tried.problem:
        return [tried.problem]
    found = [*_of_itself(tried)]
    if reference is not None:
        right = attempt(reference, given, limits, batches=batches)
        if right.problem:
            return [*found, right.problem]
        found += _beside(tried.rounds["single"], right.rounds["single"], limits.max_difference)
    return found


def made_up(inputs: Mapping[str, str]) -> Answers | None:
    """Inputs of all sizes for ports, the same each time; None where a type is not known."""
    rng = np.random.default_rng(0)
    made: dict[str, NDArray[np.generic]] = {}
    for name, port in inputs.items():
        found = _PORT.fullmatch(port)
        if found is None or found[1] not in _MADE_UP:
            return None
        sizes = [int(s) if s.strip().isdigit() else 1 for s in found[2].split(",")[1:]]
        if np.prod(sizes, dtype=np.float64) > 1 << 24:
            return None
        drawn = rng.standard_normal((_ROWS, *sizes))
        scale = np.repeat(_SIZES, _EACH).reshape(-1, *(1 for _ in sizes))
        kind = np.dtype(found[1])
        values = drawn * scale
        if kind.kind in "ui":
            info = np.iinfo(kind.name)
            values = np.clip(np.abs(values), max(info.min, 0), min(info.max, 255))
        made[name] = values.astype(kind)
    return made


def attempt(model: bytes, given: Answers, limits: TrialLimits, *, batches: bool = True) -> Tried:
    """Run a model in a process of its own; how it ends is a result, whatever it does."""
    folder = Path(tempfile.mkdtemp(prefix="trial-"))
    try:
        (folder / MODEL).write_bytes(model)
        np.savez(folder / "inputs.npz", **dict(given))  # pyright: ignore[reportArgumentType]
        told = {"memory_mib": limits.memory_mib, "batches": batches}
        (folder / "limits.json").write_text(json.dumps(told), encoding="utf-8")
        shutil.copyfile(trial_worker.__file__, folder / "worker.py")
        command = [sys.executable, "-I", "worker.py", "."]
        home = dict.fromkeys(("HOME", "TMPDIR"), str(folder))
        quiet = {**SILENT, **home, "OMP_NUM_THREADS": "1"}
        ended = run_bounded(command, quiet, folder, limits.seconds)
        problem = _ending(ended, limits)
        return Tried({} if problem else _rounds(folder), problem)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ending(ended: Ended, limits: TrialLimits) -> Problem | None:
    if ended.status is None and ended.started:
        what = f"did not answer within {limits.seconds:g} s, and was ended."
        return Problem("M_TIMEOUT", MODEL, what)
    lines = ended.output.strip().splitlines()
    try:
        said = json.loads(lines[-1]) if lines else {}
    except ValueError:
        said = {}
    if said.get("outcome") == "OK":
        return None
    if said.get("outcome") == "MEMORY":
        what = f"wants more than {limits.memory_mib} MiB of memory, and was ended."
        return Problem("M_MEMORY", MODEL, what)
    if said:
        return Problem("M_REFUSED", MODEL, f"is not run: {' '.join(said['message'].split())}")
    return Problem("M_CRASH", MODEL, f"ends its runtime: {ended.how}. {ended.errors[-300:]}")


def _rounds(folder: Path) -> dict[str, Answers]:
    found: dict[str, Answers] = {}
    for name in ("single", "again", "all"):
        if (folder / f"{name}.npz").is_file():
            with np.load(folder / f"{name}.npz", allow_pickle=False) as stored:
                found[name] = {port: stored[port] for port in stored.files}
    return found


def _of_itself(tried: Tried) -> Iterator[Problem]:
    """What no right model does, whatever it is for."""
    single = tried.rounds["single"]
    for port, answers in single.items():
        numbers = answers.astype(np.float64)
        if not np.isfinite(numbers).all():
            row = int(np.flatnonzero(~np.isfinite(numbers).reshape(len(numbers), -1).all(1))[0])
            what = f"answers {port} with what is not finite, first to made-up input {row}."
            yield Problem("M_NONFINITE", MODEL, what)
        elif len(numbers) > 1 and (numbers == numbers[:1]).all():
            yield Problem("M_CONSTANT", MODEL, f"answers {port} the same to every input.")
    together = tried.rounds.get("all", single)
    for port, answers in tried.rounds["again"].items():
        if _apart(answers, together[port]) > _OWN:
            what = f"answers {port} otherwise when asked again: noise or dropout is left on."
            yield Problem("M_NONDETERMINISTIC", MODEL, what)
        elif _apart(single[port], together[port]) > _OWN:
            what = f"answers {port} of a sample by the others of the same call."
            yield Problem("M_BATCH", MODEL, what)


def _beside(tried: Answers, right: Answers, most: float) -> Iterator[Problem]:
    for port, answers in right.items():
        if port not in tried:
            continue
        if _adds_up(answers) and not _adds_up(tried[port]):
            what = f"answers {port} with numbers that are no probabilities, the reference does not."
            yield Problem("M_PROBS", MODEL, what)
        apart = _apart(tried[port], answers)
        if apart > most:
            rows = int((_rowwise(tried[port], answers) > most).sum())
            what = f"answers {port} of {rows} of {len(answers)} inputs otherwise than the reference"
            right_is = f"At most {most:g} of its range is right."
            yield Problem(
                "M_PARITY", MODEL, f"{what}, by up to {apart:.2g} of its range.", right_is
            )


def _adds_up(answers: NDArray[np.generic]) -> bool:
    numbers = answers.astype(np.float64)
    flat = numbers.ndim == 2 and numbers.min() >= 0
    return bool(flat and np.allclose(numbers.sum(axis=1), 1, atol=_ONE))


def _rowwise(a: NDArray[np.generic], b: NDArray[np.generic]) -> NDArray[np.float64]:
    if a.shape != b.shape:
        return np.full(len(b), np.inf)
    exact = b.astype(np.float64)
    span = float(np.ptp(exact[np.isfinite(exact)])) if np.isfinite(exact).any() else 0.0
    with np.errstate(invalid="ignore"):
        apart = np.abs(a.astype(np.float64) - exact).reshape(len(exact), -1)
    return np.nan_to_num(apart, nan=0.0).max(axis=1) / (span or 1.0)


def _apart(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    return float(_rowwise(a, b).max(initial=0.0))

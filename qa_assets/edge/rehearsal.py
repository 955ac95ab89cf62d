"""Releases of before on the runtimes of tomorrow: does each still answer as it was released?

What is replayed is what was shipped: the release's own file and golden samples, held against the
answers that were kept with them.
"""

import importlib.metadata
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qa_assets.core.config import InputSpec, Positive, Share
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.edge import Rehearsal, Replay
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.records.export import GOLDEN, MODEL
from qa_assets.core.records.release import Release
from qa_assets.core.store import LocalStore
from qa_assets.core.tables import read_array, read_table
from qa_assets.core.verdict import Evidence, Verdict, cannot_tell, none_of
from qa_assets.edge import parts, tools
from qa_assets.edge.inside import relative
from qa_assets.edge.job import batch_of, missing, run_job
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import LOCAL, EdgeTarget, find

_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9._+-]*)")
_ONCE: Mapping[str, Any] = {
    "calls": 1, "warm_up": 0, "batches": [], "least_seconds": 0.0, "leak_calls": 0,
}  # fmt: skip
"""The answers are wanted, not the times."""
_REPAIR = "Run the pipeline again, or restore that release."


@dataclass(frozen=True, slots=True)
class Kept:
    """A release as the store has it.

    Attributes:
        version: Its version, or its digest where it cannot be read.
        release: What was shipped; None where it cannot be read.
        unreadable: Why.
    """

    version: str
    release: Release | None = None
    unreadable: str = ""


def kept_releases(store: LocalStore, pipeline: str) -> list[Kept]:
    """Every release that was ever made, the oldest first; also what cannot be read any more."""
    named = store.names(f"history/{pipeline}/release")
    digests = [name.rsplit("/", 1)[1] for name in sorted(named, key=store.pointed_at)]
    return [_kept(store, digest) for digest in digests]


def _kept(store: LocalStore, digest: str) -> Kept:
    try:
        found = Release.load(store.get(digest))
    except InputRefused as refused:
        return Kept(digest, unreadable=str(refused))
    return Kept(found.version, found)


def candidate(requirements: Sequence[str], devices: Mapping[str, EdgeTarget]) -> dict[str, str]:
    """The versions of a candidate environment by package.

    Args:
        requirements: Such as ``onnxruntime==1.20.1``.
        devices: Where releases are to be replayed.

    Raises:
        InputRefused: ``REHEARSAL_WITH``: it is no such text, or no target takes that package.
    """
    known = sorted({p for device in devices.values() for p in device.packages})
    pins: dict[str, str] = {}
    for text in requirements:
        found = _REQUIREMENT.fullmatch(text.strip())
        name = found[1].lower().replace("_", "-") if found else ""
        if found is None or name not in known or name in pins:
            what = "is given twice." if name in pins else "names no package of a target here."
            what = what if found else "is no package with a version."
            right = f"Right is PACKAGE==VERSION once each, of: {', '.join(known)}."
            raise InputRefused.of("REHEARSAL_WITH", text, what, right)
        pins[name] = found[2]
    return pins


def rehearse(
    releases: Sequence[Kept],
    targets: Sequence[str],
    requirements: Sequence[str],
    *,
    settings: EdgeSettings,
    scratch: Path,
) -> Rehearsal:
    """Replay the golden samples of every release on every target.

    Args:
        releases: The oldest first.
        targets: Names of the targets; those that take a package of the candidate environment run
            in it, the others as they do today.
        requirements: What the candidate environment has otherwise; none for today's.
        settings: Devices, profiles and limits.
        scratch: Where folders for the worker are made, and removed again.

    Raises:
        InputRefused: ``CONF_UNKNOWN``: no such target; ``REHEARSAL_WITH``.
        EnvironmentFault: ``ENV_TOOL``: the environment cannot be made.
    """
    devices = {name: find(name, settings) for name in targets}
    pins = candidate(requirements, devices)
    placed = {name: _placed(device, pins) for name, device in devices.items()}
    replays: list[Replay] = []
    left_out: list[str] = []
    for kept in releases:
        for name, device in placed.items():
            if kept.release and _shipped(device) not in kept.release.files:
                left_out.append(f"{name}: release {kept.version[:12]} has no {_shipped(device)}")
            else:
                replays.append(_replay(kept, name, device, settings, scratch))
    return Rehearsal(
        environment=" ".join(requirements), replays=tuple(replays), left_out=tuple(left_out)
    )


def releases_still_answer(
    rehearsal: Rehearsal, *, max_disagreement: Share = 0.01, max_relative_error: Positive = 0.01
) -> Verdict:
    """Every release answers on every target as it did when it was released.

    Args:
        rehearsal: What each answered.
        max_disagreement: Largest share of golden samples with another class, in [0, 1].
        max_relative_error: Largest difference of a sample's logits, in shares of their range.
    """
    if not rehearsal.replays:
        return cannot_tell("no release was replayed on any target")
    limits = (max_disagreement, max_relative_error)
    broken = [r for r in rehearsal.replays if why_broken(r, *limits)]
    columns = ("release", "target", "runtime", "what")
    rows = tuple((r.release[:12], r.target, r.runtime, why_broken(r, *limits)) for r in broken)
    return none_of(
        [f"{r.release[:12]} on {r.target}" for r in broken],
        f"of {len(rehearsal.replays)} replays that answer otherwise than when released",
        cause="edge.release_broken",
        evidence={"what breaks where": Evidence(columns, rows)},
    )


def why_broken(
    replay: Replay, max_disagreement: float = 0.01, max_relative_error: float = 0.01
) -> str:
    """What is wrong with a replay, in words; "" where it answers as it did."""
    if replay.outcome != "OK":
        return f"{replay.outcome}: {' '.join(replay.message.split())}"
    if replay.flips > max_disagreement * replay.samples:
        return f"{replay.flips} of {replay.samples} golden samples get another class"
    if not replay.error <= max_relative_error:
        return f"logits are off by {replay.error:.2%} of their range"
    return ""


def _placed(device: EdgeTarget, pins: Mapping[str, str]) -> EdgeTarget:
    """The target in the candidate environment, where that concerns it.

    Its other packages stay at their version of today, so that what breaks is the candidate's.
    """
    concerned = [package for package in device.packages if package in pins]
    if not concerned:
        return device
    others = [p for p in device.packages if p not in (*concerned, "numpy", "pillow")]
    whole = {p: pins[p] for p in concerned} | {p: importlib.metadata.version(p) for p in others}
    assert device.interpreter == LOCAL
    return replace(device, interpreter=tools.python_of(whole))


def _shipped(device: EdgeTarget) -> str:
    return MODEL if device.variant == "float" else f"model.{device.variant}.onnx"


def _replay(
    kept: Kept, name: str, device: EdgeTarget, settings: EdgeSettings, scratch: Path
) -> Replay:
    silent = Replay(release=kept.version, target=name, outcome="NO-RESULT")
    release = kept.release
    if release is None:
        return replace(silent, message=f"it cannot be read: {kept.unreadable} {_REPAIR}")
    logits = f"golden_logits{'' if device.variant == 'float' else f'.{device.variant}'}.npy"
    lacking = [n for n in (GOLDEN, logits) if n not in release.files]
    if lacking:
        return replace(silent, message=f"it was made without {', '.join(lacking)}")
    table, right = read_table(release, GOLDEN), np.asarray(read_array(release, logits), np.float64)
    payloads = dict(zip(table["id"], table["payload"], strict=True))
    order = np.argsort(np.asarray(list(table["id"])), kind="stable")
    silent = replace(silent, samples=len(payloads))
    try:
        spec = _spec(release)
        exported = release.read(_shipped(device))
        body = device.convert(exported) if device.convert else exported
        batch = 1 if parts.fixed_batch(parts.read(exported)) else batch_of(device, {})
    except Exception as error:  # a file that cannot be read as what it was is a result
        return replace(silent, message=f"its file is not readable: {error}"[:300])
    job = {"model": MODEL, "batch": batch, **_ONCE}
    answered = run_job(
        device, {MODEL: body}, payloads, job, spec=spec, settings=settings, scratch=scratch
    )
    replayed = replace(
        silent,
        outcome=answered.outcome,
        message=answered.message,
        runtime=answered.report.machine.get("runtime", ""),
    )
    if answered.outcome != "OK":
        return replayed
    if wrong := _unlike(answered.arrays, right.shape):
        return replace(replayed, outcome="NO-RESULT", message=wrong)
    told = np.asarray(answered.arrays[LOGITS], np.float64)
    flips = int((told.argmax(axis=1) != right[order].argmax(axis=1)).sum())
    return replace(replayed, flips=flips, error=float(relative(told, right[order]).max()))


def _unlike(arrays: Mapping[str, Any], shape: tuple[int, ...]) -> str:
    if lacking := missing(arrays, (LOGITS,)):
        return lacking
    found = arrays[LOGITS]
    same = found.shape == shape and found.dtype.kind == "f"
    return "" if same else f"answered {found.dtype}{list(found.shape)} instead of {list(shape)}"


def _spec(release: Release) -> InputSpec:
    text = json.loads(release.read("settings.json"))["model"]["input_spec"]
    return InputSpec.model_validate_json(text)

"""Training in several processes on one machine: starts them, listens to them, names their errors.

``torch.distributed``: gloo between processors, nccl between GPUs. The weights are the same bits
every time at the same number of processes and threads, and others at another number: sums are made
in another order, and each process draws its own random numbers.
"""

import json
import signal
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import torch
from torch import distributed as dist
from torch.multiprocessing.spawn import (
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

from qa_assets.core.digests import canonical_json
from qa_assets.core.errors import EnvironmentFault, InputRefused, Problem, QaError
from qa_assets.core.leftovers import scratch_prefix
from qa_assets.core.publish import publish, replace_file, verify
from qa_assets.core.records.training import TrainedWeights
from qa_assets.preprocessing.samples import LabelledSamples
from qa_assets.training.settings import TrainingSettings
from qa_assets.training.task import Report, Task
from qa_assets.training.team import PEER_LOST, Team, peer_lost

PATIENCE = timedelta(minutes=10)
"""How long a process waits for its peers before it gives up."""
_LOOK_EVERY_S = 0.5
_RECORD, _TOLD, _MEET = "record", "told.json", "meet"


def fit_in_processes(task: Task, report: Report | None) -> TrainedWeights:
    """Train as :func:`fit.fit_here` does, in ``settings.processes`` processes.

    Raises:
        InputRefused: As :func:`fit.fit`, by the process that met it; ``TRAIN_PROCESSES``: there
            are too few samples to share.
        EnvironmentFault: ``ENV_PROCESS``: a process died; ``ENV_DEVICE``: too few GPUs.
    """
    _possible(task.train, task.settings)
    with tempfile.TemporaryDirectory(prefix=scratch_prefix()) as place:
        folder = Path(place)
        _run(task, folder, report)
        made = TrainedWeights.load(folder / _RECORD)
        held = {name: made.read(name) for name in made.files}
        object.__setattr__(made, "files", held)  # out of the folder that goes away
        return made


def _run(task: Task, folder: Path, report: Report | None) -> None:
    """Start them in a folder where they meet and leave what they have to say."""
    count = task.settings.processes
    started = start_processes(_work, (task, folder), nprocs=count, join=False, start_method="spawn")
    assert started is not None
    told = b""
    try:
        while not started.join(timeout=_LOOK_EVERY_S):
            told = _tell(folder, report, told)
    except (ProcessRaisedException, ProcessExitedException) as error:
        ended = [p.exitcode for p in started.processes if p is not None]
        raise _named(folder, ended, str(error).strip().splitlines()[-1]) from error
    finally:
        for process in started.processes:
            if process is not None:
                process.kill()
    _tell(folder, report, told)


def _possible(train: LabelledSamples, settings: TrainingSettings) -> None:
    needed = 2 * settings.processes
    if len(train.ids) < needed:
        raise InputRefused.of(
            "TRAIN_PROCESSES",
            "training.processes",
            f"{len(train.ids)} samples cannot be shared by {settings.processes} processes.",
            f"At least {needed} are needed.",
        )
    if settings.device == "cuda" and torch.cuda.device_count() < settings.processes:
        raise EnvironmentFault.of(
            "ENV_DEVICE",
            "cuda",
            f"{torch.cuda.device_count()} GPUs for {settings.processes} processes.",
            "Set training.processes to their number.",
        )


def _work(rank: int, task: Task, folder: Path) -> None:
    """What one process does; whatever goes wrong is left in its file."""
    try:
        _train(rank, task, folder)
    except QaError as error:
        said = [p.as_json() for p in error.problems]
        body = {"kind": type(error).__name__, "problems": said}
        replace_file(folder / f"error-{rank}.json", canonical_json(body))
        raise


def _train(rank: int, task: Task, folder: Path) -> None:
    from qa_assets.training.fit import fit_here

    settings = task.settings
    if settings.device == "cuda":
        torch.cuda.set_device(rank)
    dist.init_process_group(
        "nccl" if settings.device == "cuda" else "gloo",
        init_method=(folder / _MEET).as_uri(),
        rank=rank,
        world_size=settings.processes,
        timeout=PATIENCE,
    )
    try:
        told = _reporter(folder) if rank == 0 else None
        team = Team(rank, settings.processes, settings.device, settings.seed)
        made = fit_here(task, told, team)
        if rank == 0:
            publish(made.content(), folder / _RECORD)
            verify(folder / _RECORD)
        dist.barrier()
    finally:
        dist.destroy_process_group()


def _reporter(folder: Path) -> Report:
    def report(text: str, share: float) -> None:
        replace_file(folder / _TOLD, canonical_json({"text": text, "share": share}))

    return report


def _tell(folder: Path, report: Report | None, told: bytes) -> bytes:
    """Pass on what the first process said last, once."""
    file = folder / _TOLD
    now = file.read_bytes() if file.exists() else b""
    if report and now and now != told:
        said = json.loads(now)
        report(said["text"], said["share"])
    return now


def _named(folder: Path, ended: Sequence[int | None], last_line: str) -> QaError:
    """The error that a process named itself; else how one died; else what was said last."""
    kinds = {kind.__name__: kind for kind in (InputRefused, EnvironmentFault)}
    left = [json.loads(file.read_bytes()) for file in sorted(folder.glob("error-*.json"))]
    for said in left:
        if said["problems"][0]["code"] != PEER_LOST:
            kind = kinds.get(said["kind"], EnvironmentFault)
            return kind(*(Problem(**p) for p in said["problems"]))
    killed = {r: -c for r, c in enumerate(ended) if c and c < 0 and -c != signal.SIGTERM}
    how = [f"process {r} was ended by {signal.Signals(c).name}" for r, c in killed.items()]
    return peer_lost(how[0] if how else last_line)

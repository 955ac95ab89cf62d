"""Trains a network: plain torch, the same bits every time at the stated number of threads."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from qa_assets.core.config import InputSpec
from qa_assets.core.digests import digest_bytes, digest_json
from qa_assets.core.pictures import lines
from qa_assets.core.records.training import Epoch, TrainedWeights
from qa_assets.preprocessing.samples import LabelledSamples, not_empty
from qa_assets.training.checkpoint import Standing, forget, keep, resume
from qa_assets.training.determinism import deterministic, environment
from qa_assets.training.loop import (
    Batches,
    Learner,
    answers,
    learner,
    measure,
    one_pass,
    share_of_rate,
)
from qa_assets.training.marks import majority, moved, shared
from qa_assets.training.network import MODEL, WEIGHTS, state_of, weights_bytes, weights_digest
from qa_assets.training.settings import TrainingSettings
from qa_assets.training.task import Report, Task
from qa_assets.training.user_code import UserModel, read_model, user_code

if TYPE_CHECKING:
    from qa_assets.training.team import Team


@dataclass(frozen=True, slots=True)
class _Run:
    learning: Learner
    fitting: Batches
    checking: Batches
    settings: TrainingSettings
    team: "Team | None"

    @property
    def part(self) -> dict[str, int]:
        """Which part of every batch this process takes."""
        return {"part": self.team.rank, "parts": self.team.size} if self.team else {}

    @property
    def keeps(self) -> bool:
        """Whether this process keeps what is done; of a team the first one does."""
        return self.team is None or self.team.rank == 0


def fit(
    train: LabelledSamples,
    validation: LabelledSamples,
    spec: InputSpec,
    settings: TrainingSettings,
    model: Path,
    *,
    report: Report | None = None,
    unfinished: Path | None = None,
) -> TrainedWeights:
    """Train the network of ``model`` and record how it went.

    A loss that is not finite ends the training at once; the record is made all the same and says
    so, for the checks to judge.

    Args:
        train: What the weights are fitted to.
        validation: What the history is measured on; it decides nothing but when to stop, where
            ``patience`` is set.
        spec: How pixels are normalised.
        settings: Hyper-parameters, seed, threads, device.
        model: The network's source; its contract is that of :func:`network.build`.
        report: Told after each epoch: a text, and the share that is done.
        unfinished: Folder where the run is kept after each epoch and gone on with if it was cut
            off; the weights are those of a run without the cut. Removed at the end.

    Raises:
        InputRefused: ``MODEL_MISSING``, ``MODEL_CODE``, ``MODEL_CONTRACT``; ``SPLIT_EMPTY``.
        EnvironmentFault: ``ENV_DEVICE``, ``ENV_MEMORY``.
    """
    not_empty(train=train, validation=validation)
    task = Task(train, validation, spec, settings, model, unfinished)
    if settings.processes > 1:
        from qa_assets.training.processes import fit_in_processes

        made = fit_in_processes(task, report)
    else:
        made = fit_here(task, report)
    if unfinished:
        forget(unfinished)
    return made


def fit_here(task: Task, report: Report | None, team: "Team | None" = None) -> TrainedWeights:
    """Train in this process, alone or as one of a team; what was kept on the way stays."""
    settings, source = task.settings, read_model(task.model)
    with deterministic(settings.seed, settings.threads, settings.device):
        learning = learner(source, task.spec, len(task.train.classes), settings)
        if team:
            from qa_assets.training.team import together

            learning = together(learning, team)
        before = state_of(learning.network, source.name)
        run = _Run(
            learning,
            Batches(task.train, task.spec, settings.device),
            Batches(task.validation, task.spec, settings.device),
            settings,
            team,
        )
        identity = _identity(run, before, source)
        standings = _epochs(run, source.name, task.unfinished, identity)
        standing, told = Standing(math.nan, (), {}), _Clock(settings, report)
        while following := _next(standings, source.name):
            standing = following
            told.epoch(standing.history)
        if standing.best:
            learning.network.load_state_dict(standing.best)
        return _record(run, before, source, standing)


def _identity(run: _Run, before: Mapping[str, Tensor], source: UserModel) -> str:
    """What decides every step: samples, settings, source, initial weights, machine."""
    sides = [run.fitting.samples, run.checking.samples]
    data = [[digest_bytes(s.pixels.tobytes()), digest_bytes(s.labels.tobytes())] for s in sides]
    settings = run.settings
    words = [run.fitting.spec.model_dump(mode="json"), settings.model_dump(mode="json")]
    code = [digest_bytes(source.source), weights_digest(before)]
    return digest_json([data, words, code, environment(settings.threads, settings.device)])


class _Clock:
    """Tells how far a run is and how long the rest will take at its pace so far."""

    def __init__(self, settings: TrainingSettings, report: Report | None) -> None:
        self.epochs, self.report = settings.epochs, report
        self.begun, self.first = time.monotonic(), 0

    def epoch(self, history: tuple[Epoch, ...]) -> None:
        if not self.report or not history:
            return
        self.first = self.first or len(history)
        last, done = history[-1], len(history) - self.first + 1
        left = (time.monotonic() - self.begun) / done * (self.epochs - last.epoch)
        numbers = f"loss {last.train_loss:.4f}, validation accuracy {last.validation_accuracy:.4f}"
        text = f"epoch {last.epoch} of {self.epochs}: {numbers}, {left:.0f} s left"
        self.report(text, last.epoch / self.epochs)


def _next(standings: Iterator[Standing], name: str) -> Standing | None:
    with user_code(name):
        return next(standings, None)


def _epochs(run: _Run, name: str, unfinished: Path | None, identity: str) -> Iterator[Standing]:
    order = torch.Generator().manual_seed(run.settings.seed)
    found = resume(unfinished, identity, run.learning, order) if unfinished else None
    standing = found or Standing(measure(run.learning, run.fitting)[0], (), {})
    yield standing
    while not _ended(standing.history, run.settings):
        number = len(standing.history) + 1
        run.learning.begin(number)
        batches = run.fitting.shuffled(run.settings.batch_size, order, **run.part)
        train_loss = one_pass(run.learning, batches)
        loss, accuracy = measure(run.learning, run.checking)
        rate = share_of_rate(run.settings, number)
        epoch = Epoch(number, train_loss, loss, accuracy, rate)
        history = (*standing.history, epoch)
        best = standing.best
        if run.settings.patience and best_epoch(history) == epoch.epoch:
            best = state_of(run.learning.network, name)
        standing = Standing(standing.initial_loss, history, best)
        if unfinished and run.keeps:
            keep(unfinished, identity, run.learning, order, standing)
        yield standing


def best_epoch(history: Sequence[Epoch]) -> int:
    """Number of the first epoch with the lowest validation loss; 0 without any."""
    return min(history, key=lambda e: (not e.validation_loss >= 0, e.validation_loss)).epoch


def _ended(history: tuple[Epoch, ...], settings: TrainingSettings) -> bool:
    if not history:
        return False
    waited = len(history) - best_epoch(history)
    stopped = bool(settings.patience) and waited >= settings.patience
    return len(history) >= settings.epochs or stopped or not math.isfinite(history[-1].train_loss)


def _record(
    run: _Run, before: dict[str, Tensor], source: UserModel, standing: Standing
) -> TrainedWeights:
    learning, settings, history = run.learning, run.settings, standing.history
    state = state_of(learning.network, source.name)
    parameters = dict(learning.network.named_parameters())
    curve: dict[str, Sequence[float]] = {
        "train": [epoch.train_loss for epoch in history],
        "validation": [epoch.validation_loss for epoch in history],
    }
    fitted, checked = run.fitting.samples, run.checking.samples
    return TrainedWeights(
        files={MODEL: source.source, WEIGHTS: weights_bytes(state), "loss.svg": lines(curve)},
        weights_digest=weights_digest(state),
        parameters=sum(p.numel() for p in parameters.values() if p.requires_grad),
        initial_loss=standing.initial_loss,
        history=history,
        kept_epoch=best_epoch(history) if standing.best else len(history),
        moved={name: moved(before[name], state[name]) for name in parameters},
        frozen=tuple(n for n in parameters if n.startswith(source.frozen)),
        not_finite=tuple(n for n, t in state.items() if not bool(torch.isfinite(t).all())),
        samples={"train": len(fitted.ids), "validation": len(checked.ids)},
        shared=shared(fitted, checked),
        majority=majority(checked),
        metrics=_metrics(run, source),
        settings=settings.model_dump(mode="json"),
        environment=environment(settings.threads, settings.device),
    )


def _metrics(run: _Run, source: UserModel) -> dict[str, float]:
    if not source.metrics:
        return {}
    with user_code(source.name):
        logits = answers(run.learning.network, run.checking)
        labels = torch.from_numpy(run.checking.samples.labels)
        return {name: float(metric(logits, labels)) for name, metric in source.metrics.items()}

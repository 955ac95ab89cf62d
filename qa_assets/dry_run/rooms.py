"""One epoch on a few samples through every later stage: what would fail then fails now.

The rooms do not know one another; this is the graph of one model, in small, in one process.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from qa_assets.core.config import InputSpec
from qa_assets.core.errors import InputRefused, Problem, QaError
from qa_assets.core.records.datasets import DatasetSnapshot, DatasetSplits
from qa_assets.core.records.export import VARIANTS, OnnxModel
from qa_assets.core.records.training import DryRun
from qa_assets.edge.settings import EdgeSettings
from qa_assets.export.settings import ExportSettings
from qa_assets.preprocessing.samples import load_few, read_payloads
from qa_assets.training.settings import TrainingSettings

SAMPLES = 64
ONCE = {
    "calls": 1,
    "warm_up": 1,
    "batches": (),
    "leak_calls": 1,
    "least_seconds": 0.001,
}
"""A target that is only asked whether it answers."""


def dry_run(
    snapshot: DatasetSnapshot,
    splits: DatasetSplits,
    spec: InputSpec,
    training: TrainingSettings,
    model: Path,
    *,
    export_settings: ExportSettings,
    edge: EdgeSettings,
    scratch: Path,
) -> DryRun:
    """Train, answer, measure, export and run on the first target, with a few samples of each split.

    Args:
        snapshot: The data.
        splits: Which of them train, validate and test.
        spec: How pixels are normalised.
        training: Settings; of the epochs only one is made, in one process.
        model: The network's source.
        export_settings: As for the real file.
        edge: As for the real targets: their files are made, the first one is asked, once.
        scratch: Working folder of the target.

    Raises:
        InputRefused: What a stage refuses, with the stage before the item; ``DRY_RUN``: a stage
            failed in another way, or its target gave no answer.
        EnvironmentFault: What the machine does not allow, likewise.
    """
    from qa_assets.edge.target import find
    from qa_assets.evaluation.metrics import evaluate
    from qa_assets.evaluation.predictions import predict
    from qa_assets.export.onnx_file import export
    from qa_assets.training.baselines import baselines
    from qa_assets.training.fit import fit
    from qa_assets.training.network import restore

    train, validation, test = (
        load_few(snapshot, splits, split, spec, SAMPLES)
        for split in ("train", "validation", "test")
    )
    payloads = dict(read_payloads(snapshot, frozenset(test.ids)))
    small = training.model_copy(update={"epochs": 1, "patience": 0, "processes": 1})
    with _stage("training"):
        weights = fit(train, validation, spec, small, model)
    with _stage("predictions"):
        network = restore(weights, spec, len(train.classes))
        answers = predict(network, test, spec, weights.weights_digest)
    with _stage("evaluation"):
        evaluate(answers, baselines(train, test, spec))
    with _stage("onnx_model"):
        wanted = {find(target, edge).variant for target in edge.targets}
        made = {"pipeline": "dry_run", "dataset_version": "", "weights_digest": ""}
        exported = export(
            network, test, spec, export_settings, made,
            variants=[v for v in VARIANTS if v in wanted], train=train, golden=payloads,
        )  # fmt: skip
    on_target = f"edge_benchmark/{edge.targets[0]}"
    with _stage(on_target):
        _ask(exported, payloads, spec, edge, scratch)
    return DryRun(
        samples=sum(len(s.ids) for s in (train, validation, test)),
        stages=("training", "predictions", "evaluation", "onnx_model", on_target),
    )


def _ask(
    exported: OnnxModel,
    payloads: Mapping[str, bytes],
    spec: InputSpec,
    edge: EdgeSettings,
    scratch: Path,
) -> None:
    """Whether the first target answers at all."""
    from qa_assets.edge.benchmark import benchmark

    target, once = edge.targets[0], edge.model_copy(update=ONCE)
    found = benchmark(target, exported, payloads, spec, once, scratch)
    if found.outcome != "OK":
        raise InputRefused.of("DRY_RUN", target, f"{found.outcome}: {found.message[:200]}")


@contextmanager
def _stage(name: str) -> Generator[None]:
    """Name the stage in whatever goes wrong inside."""
    try:
        yield
    except QaError as error:
        where = f"dry run, {name}"
        raise type(error)(
            *(Problem(p.code, f"{where}: {p.item}", p.message, p.remedy) for p in error.problems)
        ) from error
    except Exception as error:  # the libraries' exceptions have no common base
        said = f"{type(error).__name__}: {str(error)[:300]}"
        raise InputRefused.of("DRY_RUN", f"dry run, {name}", said) from error

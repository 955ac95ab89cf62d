"""The network from its baselines to its evaluation on unseen samples."""

from pathlib import Path

from qa_assets.artifacts import Collector
from qa_assets.config import Pipeline
from qa_assets.core import progress
from qa_assets.core.records.datasets import DatasetSnapshot, DatasetSplits
from qa_assets.core.records.evaluation import Evaluation, Predictions
from qa_assets.core.records.probe import TrainingProbe
from qa_assets.core.records.quality import LabelAudit
from qa_assets.core.records.training import Baselines, DryRun, TrainedWeights


def prepared(graph: Collector, pipeline: Pipeline) -> None:
    """What simple models reach, and whether the parts of the training and its road are sound."""
    config, spec = pipeline.config, pipeline.config.input
    network_file, hyper = _training(pipeline)
    folder = pipeline.folder_beside(config.behavior.edge_cases)

    def by_hand() -> str:
        from qa_assets.preprocessing.hand_made import fingerprint

        return fingerprint(folder)

    simple = {"sklearn", "pytorch"}

    @graph.asset("training", "preprocessing", kinds=simple, settings=spec, outside=by_hand)
    def baselines(dataset_snapshot: DatasetSnapshot, dataset_splits: DatasetSplits) -> Baselines:
        """What the largest class, a linear model and a small network reach on the same splits."""
        from qa_assets.preprocessing.hand_made import critical_samples
        from qa_assets.preprocessing.samples import load_split
        from qa_assets.training.baselines import baselines

        train = load_split(dataset_snapshot, dataset_splits, "train", spec)
        test = load_split(dataset_snapshot, dataset_splits, "test", spec)
        return baselines(train, test, spec, critical_samples(folder, test.classes, spec))

    @graph.asset("training", "preprocessing", kinds={"pytorch"}, settings=hyper)
    def training_probe(
        dataset_snapshot: DatasetSnapshot, dataset_splits: DatasetSplits
    ) -> TrainingProbe:
        """Short runs of the parts of the training, whose outcome is known when they are sound."""
        from qa_assets.preprocessing.samples import load_split, read_payloads
        from qa_assets.training.probe import probe

        train = load_split(dataset_snapshot, dataset_splits, "train", spec)
        validation = load_split(dataset_snapshot, dataset_splits, "validation", spec)
        few = dict(
            read_payloads(dataset_snapshot, frozenset(train.ids[:: len(train.ids) // 64 + 1]))
        )
        return probe(train, validation, few, spec, config.training, network_file)

    whole = (*hyper, config.export, config.edge)
    rooms = ("dry_run", "training", "evaluation", "export", "edge", "preprocessing")

    @graph.asset(*rooms, kinds={"pytorch", "onnx"}, settings=whole)
    def dry_run(
        dataset_snapshot: DatasetSnapshot,
        dataset_splits: DatasetSplits,
        training_probe: TrainingProbe,
        scratch: Path,
    ) -> DryRun:
        """One epoch on a few samples through every later stage: what would fail then fails now."""
        from qa_assets.dry_run.rooms import dry_run

        return dry_run(
            dataset_snapshot, dataset_splits, spec, config.training, network_file,
            export_settings=config.export, edge=config.edge, scratch=scratch,
        )  # fmt: skip


def trained(graph: Collector, pipeline: Pipeline) -> None:
    """The training, its answers on the test split and how good they are."""
    config, spec = pipeline.config, pipeline.config.input
    network_file, hyper = _training(pipeline)

    @graph.asset("training", "preprocessing", kinds={"pytorch"}, settings=hyper)
    def trained_weights(
        dataset_snapshot: DatasetSnapshot,
        dataset_splits: DatasetSplits,
        training_probe: TrainingProbe,
        dry_run: DryRun,
        unfinished: Path,
    ) -> TrainedWeights:
        """Weights, the history of the run that made them, and its exact settings."""
        from qa_assets.preprocessing.samples import load_split
        from qa_assets.training.fit import fit

        train = load_split(dataset_snapshot, dataset_splits, "train", spec)
        validation = load_split(dataset_snapshot, dataset_splits, "validation", spec)
        return fit(
            train, validation, spec, config.training, network_file,
            report=progress.report, unfinished=unfinished,
        )  # fmt: skip

    @graph.asset("training", "evaluation", "preprocessing", kinds={"pytorch"}, settings=spec)
    def predictions(
        trained_weights: TrainedWeights,
        dataset_snapshot: DatasetSnapshot,
        dataset_splits: DatasetSplits,
    ) -> Predictions:
        """The trained model's answer on every sample of the test split."""
        from qa_assets.evaluation.predictions import predict
        from qa_assets.preprocessing.samples import load_split
        from qa_assets.training.network import restore

        network = restore(trained_weights, spec, len(dataset_snapshot.classes))
        test = load_split(dataset_snapshot, dataset_splits, "test", spec)
        return predict(network, test, spec, trained_weights.weights_digest)

    @graph.asset("evaluation", kinds={"pandas"})
    def evaluation(
        predictions: Predictions, baselines: Baselines, label_audit: LabelAudit
    ) -> Evaluation:
        """How good the answers are, each number with its confidence interval."""
        from qa_assets.evaluation.metrics import evaluate

        return evaluate(predictions, baselines, label_audit)


def _training(pipeline: Pipeline) -> tuple[Path, tuple[object, ...]]:
    """The network's source, and everything that the weights depend on beside the data."""
    config = pipeline.config
    source = pipeline.beside(config.training.model)
    text = source.read_text(encoding="utf-8", errors="backslashreplace")  # who runs it refuses it
    return source, (config.training, config.input, text)

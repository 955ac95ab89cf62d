"""THE graph: every asset of one pipeline, on one screen.

Each asset is one call into a room of this package. The calls are imported late, because their
libraries are heavy (torch 1.2 CPU-seconds, scikit-learn 1.1, great_expectations 3.5, onnx 0.2) and
Dagster imports this module in every process that loads the definitions.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from qa_assets.artifacts import Artifact, Collector
from qa_assets.config import Pipeline
from qa_assets.core import progress
from qa_assets.core.record import Earlier, Record
from qa_assets.core.records.behavior import BehaviorReport, EdgeCases
from qa_assets.core.records.comparison import ReleaseBaseline, ReleaseComparison
from qa_assets.core.records.datasets import DatasetSnapshot, DatasetSplits, DatasetStatistics
from qa_assets.core.records.device import EdgeBenchmark
from qa_assets.core.records.edge import EdgeComparison, LatencyDuel
from qa_assets.core.records.evaluation import Evaluation, Predictions
from qa_assets.core.records.export import VARIANTS, OnnxModel, VariantName
from qa_assets.core.records.probe import TrainingProbe
from qa_assets.core.records.quality import DriftReport, LabelAudit, SampleQuality
from qa_assets.core.records.release import QaReport, Release
from qa_assets.core.records.training import Baselines, TrainedWeights
from qa_assets.core.verdict import Verdict
from qa_assets.gates import Posted, posted_checks
from qa_assets.resources import local_store


def build_graph(pipeline: Pipeline) -> tuple[dict[str, Artifact], list[Posted]]:
    """Every artifact of ``pipeline`` in graph order, and every check posted on one."""
    graph = Collector()
    _data(graph, pipeline)
    _examined(graph, pipeline)
    _model(graph, pipeline)
    _against_release(graph, pipeline)
    _devices(graph, pipeline)
    measured = dict(graph.artifacts)
    posted = posted_checks(pipeline, measured)
    _outcome(graph, pipeline, measured, posted)
    return graph.artifacts, posted


def _data(graph: Collector, pipeline: Pipeline) -> None:
    config, root = pipeline.config, pipeline.root
    named = (pipeline.name, config.dataset)

    def source() -> str:
        from qa_assets.datasets.snapshot import fingerprint

        return fingerprint(config.dataset, root)

    def bring() -> None:
        from qa_assets.datasets.snapshot import prepare

        prepare(config.dataset, root)

    @graph.asset(
        "datasets", kinds={"dvc", "parquet"}, settings=named, outside=source, prepare=bring
    )
    def dataset_snapshot(scratch: Path, earlier: Earlier) -> DatasetSnapshot:
        """An immutable copy of one dataset version: samples by content, bad ones set aside."""
        from qa_assets.datasets.snapshot import snapshot

        return snapshot(config.dataset, pipeline.name, root, scratch, earlier)

    @graph.asset("datasets", kinds={"pyarrow"})
    def sample_quality(dataset_snapshot: DatasetSnapshot) -> SampleQuality:
        """What each sample is like, which ones look the same, which are unlike their class."""
        from qa_assets.datasets.quality import quality

        return quality(dataset_snapshot)

    @graph.asset("datasets", kinds={"pandas"}, settings=pipeline.name)
    def dataset_statistics(
        dataset_snapshot: DatasetSnapshot, sample_quality: SampleQuality, earlier: Earlier
    ) -> DatasetStatistics:
        """Counts and measures by class, as sketches that merge, and the history of versions."""
        from qa_assets.datasets.statistics import statistics

        return statistics(dataset_snapshot, sample_quality, earlier)

    @graph.asset("datasets", kinds={"pandas"}, settings=config.splits)
    def dataset_splits(dataset_snapshot: DatasetSnapshot) -> DatasetSplits:
        """Train, validation and test by content and group; nothing changes side as data grows."""
        from qa_assets.datasets.splits import split

        return split(dataset_snapshot, config.splits)


def _examined(graph: Collector, pipeline: Pipeline) -> None:
    config = pipeline.config

    @graph.asset("datasets", kinds={"pandas", "sklearn"})
    def drift_report(
        dataset_snapshot: DatasetSnapshot,
        dataset_statistics: DatasetStatistics,
        sample_quality: SampleQuality,
        dataset_splits: DatasetSplits,
    ) -> DriftReport:
        """How far each column moved since the version before, and between train and test."""
        from qa_assets.datasets.drift_report import drift_report

        measured = (dataset_snapshot, dataset_statistics, sample_quality)
        return drift_report(*measured, dataset_splits)

    @graph.asset("datasets", "preprocessing", kinds={"sklearn"}, settings=config.input)
    def label_audit(dataset_snapshot: DatasetSnapshot) -> LabelAudit:
        """The labels that a model which never saw their samples would not give, worst first."""
        from qa_assets.datasets.label_audit import label_audit

        return label_audit(dataset_snapshot, config.input)


def _model(graph: Collector, pipeline: Pipeline) -> None:
    config, spec = pipeline.config, pipeline.config.input
    network_file = pipeline.beside(config.training.model)

    @graph.asset("training", "preprocessing", kinds={"sklearn"}, settings=spec)
    def baselines(dataset_snapshot: DatasetSnapshot, dataset_splits: DatasetSplits) -> Baselines:
        """What guessing the largest class and a linear model reach on the same splits."""
        from qa_assets.preprocessing.samples import load_split
        from qa_assets.training.baselines import baselines

        train = load_split(dataset_snapshot, dataset_splits, "train", spec)
        return baselines(train, load_split(dataset_snapshot, dataset_splits, "test", spec))

    hyper = (config.training, spec, network_file.read_text(encoding="utf-8"))

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

    @graph.asset("training", "preprocessing", kinds={"pytorch"}, settings=hyper)
    def trained_weights(
        dataset_snapshot: DatasetSnapshot,
        dataset_splits: DatasetSplits,
        training_probe: TrainingProbe,
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


def _against_release(graph: Collector, pipeline: Pipeline) -> None:
    store = local_store(pipeline.root)

    def earlier(inputs: Mapping[str, str]) -> str:
        from qa_assets.evaluation.released import earlier_release

        candidate = TrainedWeights.load(store.get(inputs["trained_weights"]))
        return earlier_release(store, pipeline.name, candidate.weights_digest)

    named = (pipeline.name, pipeline.config.first_release)

    @graph.asset("evaluation", "preprocessing", kinds={"onnx"}, settings=named, outside=earlier)
    def release_baseline(
        trained_weights: TrainedWeights,
        dataset_snapshot: DatasetSnapshot,
        dataset_splits: DatasetSplits,
    ) -> ReleaseBaseline:
        """What the release before this candidate answers on today's test samples."""
        from qa_assets.evaluation.released import earlier_release, released_answers
        from qa_assets.preprocessing.samples import labels_of, read_payloads

        release = earlier_release(store, pipeline.name, trained_weights.weights_digest)
        labels = labels_of(dataset_splits, "test")
        payloads = dict(read_payloads(dataset_snapshot, frozenset(labels))) if release else {}
        first = pipeline.config.first_release
        return released_answers(store, release, labels, payloads, first)

    @graph.asset("evaluation", kinds={"pandas"})
    def release_comparison(
        predictions: Predictions, release_baseline: ReleaseBaseline
    ) -> ReleaseComparison:
        """The candidate against the release on the same samples: differences, flips, slices."""
        from qa_assets.evaluation.comparison import compare

        return compare(predictions, release_baseline)


def _devices(graph: Collector, pipeline: Pipeline) -> None:
    config, spec = pipeline.config, pipeline.config.input

    from qa_assets.edge.target import find

    chosen = {find(target, config.edge).variant for target in config.edge.targets}
    variants: list[VariantName] = [name for name in VARIANTS if name in chosen]
    written = (pipeline.name, config.export, spec, variants)

    @graph.asset("export", "training", "preprocessing", kinds={"onnx"}, settings=written)
    def onnx_model(
        trained_weights: TrainedWeights,
        dataset_snapshot: DatasetSnapshot,
        dataset_splits: DatasetSplits,
    ) -> OnnxModel:
        """One file for devices: network, preprocessing, labels, input spec and provenance."""
        from qa_assets.export.onnx_file import export
        from qa_assets.preprocessing.samples import ids_of, load_split, read_payloads
        from qa_assets.training.network import restore

        network = restore(trained_weights, spec, len(dataset_snapshot.classes))
        test = load_split(dataset_snapshot, dataset_splits, "test", spec)
        provenance = {
            "pipeline": pipeline.name,
            "dataset_version": dataset_snapshot.version,
            "weights_digest": trained_weights.weights_digest,
        }
        golden = frozenset(ids_of(dataset_splits, "test")[: config.export.golden])
        return export(
            network, test, spec, config.export, provenance,
            variants=variants,
            train=load_split(dataset_snapshot, dataset_splits, "train", spec) if variants else None,
            golden=dict(read_payloads(dataset_snapshot, golden)),
        )  # fmt: skip

    _behavior(graph, pipeline)
    for target in config.edge.targets:
        _device(graph, pipeline, target)


def _behavior(graph: Collector, pipeline: Pipeline) -> None:
    settings = pipeline.config.behavior
    folder = pipeline.folder_beside(settings.edge_cases)

    def by_hand() -> str:
        from qa_assets.evaluation.edge_cases import fingerprint

        return fingerprint(folder)

    rooms = ("evaluation", "preprocessing")

    @graph.asset(*rooms, kinds={"onnx"}, outside=by_hand)
    def edge_cases(onnx_model: OnnxModel) -> EdgeCases:
        """Hand-made samples, asked of the exported file alone: minimum functionality (MFT)."""
        from qa_assets.evaluation.edge_cases import edge_cases

        return edge_cases(onnx_model, folder)

    @graph.asset(*rooms, kinds={"onnx"}, settings=settings)
    def behavior_report(
        onnx_model: OnnxModel,
        release_baseline: ReleaseBaseline,
        dataset_snapshot: DatasetSnapshot,
        dataset_splits: DatasetSplits,
    ) -> BehaviorReport:
        """Changed pictures: what must not change the answer (INV), what must lower it (DIR)."""
        from qa_assets.evaluation.behavior import behavior
        from qa_assets.preprocessing.samples import labels_of, read_payloads

        labels = labels_of(dataset_splits, "test")
        payloads = dict(read_payloads(dataset_snapshot, frozenset(labels)))
        return behavior(onnx_model, release_baseline, labels, payloads, settings)


def _device(graph: Collector, pipeline: Pipeline, target: str) -> None:
    config = pipeline.config
    asset = re.sub(r"\W", "_", target)
    edge = config.edge.model_copy(update={"targets": (target,)})
    kinds, measured = {"onnx", asset}, (edge, config.input)

    @graph.asset("edge", kinds=kinds, settings=measured, name=f"edge_benchmark/{asset}")
    def edge_benchmark(
        onnx_model: OnnxModel,
        dataset_snapshot: DatasetSnapshot,
        dataset_splits: DatasetSplits,
        scratch: Path,
    ) -> EdgeBenchmark:
        """What the target answers from raw bytes, and what it costs there."""
        from qa_assets.edge.benchmark import benchmark
        from qa_assets.preprocessing.samples import ids_of, read_payloads

        wanted = frozenset(ids_of(dataset_splits, "test"))
        payloads = dict(sorted(read_payloads(dataset_snapshot, wanted)))
        return benchmark(target, onnx_model, payloads, config.input, config.edge, scratch)

    @graph.asset(
        "edge",
        "preprocessing",
        kinds=kinds,
        settings=measured,
        name=f"edge_comparison/{asset}",
        reads=["onnx_model", f"edge_benchmark/{asset}"],
    )
    def edge_comparison(records: Mapping[str, Record], scratch: Path) -> EdgeComparison:
        """The target against the reference, stage by stage from raw bytes, and why it departs."""
        from qa_assets.edge.comparison import compare

        model, answers = records["onnx_model"], records[f"edge_benchmark/{asset}"]
        assert isinstance(model, OnnxModel)
        assert isinstance(answers, EdgeBenchmark)
        return compare(target, model, answers, config.input, config.edge, scratch)

    @graph.asset("edge", kinds=kinds, settings=measured, name=f"latency_duel/{asset}",
                 reads=["onnx_model", "release_baseline"])  # fmt: skip
    def latency_duel(records: Mapping[str, Record], scratch: Path) -> LatencyDuel:
        """How many times as long a call takes as with the released model, timed in turns."""
        from qa_assets.edge.duel import duel_with_release

        model, baseline = records["onnx_model"], records["release_baseline"]
        assert isinstance(model, OnnxModel)
        assert isinstance(baseline, ReleaseBaseline)
        store, readable = local_store(pipeline.root), not baseline.unreadable
        known = baseline.release if readable else ""
        release = Release.load(store.get(known)) if known else None
        return duel_with_release(
            target, model, baseline, release, config.input, settings=config.edge, scratch=scratch
        )


def _outcome(
    graph: Collector, pipeline: Pipeline, measured: Mapping[str, Artifact], posted: list[Posted]
) -> None:
    gates = [p for p in posted if p.blocking]
    judged = (pipeline.name, [(p.title, p.blocking, p.identity()) for p in posted])

    @graph.asset("release", kinds={"release"}, settings=judged, reads=list(measured))
    def release(records: Mapping[str, Record]) -> Release:
        """Everything that is shipped; made only if every gate, judged anew, passes on it."""
        from qa_assets.release.bundle import bundle

        return bundle(pipeline.name, records, {g.title: g.judge(records) for g in gates})

    @graph.asset("release", kinds={"html"}, settings=judged, reads=[*measured, "release"])
    def qa_report(records: Mapping[str, Record]) -> QaReport:
        """One offline page that says what may be released and why, and the same for machines."""
        return report_on(pipeline, posted, records, [p.judge(records) for p in posted])


def report_on(
    pipeline: Pipeline,
    posted: Sequence[Posted],
    records: Mapping[str, Record],
    verdicts: Sequence[Verdict],
) -> QaReport:
    """The report on whatever records there are; a pipeline that was stopped has one too."""
    from qa_assets.release.report import ReportedVerdict, report

    reported = [
        ReportedVerdict(p.judged, p.check.name, p.check.description, p.blocking, verdict)
        for p, verdict in zip(posted, verdicts, strict=True)
    ]
    measured = {name: record for name, record in records.items() if name != "release"}
    released = records.get("release")
    return report(
        pipeline.name,
        pipeline.config.description,
        measured,
        reported,
        released if isinstance(released, Release) else None,
    )

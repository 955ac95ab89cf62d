"""The exported file, how it behaves, and each device it is meant for."""

import re
from collections.abc import Mapping
from pathlib import Path

from qa_assets.artifacts import Collector
from qa_assets.config import Pipeline
from qa_assets.core.record import Record
from qa_assets.core.records.behavior import BehaviorReport, EdgeCases
from qa_assets.core.records.comparison import ReleaseBaseline
from qa_assets.core.records.datasets import DatasetSnapshot, DatasetSplits
from qa_assets.core.records.device import EdgeBenchmark
from qa_assets.core.records.edge import EdgeComparison, LatencyDuel
from qa_assets.core.records.export import VARIANTS, OnnxModel, VariantName
from qa_assets.core.records.release import Release
from qa_assets.core.records.training import TrainedWeights
from qa_assets.resources import local_store


def exported(graph: Collector, pipeline: Pipeline) -> None:
    """The exported file and its variants, then everything that is asked of them."""
    from qa_assets.edge.target import find

    config, spec = pipeline.config, pipeline.config.input
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

    behaves(graph, pipeline)
    for target in config.edge.targets:
        device(graph, pipeline, target)


def behaves(graph: Collector, pipeline: Pipeline) -> None:
    """Hand-made and changed pictures, asked of the exported file alone."""
    settings = pipeline.config.behavior
    folder = pipeline.folder_beside(settings.edge_cases)

    def by_hand() -> str:
        from qa_assets.preprocessing.hand_made import fingerprint

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


def device(graph: Collector, pipeline: Pipeline, target: str) -> None:
    """One device: its answers and cost, where they depart, its latency beside the release."""
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

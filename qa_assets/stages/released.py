"""The candidate beside what is released."""

from collections.abc import Mapping

from qa_assets.artifacts import Collector
from qa_assets.config import Pipeline
from qa_assets.core.records.comparison import ReleaseBaseline, ReleaseComparison
from qa_assets.core.records.datasets import DatasetSnapshot, DatasetSplits
from qa_assets.core.records.evaluation import Predictions
from qa_assets.core.records.release import GateSettings
from qa_assets.core.records.training import TrainedWeights
from qa_assets.gates import thresholds_of
from qa_assets.resources import local_store


def against_release(graph: Collector, pipeline: Pipeline) -> None:
    """What the release answers on today's test samples, and the difference."""
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

    gates = thresholds_of(pipeline)

    def other_gates() -> str:
        from qa_assets.release.gate_settings import released_under_others

        return released_under_others(store, pipeline.name, gates)

    @graph.asset("release", kinds={"yaml"}, settings=(pipeline.name, gates), outside=other_gates)
    def gate_settings() -> GateSettings:
        """What the gates ask for, beside what those of the release before asked for."""
        from qa_assets.release.gate_settings import gate_settings

        return gate_settings(store, pipeline.name, gates)

    @graph.asset("evaluation", kinds={"pandas"})
    def release_comparison(
        predictions: Predictions, release_baseline: ReleaseBaseline
    ) -> ReleaseComparison:
        """The candidate against the release on the same samples: differences, flips, slices."""
        from qa_assets.evaluation.comparison import compare

        return compare(predictions, release_baseline)

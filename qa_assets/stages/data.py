"""The data before any training: versions, splits, quality, statistics, drift, labels."""

from collections.abc import Mapping
from pathlib import Path

from qa_assets.artifacts import Collector
from qa_assets.config import Pipeline
from qa_assets.core.digests import digest_file
from qa_assets.core.record import Earlier
from qa_assets.core.records.datasets import DatasetSnapshot, DatasetSplits, DatasetStatistics
from qa_assets.core.records.preprocessing import PreprocessingContract
from qa_assets.core.records.quality import DriftReport, LabelAudit, SampleQuality
from qa_assets.core.records.review import SpotCheck
from qa_assets.resources import local_store


def versions(graph: Collector, pipeline: Pipeline) -> None:
    """A version of the dataset, what its samples are like, and how it is split."""
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
    def dataset_snapshot(scratch: Path, memory: Path, earlier: Earlier) -> DatasetSnapshot:
        """An immutable copy of one dataset version: samples by content, bad ones set aside."""
        from qa_assets.datasets.snapshot import snapshot

        return snapshot(config.dataset, pipeline.name, root, scratch, earlier, memory)

    @graph.asset("datasets", kinds={"pyarrow"}, settings=pipeline.name)
    def sample_quality(dataset_snapshot: DatasetSnapshot, earlier: Earlier) -> SampleQuality:
        """What each sample is like, which ones look the same, which are unlike their class."""
        from qa_assets.datasets.quality import quality

        return quality(dataset_snapshot, earlier)

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


def compared(graph: Collector, pipeline: Pipeline) -> None:
    """How far the data, and what is made of them before the network, moved since the release."""
    config, store = pipeline.config, local_store(pipeline.root)

    def reference(inputs: Mapping[str, str]) -> str:
        from qa_assets.datasets.released import other_release

        now = DatasetStatistics.load(store.get(inputs["dataset_statistics"]))
        return other_release(store, pipeline.name, now.version)

    first = config.first_release

    @graph.asset(
        "datasets", "preprocessing", kinds={"pandas", "sklearn", "onnx"},
        settings=(pipeline.name, first), outside=reference,
    )  # fmt: skip
    def drift_report(
        dataset_snapshot: DatasetSnapshot,
        dataset_statistics: DatasetStatistics,
        sample_quality: SampleQuality,
        dataset_splits: DatasetSplits,
    ) -> DriftReport:
        """How far the data moved since the version before and the release, from train to test."""
        from qa_assets.datasets.drift_report import drift_report
        from qa_assets.datasets.released import other_release, released_data

        release = other_release(store, pipeline.name, dataset_statistics.version)
        measured = (dataset_snapshot, dataset_statistics, sample_quality, dataset_splits)
        return drift_report(*measured, released=released_data(store, release), first_release=first)

    def other_contract() -> str:
        from qa_assets.preprocessing.contract import other_contract

        return other_contract(store, pipeline.name, config.input)

    @graph.asset(
        "preprocessing", kinds={"png", "numpy"}, settings=(pipeline.name, config.input, first),
        outside=other_contract,
    )  # fmt: skip
    def preprocessing_contract(dataset_snapshot: DatasetSnapshot) -> PreprocessingContract:
        """What the declared preprocessing makes of golden inputs, beside what was released."""
        from qa_assets.preprocessing.contract import contract

        return contract(dataset_snapshot, config.input, store, pipeline.name, first)


def examined(graph: Collector, pipeline: Pipeline) -> None:
    """Which labels and samples look wrong, and what a person decided about them."""
    config, by_hand = pipeline.config, pipeline.root / "data" / pipeline.name

    @graph.asset("datasets", "preprocessing", kinds={"sklearn"}, settings=config.input)
    def label_audit(dataset_snapshot: DatasetSnapshot) -> LabelAudit:
        """The labels that a model which never saw their samples would not give, worst first."""
        from qa_assets.datasets.label_audit import label_audit

        return label_audit(dataset_snapshot, config.input)

    def decisions() -> str:
        from qa_assets.datasets.ledger import ledger_file

        file = ledger_file(by_hand)
        return digest_file(file) if file else ""

    @graph.asset(
        "datasets", kinds={"png", "sklearn"}, settings=config.spot_check, outside=decisions
    )
    def spot_check(
        dataset_snapshot: DatasetSnapshot, sample_quality: SampleQuality, label_audit: LabelAudit
    ) -> SpotCheck:
        """What a person should look at, and what was decided before."""
        from qa_assets.datasets.ledger import ledger_file, read_ledger
        from qa_assets.datasets.spot_check import spot_check

        found = (dataset_snapshot, sample_quality, label_audit)
        return spot_check(*found, config.spot_check, read_ledger(ledger_file(by_hand)))

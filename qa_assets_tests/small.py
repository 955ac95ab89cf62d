"""A graph of two small real artifacts, for tests of the shell that need no data."""

from pathlib import Path

import dagster as dg

from qa_assets.artifacts import Artifact, Collector
from qa_assets.assets import build_assets
from qa_assets.core.check import Check
from qa_assets.core.config import Frozen
from qa_assets.core.record import Estimate, Record
from qa_assets.core.records.datasets import DatasetStatistics
from qa_assets.core.records.evaluation import Evaluation
from qa_assets.core.verdict import Verdict
from qa_assets.gates import Posted, build_checks
from qa_assets.resources import ArtifactStoreResource, StoreIOManager


class Made:
    """Counts what was really made."""

    def __init__(self) -> None:
        self.names: list[str] = []


def artifacts(made: Made, *, samples: int = 3, outside: str = "v1") -> dict[str, Artifact]:
    """``first`` is read by ``second``; ``outside`` stands for data that may change."""
    graph = Collector()

    @graph.asset("datasets", kinds={"test"}, settings={"samples": samples}, outside=lambda: outside)
    def first() -> DatasetStatistics:
        """Counts."""
        made.names.append("first")
        return DatasetStatistics(
            samples=samples, class_counts={"a": samples}, groups=1, brightness_mean=0.5,
            brightness_std=0.1,
        )  # fmt: skip

    @graph.asset("evaluation", kinds={"test"})
    def second(first: DatasetStatistics) -> Evaluation:
        """Metrics."""
        made.names.append("second")
        right = Estimate(1.0, 0.9, 1.0, first.samples)
        return Evaluation(classes=("a",), accuracy=right, per_class=(), confusion=(), gains={})

    return graph.artifacts


class _None(Frozen):
    pass


def posted(artifact: Artifact, judge: object, *, blocking: bool = True) -> Posted:
    """``judge`` as a check on ``artifact``."""
    name = judge.__name__  # type: ignore[attr-defined]
    check = Check(name, judge, (artifact.name,), _None, f"{name}.", __name__)  # type: ignore[arg-type]
    return Posted(check, artifact.name, {artifact.name: artifact}, {}, blocking)


def holds(record: Record) -> Verdict:
    """It holds."""
    return Verdict(outcome="pass", summary="it holds", measured=1.0, limit=1.0)


def breaks(record: Record) -> Verdict:
    """It does not hold."""
    return Verdict(
        outcome="fail", summary="it breaks", measured=2.0, limit=1.0, cause="test.broken"
    )


def crashes(record: Record) -> Verdict:
    """It crashes."""
    raise ZeroDivisionError("no samples")


def definitions(folder: Path, graph: dict[str, Artifact], checks: list[Posted]) -> dg.Definitions:
    """The small graph as Dagster sees it, on a store of its own."""
    return dg.Definitions(
        assets=build_assets("p", graph.values()),
        asset_checks=build_checks("p", checks),
        resources={
            "store": ArtifactStoreResource(folder=str(folder)),
            "io_manager": StoreIOManager(folder=str(folder)),
        },
        executor=dg.in_process_executor,
    )


def run(defined: dg.Definitions, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Everything, in this process."""
    job = defined.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, raise_on_error=False)

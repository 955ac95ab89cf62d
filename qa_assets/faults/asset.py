"""The self-test as an asset of its own group: a run of the pipeline never waits for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from qa_assets.artifacts import Artifact, Collector
from qa_assets.config import Pipeline
from qa_assets.core.records.faults import GateSelftest
from qa_assets.core.store import LocalStore
from qa_assets.gates import Posted
from qa_assets.resources import local_store

ROOMS = (
    "checks", "datasets", "edge", "evaluation", "export", "faults", "preprocessing", "release",
    "training",
)  # fmt: skip
STORE = "selftest"


def selftest_group(pipeline: str) -> str:
    """The group and the job of the self-test are called so."""
    return f"{pipeline}__selftest"


def selftest_artifacts(
    pipeline: Pipeline, artifacts: Mapping[str, Artifact], posted: Sequence[Posted]
) -> dict[str, Artifact]:
    """The one artifact of the self-test; it depends on everything that the graph depends on."""
    depends = {
        "graph": {name: a.settings for name, a in artifacts.items()},
        "posted": [(p.title, p.blocking, p.identity()) for p in posted],
    }
    source = artifacts["dataset_snapshot"]
    graph = Collector()

    @graph.asset(
        *ROOMS, kinds={"selftest"}, settings=depends, outside=source.outside,
        prepare=source.prepare,
    )  # fmt: skip
    def gate_selftest(unfinished: Path) -> GateSelftest:
        """Which planted faults the gates stop, whether they name them, how often they cry wolf."""
        from qa_assets.faults.selftest import chosen, selftest

        return selftest(pipeline, clean_store(pipeline), chosen(), unfinished=unfinished)

    return graph.artifacts


def clean_store(pipeline: Pipeline) -> LocalStore:
    """Where the self-test keeps clean artifacts: beside the project's store, never in it."""
    return LocalStore(clean_stores(pipeline.root) / pipeline.name)


def clean_stores(root: Path) -> Path:
    """The folder of those of every pipeline of a project."""
    return local_store(root).root.parent / STORE
